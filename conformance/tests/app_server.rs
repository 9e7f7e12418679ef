//! The fake app-server as a process of its own: what a client meets.

#![expect(clippy::unwrap_used, reason = "a failing helper fails the test")]

use base64::Engine as _;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use tempfile::TempDir;

struct Fake {
    child: Child,
    lines: BufReader<ChildStdout>,
    workspace: TempDir,
}

fn fake(run: Value) -> Fake {
    let workspace = tempfile::tempdir().unwrap();
    let script = json!({"nonce": "n", "life_s": 30, "agents": {"*": [run]}, "report_env": ["HOME"]});
    let word = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(script.to_string());
    let mut child = Command::new(env!("CARGO_BIN_EXE_symphony-conformance"))
        .args(["fake-app-server", "--case", "n", "--script", &word])
        .current_dir(workspace.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    Fake { child, lines, workspace }
}

impl Fake {
    fn say(&mut self, message: &Value) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(format!("{message}\n").as_bytes()).unwrap();
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Up to the first message that has this method, or this id and no method.
    fn hear_until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.hear();
            if fits(&message) {
                return message;
            }
        }
    }

    fn begin(&mut self) -> Value {
        self.say(&json!({"id": "one", "method": "initialize", "params": {"clientInfo": {"name": "t", "version": "1"}}}));
        let answer = self.hear();
        self.say(&json!({"method": "initialized"}));
        self.say(&json!({"id": 2, "method": "thread/start", "params": {"cwd": "/x"}}));
        let thread = self.hear();
        let id = thread["result"]["thread"]["id"].clone();
        self.say(&json!({"id": 3, "method": "turn/start", "params": {"threadId": id, "input": [{"type": "text", "text": "hi"}]}}));
        answer
    }

    fn kinds(&self) -> Vec<String> {
        let runs = std::fs::read_dir(self.workspace.path().join(".conformance")).unwrap();
        let run =
            runs.flatten().find(|entry| entry.file_name().to_string_lossy().starts_with("run-")).unwrap();
        let text = std::fs::read_to_string(run.path().join("events.jsonl")).unwrap();
        let kinds = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["kind"].clone());
        kinds.map(|kind| kind.as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn ids_are_echoed_as_they_came() {
    let mut fake = fake(json!({}));
    assert_eq!(fake.begin()["id"], json!("one"));
}

#[test]
fn a_turn_completes_and_everything_is_written_down() {
    let mut fake = fake(json!({"turns": [[{"say": "hello"}]]}));
    fake.begin();
    let done = fake.hear_until(|message| message["method"] == "turn/completed");
    assert_eq!(done["params"]["turn"]["status"], "completed");
    drop(fake.child.stdin.take());
    assert!(fake.child.wait().unwrap().success());
    let kinds = fake.kinds();
    assert_eq!((kinds[0].as_str(), kinds.iter().filter(|kind| *kind == "got").count()), ("start", 4));
    assert!(
        kinds.contains(&"stdin_closed".to_owned()) && !kinds.contains(&"violation".to_owned()),
        "{kinds:?}"
    );
}

#[test]
fn a_failing_turn_says_failed() {
    let mut fake = fake(json!({"turns": [[{"fail": "why"}]]}));
    fake.begin();
    let done = fake.hear_until(|message| message["method"] == "turn/completed");
    assert_eq!(
        (&done["params"]["turn"]["status"], &done["params"]["turn"]["error"]["message"]),
        (&json!("failed"), &json!("why"))
    );
}

#[test]
fn a_request_waits_for_its_answer() {
    let mut fake =
        fake(json!({"turns": [[{"ask": {"id": 0, "method": "m/ask", "params": {"t": "{thread}"}}}]]}));
    fake.begin();
    let asked = fake.hear_until(|message| message["method"] == "m/ask");
    assert!(asked["params"]["t"].as_str().unwrap().starts_with("thread-"));
    fake.say(&json!({"id": 0, "result": {"decision": "accept"}}));
    fake.hear_until(|message| message["method"] == "turn/completed");
    assert!(fake.kinds().contains(&"reply".to_owned()));
}

#[test]
fn an_interrupt_ends_a_turn_that_hangs() {
    let mut fake = fake(json!({"turns": [["hang"]]}));
    fake.begin();
    fake.hear_until(|message| message["method"] == "turn/started");
    fake.say(&json!({"id": 9, "method": "turn/interrupt", "params": {}}));
    let done = fake.hear_until(|message| message["method"] == "turn/completed");
    assert_eq!(done["params"]["turn"]["status"], "interrupted");
}

#[test]
fn the_wrong_order_is_refused_and_noted() {
    let mut fake = fake(json!({}));
    fake.say(&json!({"id": 1, "method": "thread/start", "params": {}}));
    assert_eq!(fake.hear()["error"]["message"], "Not initialized");
    assert!(fake.kinds().contains(&"violation".to_owned()));
}

#[test]
fn a_process_ends_with_the_code_it_was_told() {
    let mut fake = fake(json!({"turns": [[{"exit": 7}]]}));
    fake.begin();
    assert_eq!(fake.child.wait().unwrap().code(), Some(7));
}
