//! Plays one process of a fake app-server: answers its client, and does what the script says turn by turn.
//!
//! Invariants: while an action waits, the client is still answered; everything that comes in is recorded before it is
//! answered; a client that breaks the order of the protocol gets an error and a `violation` in the record.

mod actions;
mod client;

use super::protocol;
use super::record::Record;
use super::script::{Action, Answer, Ending, Run, Script};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How long one look at the channel takes at most.
const GLANCE: Duration = Duration::from_millis(5);

pub(super) struct Player {
    script: Script,
    part: Run,
    record: Record,
    cwd: PathBuf,
    lines: Receiver<String>,
    open: bool,
    hello: Hello,
    thread: Option<String>,
    turns: usize,
    turn: Option<String>,
    /// Turns that were asked for and not begun.
    asked: VecDeque<(Value, Value)>,
    /// Requests to the client that it has not answered, by id.
    waiting: BTreeMap<String, String>,
    next_id: u64,
    leave: Option<i32>,
}

/// How far the client has introduced itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hello {
    Nothing,
    Initialize,
    Initialized,
}

impl Player {
    pub(super) fn new(
        script: Script,
        part: Run,
        record: Record,
        cwd: PathBuf,
        lines: Receiver<String>,
    ) -> Self {
        Self {
            script,
            part,
            record,
            cwd,
            lines,
            open: true,
            hello: Hello::Nothing,
            thread: None,
            turns: 0,
            turn: None,
            asked: VecDeque::new(),
            waiting: BTreeMap::new(),
            next_id: 0,
            leave: None,
        }
    }

    /// Until the client leaves or the script ends the process.
    pub(super) fn play(mut self) -> ExitCode {
        for action in std::mem::take(&mut self.part.on_start) {
            self.perform(&action);
        }
        while self.leave.is_none() {
            match self.asked.pop_front() {
                Some((id, params)) => self.take_turn(&id, &params),
                None => self.glance(),
            }
        }
        let code = self.leave.unwrap_or(0);
        self.record.note("leaving", json!({"code": code}));
        ExitCode::from(u8::try_from(code).unwrap_or(1))
    }

    fn take_turn(&mut self, id: &Value, params: &Value) {
        match self.part.turn_start {
            Answer::Yes => {}
            Answer::Never => return,
            Answer::Error => return self.send(&protocol::error(id, "the script refuses turns")),
        }
        self.turns += 1;
        let turn = format!("turn-{}-{}", self.record.name, self.turns);
        self.turn = Some(turn.clone());
        self.send(&protocol::response(id, json!({"turn": protocol::turn(&turn, "inProgress", Value::Null)})));
        let thread = self.thread.clone().unwrap_or_default();
        let begun = json!({"threadId": thread, "turn": protocol::turn(&turn, "inProgress", Value::Null)});
        self.send(&protocol::notification("turn/started", begun));
        self.record.note("turn", json!({"number": self.turns, "params": params}));
        let turns = &self.part.turns;
        let actions: Vec<Action> =
            turns.get((self.turns - 1).min(turns.len().saturating_sub(1))).cloned().unwrap_or_default();
        for action in actions {
            if self.turn.is_none() || self.leave.is_some() {
                return;
            }
            self.perform(&action);
        }
        if self.leave.is_none() {
            self.end_turn("completed", Value::Null);
        }
    }

    /// Once for each turn; later endings of the same turn do nothing.
    fn end_turn(&mut self, status: &str, error: Value) {
        let Some(turn) = self.turn.take() else { return };
        let thread = self.thread.clone().unwrap_or_default();
        let params = json!({"threadId": thread, "turn": protocol::turn(&turn, status, error)});
        self.send(&protocol::notification("turn/completed", params));
    }

    /// Answers what the client has said meanwhile.
    fn glance(&mut self) {
        if !self.open {
            std::thread::sleep(GLANCE);
            return;
        }
        match self.lines.recv_timeout(GLANCE) {
            Ok(line) => self.hear(&line),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                self.open = false;
                self.record.note("stdin_closed", json!({}));
                if self.part.on_eof == Ending::Exit {
                    self.leave = Some(0);
                }
            }
        }
    }

    /// Glances until `enough` says so, the turn is over, or the process is to leave.
    fn wait(&mut self, within: Option<Duration>, mut enough: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        let in_turn = self.turn.is_some();
        while self.leave.is_none() && !enough(self) && (self.turn.is_some() || !in_turn) {
            if within.is_some_and(|within| begun.elapsed() >= within) {
                return;
            }
            self.glance();
        }
    }

    fn send(&mut self, message: &Value) {
        self.record.note("sent", message.clone());
        self.write(format!("{message}\n").as_bytes());
    }

    /// A client that no longer reads is not an error of the fake.
    fn write(&mut self, bytes: &[u8]) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    }

    fn filled(&self, text: &str) -> String {
        text.replace("{thread}", self.thread.as_deref().unwrap_or("none"))
            .replace("{turn}", self.turn.as_deref().unwrap_or("none"))
            .replace("{cwd}", &self.cwd.to_string_lossy())
    }

    fn filled_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.filled(text)),
            Value::Array(items) => items.iter().map(|item| self.filled_value(item)).collect(),
            Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), self.filled_value(v))).collect(),
            other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other.clone(),
        }
    }
}
