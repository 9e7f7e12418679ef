//! The real Claude Code, through the gateway, against a rehearsal. Skipped aloud when it is not installed.

use crate::house::{House, Plan, claims, order};
use base::env::Env;
use domain::call::{Call, Status};
use domain::containment::Scope;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// Where CI installs it; see `.ci/run`.
const INSTALLED: &str = ".cache/seawall-tools/node_modules/@anthropic-ai/claude-code-linux-x64/claude";
/// Its turns take a second; a machine that compiles meanwhile takes its time.
const PATIENCE: Duration = Duration::from_secs(120);

const WORK: &str = r#"
[[script]]
name = "work"
when = { contains = ["mend the greeting"] }
[[script.turn]]
text = "I look first."
usage = { input = 70000, cached = 60000, output = 50, reasoning = 10 }
[[script.turn.call]]
run = "cat greeting.txt; echo ran > ran.txt"
[[script.turn]]
[[script.turn.call]]
patch = '''
*** Begin Patch
*** Update File: greeting.txt
@@
 hello
-wrld
+world
@@
-bye
+goodbye
*** Add File: new/note.txt
+It was misspelt.
*** Delete File: old.txt
*** End Patch
'''
[[script.turn.call]]
tool = "set_issue"
arguments = { state = "Review" }
[[script.turn]]
text = "The greeting is mended."
"#;

/// An MCP server with one tool, in the shell that every machine has: what it is called with goes into `called`.
const SERVER: &str = r#"while IFS= read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9][0-9]*\).*/\1/p')
  case "$line" in
    *'"initialize"'*) result='{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"seawall","version":"1"}}' ;;
    *'"tools/list"'*) result='{"tools":[{"name":"set_issue","description":"Moves the issue.","inputSchema":{"type":"object","properties":{"state":{"type":"string"}}}}]}' ;;
    *'"tools/call"'*) printf '%s\n' "$line" >>called; result='{"content":[{"type":"text","text":"moved"}]}' ;;
    *) result='{}' ;;
  esac
  if [ -n "$id" ]; then printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$result"; fi
done
"#;

#[tokio::test]
async fn real_claude_code_runs_edits_calls_a_server_and_finishes() {
    let Some(claude) = claude("real_claude_code_runs_edits_calls_a_server_and_finishes") else { return };
    let house = House::open(Plan::rehearsal(WORK)).await;
    let place = Place::new();
    let servers = json!({"mcpServers": {"seawall": {"command": "sh", "args": [place.path("server.sh")]}}});
    let told = Told::by(place.start(&claude, &house, &servers)).await;
    let result = told.result();
    assert_eq!((&result["is_error"], &result["result"]), (&json!(false), &json!("The greeting is mended.")));
    for (file, content) in [
        ("greeting.txt", "hello\nworld\nbetween\ngoodbye\n"),
        ("ran.txt", "ran\n"),
        ("new/note.txt", "It was misspelt.\n"),
    ] {
        assert_eq!(place.read(file), content, "{file}: {told:?}");
    }
    assert!(!place.path("old.txt").exists(), "{told:?}");
    let called: Value = serde_json::from_str(&place.read("called")).unwrap();
    assert_eq!(called["params"]["arguments"], json!({"state": "Review"}));
    let calls = settled(&house, 3).await;
    assert!(calls.iter().all(|call| (call.status, call.rehearsal) == (Status::Done, true)), "{calls:?}");
    let first = calls[0].usage;
    assert_eq!((first.input, first.cached, first.output), (70_000, 60_000, 50));
    // The client counts what the gateway counts: all calls of the turn, cached input apart.
    let cached: u64 = calls.iter().map(|call| call.usage.cached).sum();
    let output: u64 = calls.iter().map(|call| call.usage.output).sum();
    let usage = &result["usage"];
    assert_eq!(
        (&usage["cache_read_input_tokens"], &usage["output_tokens"]),
        (&json!(cached), &json!(output))
    );
}

#[tokio::test]
async fn real_claude_code_gives_up_at_once_when_a_budget_is_spent() {
    let Some(claude) = claude("real_claude_code_gives_up_at_once_when_a_budget_is_spent") else { return };
    let mut plan = Plan::rehearsal(WORK);
    plan.team_budget = Some("0.0001 USD/day");
    let house = House::open(plan).await;
    let place = Place::new();
    let told = Told::by(place.start(&claude, &house, &json!({"mcpServers": {}}))).await;
    told.gave_up_with(402, "the budget of team/pay is spent");
    let retries = told.lines.iter().filter(|line| line["subtype"] == "api_retry").count();
    assert_eq!(retries, 0, "{told:?}");
}

#[tokio::test]
async fn real_claude_code_is_cut_by_an_order_and_stays_out() {
    let Some(claude) = claude("real_claude_code_is_cut_by_an_order_and_stays_out") else { return };
    let endless = "[[script]]\nname = 'a'\n[[script.turn]]\ntext = 'a long answer, said slowly, word by word'\n\
        chunk_delay = '60s'\n";
    let house = House::open(Plan::rehearsal(endless)).await;
    let place = Place::new();
    let child = place.start(&claude, &house, &json!({"mcpServers": {}}));
    house
        .ledger
        .until(|state| state.calls.first().is_some_and(|call| call.status == Status::Open).then_some(()))
        .await;
    house.ledger.contain(order(Scope::Run(claims().identity.run)));
    assert_eq!(house.ledger.settled().await.status, Status::Cut);
    Told::by(child).await.gave_up_with(403, "it loops");
    assert_eq!(house.ledger.with(|state| state.calls.len()), 1, "nothing was admitted after the order");
}

/// The real one: by `SEAWALL_TEST_CLAUDE`, on the `PATH`, or in the cache that CI fills.
fn claude(test: &str) -> Option<PathBuf> {
    let env = Env::process();
    let cached = env.get("HOME").map(|home| format!("{home}/{INSTALLED}"));
    let named = [env.get("SEAWALL_TEST_CLAUDE"), Some("claude".to_owned()), cached];
    let found = named.iter().flatten().find_map(|name| env.find_program(name));
    if found.is_none() {
        let required = env.get("SEAWALL_REQUIRE_REAL").as_deref() == Some("1");
        assert!(!required, "{test} may not be skipped with SEAWALL_REQUIRE_REAL=1");
        eprintln!("SKIPPED: {test}: Claude Code is not installed (npm install @anthropic-ai/claude-code)");
    }
    found
}

/// Waits until `count` calls are settled.
async fn settled(house: &House, count: usize) -> Vec<Call> {
    let ended = |call: &&Call| call.status != Status::Open;
    let all = |calls: &[Call]| calls.iter().filter(ended).count() == count;
    house.ledger.until(|state| all(&state.calls).then(|| state.calls.clone())).await
}

/// A workspace, and a home that is nobody's.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for folder in ["work", "home", "tmp"] {
            std::fs::create_dir(place.0.path().join(folder)).unwrap();
        }
        for (file, content) in
            [("greeting.txt", "hello\nwrld\nbetween\nbye\n"), ("old.txt", "old\n"), ("server.sh", SERVER)]
        {
            std::fs::write(place.path(file), content).unwrap();
        }
        place
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join("work").join(file)
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap_or_else(|error| format!("{file}: {error}"))
    }

    /// One prompt, with nothing of this process's environment but the `PATH`.
    fn start(&self, claude: &Path, house: &House, servers: &Value) -> Child {
        let home = self.0.path().join("home");
        Command::new(claude)
            .args(["-p", "mend the greeting", "--output-format", "stream-json", "--verbose"])
            .args(["--permission-mode", "bypassPermissions", "--strict-mcp-config", "--mcp-config"])
            .arg(servers.to_string())
            .current_dir(self.path(""))
            .env_clear()
            .env("PATH", Env::process().get("PATH").unwrap())
            .env("HOME", &home)
            .env("TMPDIR", self.0.path().join("tmp"))
            .env("CLAUDE_CODE_TMPDIR", self.0.path().join("tmp"))
            .env("CLAUDE_CONFIG_DIR", home.join("config"))
            .env("ANTHROPIC_BASE_URL", format!("http://{}", house.address))
            .env("ANTHROPIC_AUTH_TOKEN", house.token(&claims()))
            .env("ANTHROPIC_MODEL", "large")
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .env("CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS", "1")
            .env("CLAUDE_CODE_MAX_RETRIES", "2")
            // Root may let it do everything only when it says that walls stand around it.
            .env("IS_SANDBOX", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }
}

/// Everything it said.
#[derive(Debug)]
struct Told {
    lines: Vec<Value>,
    errors: String,
}

impl Told {
    async fn by(child: Child) -> Self {
        let output =
            tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Self { lines, errors: String::from_utf8_lossy(&output.stderr).into_owned() }
    }

    /// What it ends with.
    fn result(&self) -> &Value {
        let last = self.lines.iter().find(|line| line["type"] == "result");
        last.unwrap_or_else(|| panic!("no result but: {}", self.errors))
    }

    fn gave_up_with(&self, status: u16, text: &str) {
        let result = self.result();
        assert_eq!(
            (&result["is_error"], &result["api_error_status"]),
            (&json!(true), &json!(status)),
            "{self:?}"
        );
        assert!(result["result"].as_str().unwrap().contains(text), "{result}");
    }
}
