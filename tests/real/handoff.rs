//! The real Codex and the real Claude Code, each through a WORKFLOW.md that hands work off: an issue finished, stopped by
//! its state, gone on with after a `kill -9` on the same thread, and held to its turns.

use crate::support::scenario::*;
use crate::support::{Daemon, Installation, Plan, process, require};
use serde_json::json;
use std::path::PathBuf;

/// A real agent: its driver, where CI installs it, and the variable that names it.
#[derive(Clone, Copy)]
struct Real {
    driver: &'static str,
    variable: &'static str,
    installed: &'static str,
}

const CODEX: Real = Real {
    driver: "codex",
    variable: "SEAWALL_TEST_CODEX",
    installed: ".cache/seawall-tools/node_modules/.bin/codex",
};
const CLAUDE: Real = Real {
    driver: "claude",
    variable: "SEAWALL_TEST_CLAUDE",
    installed: ".cache/seawall-tools/node_modules/@anthropic-ai/claude-code-linux-x64/claude",
};

impl Real {
    fn found(self, test: &str) -> Option<PathBuf> {
        let named = std::env::var_os(self.variable).map(PathBuf::from);
        let installed = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(self.installed));
        let found = named.or(installed).filter(|path| path.exists());
        let what = format!("{} {test}", self.driver);
        require(&what, found.ok_or_else(|| format!("not installed; name it in {}", self.variable)))
    }

    fn plan(self, test: &str, scenario: String) -> Option<Plan> {
        let program = self.found(test)?;
        let driver = format!("driver = \"{}\"\ncommand = \"{}\"\n#", self.driver, program.display());
        Some(Plan::handing_off(scenario).config("driver = \"builtin\"       #", &driver).issue("A-1"))
    }
}

/// Waits until the agent has a thread that could be resumed and made a model call.
async fn at_work(daemon: &Daemon) -> String {
    let (run, _) = daemon.working("A-1").await;
    let id = run.summary.id.to_string();
    daemon
        .until("the agent to call the model", async |client| {
            (client.run(&id).await.ok()?.summary.spend.calls >= 1).then_some(())
        })
        .await;
    id
}

async fn finishes(real: Real) {
    let scenario = scenario(&[script(
        "author",
        &["Work on "],
        &[
            runs("echo real >real.txt; pwd >>real.txt"),
            calls("tracker", json!({ "action": "move", "state": "Human Review" })),
            says("Handed over."),
        ],
    )]);
    let Some(plan) = real.plan("finishes an issue", scenario) else { return };
    let shop = plan.write();
    let daemon = Daemon::start(&shop).await;
    let run = daemon.ended_run("A-1").await;
    assert_eq!(run.summary.outcome.as_deref(), Some("released"), "{}", crate::support::daemon::lines(&run));
    assert_eq!(shop.issue_state("A-1"), "Human Review");
    let workspace = shop.dir().join("ws/A-1").canonicalize().unwrap();
    assert_eq!(shop.read("ws/A-1/real.txt"), format!("real\n{}\n", workspace.display()));
    assert!(run.summary.spend.tokens.input > 0, "its calls were metered");
}

async fn is_stopped_by_a_state_change(real: Real) {
    let Some(plan) = real.plan("is stopped by a state change", scenario(&[loops("loops", &["Work on "])]))
    else {
        return;
    };
    let shop = plan.write();
    let daemon = Daemon::start(&shop).await;
    let id = at_work(&daemon).await;
    shop.edit_issue("A-1", "state: Todo", "state: Backlog");
    let run = daemon.ended_run("A-1").await;
    assert_eq!(run.summary.outcome.as_deref(), Some("released"));
    daemon.until("its processes to be gone", async |_| process::of_run(&id).is_empty().then_some(())).await;
    assert!(shop.dir().join("ws/A-1").is_dir(), "its workspace stays");
}

/// The session's own name in the daemon's log.
fn sessions(daemon: &Daemon) -> Vec<String> {
    let named = |line: &str| Some(line.split_once("session_id=\"")?.1.split_once('"')?.0.to_owned());
    daemon.log().lines().filter(|line| line.contains("session started")).filter_map(named).collect()
}

async fn is_resumed_after_kill_9(real: Real) {
    let Some(plan) = real.plan("is resumed after kill -9", scenario(&[loops("loops", &["Work on "])])) else {
        return;
    };
    let shop: Installation = plan.write();
    let mut daemon = Daemon::start(&shop).await;
    let id = at_work(&daemon).await;
    let before = daemon.until("its thread", async |_| sessions(&daemon).pop()).await;
    // An agent writes its thread down as it goes; one that was killed before it did is begun anew.
    daemon
        .until("a thread that has a past", async |client| {
            (client.run(&id).await.ok()?.summary.spend.calls > 2).then_some(())
        })
        .await;
    daemon.kill9();
    drop(daemon);
    let daemon = Daemon::start(&shop).await;
    let after = daemon.until("the thread to be gone on with", async |_| sessions(&daemon).pop()).await;
    assert_eq!(after, before, "the same thread");
    let run = daemon.client.run(&id).await.unwrap();
    assert_eq!(
        (run.summary.attempts, daemon.authors_of("A-1").await.len()),
        (2, 1),
        "one owner, a new attempt"
    );
    // It is a thread that has a past: the next request to the model holds what was said before.
    let calls = run.summary.spend.calls;
    daemon
        .until("another call of the model", async |client| {
            (client.run(&id).await.ok()?.summary.spend.calls > calls).then_some(())
        })
        .await;
}

async fn obeys_max_turns(real: Real) {
    let idle = scenario(&[script("idle", &["Work on "], &[with(says("Not done."), "repeat", json!(true))])]);
    let Some(plan) = real.plan("obeys max_turns", idle) else { return };
    let shop = plan.workflow("max_turns: 20", "max_turns: 2").write();
    let daemon = Daemon::start(&shop).await;
    let log = daemon
        .until("a second worker", async |_| {
            daemon.log().split_once("attempt 2 claimed").map(|(log, _)| log.to_owned())
        })
        .await;
    assert_eq!(log.matches("turn started").count(), 2, "{log}");
    assert_eq!(log.matches("session started").count(), 1, "both on one thread: {log}");
}

macro_rules! each {
    ($($name:ident: $real:expr => $test:ident;)*) => {$(
        #[tokio::test]
        async fn $name() {
            $test($real).await;
        }
    )*};
}

each! {
    codex_finishes_an_issue_through_a_workflow: CODEX => finishes;
    codex_is_stopped_by_a_state_change: CODEX => is_stopped_by_a_state_change;
    codex_is_resumed_after_kill_9: CODEX => is_resumed_after_kill_9;
    codex_obeys_max_turns: CODEX => obeys_max_turns;
    claude_finishes_an_issue_through_a_workflow: CLAUDE => finishes;
    claude_is_stopped_by_a_state_change: CLAUDE => is_stopped_by_a_state_change;
    claude_is_resumed_after_kill_9: CLAUDE => is_resumed_after_kill_9;
    claude_obeys_max_turns: CLAUDE => obeys_max_turns;
}
