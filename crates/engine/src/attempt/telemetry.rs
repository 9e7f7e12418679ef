//! What a live attempt reported so far, for people who look (Symphony's specification, 4.1.6 and 13.3).
//!
//! Nothing is decided by it. Totals are absolute: an agent that repeats itself is not counted twice.

use adapters::agent::Activity;
use domain::Timestamp;
use domain::call::Usage;
use serde_json::Value;

/// Of a message, what is kept, bytes.
const MAX_MESSAGE: usize = 400;

/// A live attempt, as its agent tells it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Telemetry {
    /// The agent's thread.
    pub thread: Option<String>,
    /// Its current turn.
    pub turn: Option<String>,
    /// Turns begun.
    pub turns: u32,
    /// The name of what it did last.
    pub last_event: Option<String>,
    /// The same in a few words.
    pub last_message: String,
    /// When.
    pub last_at: Option<Timestamp>,
    /// Tokens of this attempt.
    pub tokens: Usage,
    /// What its provider allows, as it told last.
    pub rate_limits: Option<Value>,
    /// The outermost process.
    pub pid: Option<u32>,
    /// When its process appeared.
    pub started_at: Option<Timestamp>,
}

impl Telemetry {
    /// The session by the specification's name, `<thread>-<turn>`.
    pub fn session(&self) -> Option<String> {
        match (&self.thread, &self.turn) {
            (Some(thread), Some(turn)) => Some(format!("{thread}-{turn}")),
            (Some(thread), None) => Some(thread.clone()),
            (None, _) => None,
        }
    }

    /// Takes in what the agent did at `at`.
    pub(super) fn note(&mut self, activity: &Activity, at: Timestamp) {
        let (event, message) = self.seen(activity, at);
        self.last_event = Some(event);
        self.last_message = super::prompt::clip(&message, MAX_MESSAGE).to_owned();
        self.last_at = Some(at);
    }

    fn seen(&mut self, activity: &Activity, at: Timestamp) -> (String, String) {
        let plain = |event: &str, message: String| (event.to_owned(), message);
        match activity {
            Activity::Spawned { pid, level, .. } => {
                (self.pid, self.started_at) = (Some(*pid), Some(at));
                plain("process_started", format!("its process runs, {}", level.as_str()))
            }
            Activity::Started { session } => {
                self.thread = Some(session.clone());
                plain("session_started", format!("thread {session}"))
            }
            Activity::TurnStarted { turn, n } => {
                (self.turn, self.turns) = (Some(turn.clone()), *n);
                plain("turn_started", format!("turn {n}"))
            }
            Activity::TurnEnded { n, status } => {
                plain(&format!("turn_{status}"), format!("turn {n} {status}"))
            }
            Activity::Turn { n } => plain("model_asked", format!("request {n} to the model")),
            Activity::Said { text } => plain("notification", text.clone()),
            Activity::Ran { command, exit, .. } => {
                let exit = exit.map_or_else(|| "was ended".to_owned(), |code| format!("exit {code}"));
                plain("command", format!("{command} ({exit})"))
            }
            Activity::Edited { files } => plain("file_change", files.join(", ")),
            Activity::ToolCalled { name, ok: true } => plain("tool_call_completed", name.clone()),
            Activity::ToolCalled { name, ok: false } => plain("tool_call_failed", name.clone()),
            Activity::Usage { total } => {
                self.tokens = *total;
                plain("token_usage", format!("{} in, {} out", total.input, total.output))
            }
            Activity::RateLimits { limits } => {
                self.rate_limits = Some(limits.clone());
                plain("rate_limits", String::new())
            }
            Activity::Retrying { why } => plain("model_retry", why.clone()),
            Activity::Declined { what } => plain("approval_declined", what.clone()),
            Activity::Noticed { event, text } => plain(event, text.clone()),
            Activity::Garbage { start, .. } => plain("malformed", start.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_totals_are_counted_once_and_the_session_has_both_names() {
        let mut telemetry = Telemetry::default();
        let total = Usage { input: 10, output: 2, ..Usage::default() };
        telemetry.note(&Activity::Started { session: "T".into() }, Timestamp(1));
        telemetry.note(&Activity::TurnStarted { turn: "7".into(), n: 1 }, Timestamp(2));
        for at in 3..6 {
            telemetry.note(&Activity::Usage { total }, Timestamp(at));
        }
        assert_eq!((telemetry.tokens, telemetry.turns), (total, 1));
        assert_eq!(telemetry.session().as_deref(), Some("T-7"));
        assert_eq!(telemetry.last_at, Some(Timestamp(5)));
    }
}
