//! One action of the script at a time.

use super::Player;
use crate::agent::protocol;
use crate::agent::record::FOLDER;
use crate::agent::script::{Action, Ask, Child, Usage};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long a child may take to be there.
const CHILD: Duration = Duration::from_secs(10);
/// Between the pieces of a line.
const BETWEEN_PIECES: Duration = Duration::from_millis(60);

impl Player {
    pub(super) fn perform(&mut self, action: &Action) {
        match action {
            Action::Complete => self.end_turn("completed", Value::Null),
            Action::Fail(message) => self.end_turn("failed", protocol::failure(message)),
            Action::Interrupted => self.end_turn("interrupted", Value::Null),
            Action::Over => self.turn = None,
            Action::Exit(code) => self.leave = Some(*code),
            Action::Hang => self.wait(None, |_| false),
            Action::Say(text) => self.say(text),
            Action::Send { method, params } => {
                let params = self.filled_value(params);
                self.send(&protocol::notification(method, params));
            }
            Action::Raw(text) => self.raw(&format!("{}\n", self.filled(text))),
            Action::Pieces(pieces) => {
                for piece in pieces {
                    self.raw(&self.filled(piece));
                    // Nobody is answered meanwhile: an answer would stand in the middle of the line.
                    std::thread::sleep(BETWEEN_PIECES);
                }
                self.raw("\n");
            }
            Action::BigMb(megabytes) => self.big(*megabytes),
            Action::Stderr(text) => {
                let line = format!("{}\n", self.filled(text));
                self.record.note("stderr", json!({"line": line}));
                let _ = std::io::stderr().write_all(line.as_bytes());
            }
            Action::WaitFor(name) => {
                let gate = self.cwd.join(FOLDER).join(format!("go-{name}"));
                self.record.note("waiting", json!({"for": name}));
                self.wait(None, |_| gate.exists());
                self.record.note("released", json!({"for": name}));
            }
            Action::PauseMs(ms) => self.wait(Some(Duration::from_millis(*ms)), |_| false),
            Action::Ask(ask) => self.ask(ask),
            Action::Tool { name, arguments } => self.tool(name, arguments),
            Action::Usage(usage) => self.usage(usage),
            Action::Child(child) => self.child(child),
            Action::Write { path, text } => {
                let written = std::fs::write(self.cwd.join(path), self.filled(text));
                self.record.note("wrote", json!({"path": path, "ok": written.is_ok()}));
            }
            Action::Tick { every_ms, times } => {
                for number in 0..*times {
                    self.say(&format!("progress {number}"));
                    self.wait(Some(Duration::from_millis(*every_ms)), |_| false);
                }
            }
        }
    }

    fn say(&mut self, text: &str) {
        let params = json!({
            "threadId": self.thread, "turnId": self.turn, "completedAtMs": 0,
            "item": {"type": "agentMessage", "id": "item-1", "text": self.filled(text)},
        });
        self.send(&protocol::notification("item/completed", params));
    }

    fn raw(&mut self, text: &str) {
        self.record.note("raw", json!({"text": text}));
        self.write(text.as_bytes());
    }

    /// A notification that is about as long as the largest line that is worth reading.
    fn big(&mut self, megabytes: usize) {
        let text = "x".repeat(megabytes * 1024 * 1024);
        let item = json!({"type": "agentMessage", "id": "item-big", "text": text});
        let params = json!({"threadId": self.thread, "turnId": self.turn, "completedAtMs": 0, "item": item});
        self.record.note("big", json!({"megabytes": megabytes}));
        self.write(format!("{}\n", protocol::notification("item/completed", params)).as_bytes());
    }

    fn ask(&mut self, ask: &Ask) {
        let id = ask.id.clone().unwrap_or_else(|| json!(self.next_id));
        self.next_id += 1;
        let key = id.to_string();
        self.waiting.insert(key.clone(), ask.method.clone());
        let params = self.filled_value(&ask.params);
        self.send(&json!({"id": id, "method": ask.method, "params": params}));
        self.wait(None, |player| !player.waiting.contains_key(&key));
    }

    fn tool(&mut self, name: &str, arguments: &Value) {
        let params = json!({
            "threadId": self.thread, "turnId": self.turn, "callId": format!("call-{}", self.next_id),
            "namespace": null, "tool": name, "arguments": arguments,
        });
        self.ask(&Ask { method: "item/tool/call".to_owned(), params, id: None });
    }

    fn usage(&mut self, usage: &Usage) {
        let params =
            json!({"threadId": self.thread, "turnId": self.turn, "tokenUsage": protocol::usage(usage)});
        self.send(&protocol::notification("thread/tokenUsage/updated", params));
    }

    fn child(&mut self, child: &Child) {
        let lock = self.record.folder.join(format!("child-{}.lock", self.next_id));
        self.next_id += 1;
        let mut command = match std::env::current_exe() {
            Ok(program) => Command::new(program),
            Err(why) => return self.record.note("violation", json!({"what": format!("no program: {why}")})),
        };
        command.arg("fake-child").arg("--lock").arg(&lock);
        command.arg("--life-s").arg(self.script.life_s.to_string()).arg("--case").arg(&self.script.nonce);
        command.args(child.setsid.then_some("--own-session"));
        command.args(child.ignore_term.then_some("--ignore-term"));
        let stdout = if child.hold_stdout { Stdio::inherit() } else { Stdio::null() };
        let spawned = command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::null()).spawn();
        let pid = spawned.map(|child| child.id());
        self.wait(Some(CHILD), |_| lock.exists());
        self.record.note("child", json!({"pid": pid.ok(), "there": lock.exists()}));
    }
}
