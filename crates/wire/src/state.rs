//! The bodies of Symphony's section 13.7: `GET /api/v1/state`, `GET /api/v1/{identifier}`, `POST /api/v1/refresh`.
//!
//! The names are Symphony's, so that what people built on its API keeps working; `codex_totals` counts every agent.

use crate::Time;
use domain::call::Usage;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `GET /api/v1/state`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// When it was put together.
    pub generated_at: Time,
    /// How many of each.
    pub counts: Counts,
    /// Issues whose agent runs.
    pub running: Vec<Running>,
    /// Issues that wait for their next attempt.
    pub retrying: Vec<Retrying>,
    /// Issues that wait for a person.
    pub blocked: Vec<Blocked>,
    /// Over all runs of this installation.
    pub codex_totals: Totals,
    /// The latest rate limits a provider told; `null` when none did.
    pub rate_limits: Option<Value>,
}

/// How many of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Length of `running`.
    pub running: usize,
    /// Length of `retrying`.
    pub retrying: usize,
    /// Length of `blocked`.
    pub blocked: usize,
}

/// An issue whose agent runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The tracker's id.
    pub issue_id: String,
    /// What people call it.
    pub issue_identifier: String,
    /// Where a person reads it; http and https only.
    pub issue_url: Option<String>,
    /// The project.
    pub project: String,
    /// The run.
    pub run_id: String,
    /// The tracker's state.
    pub state: String,
    /// The agent's `thread-turn`, once it named them; before that, `run-attempt`.
    pub session_id: String,
    /// Turns of the attempt so far.
    pub turn_count: u32,
    /// The kind of the latest event.
    pub last_event: Option<String>,
    /// Its line.
    pub last_message: String,
    /// When the attempt started.
    pub started_at: Time,
    /// When the latest event was.
    pub last_event_at: Option<Time>,
    /// So far.
    pub tokens: Tokens,
    /// Where it runs; `null` for this machine.
    pub worker_host: Option<String>,
    /// Its workspace.
    pub workspace_path: Option<String>,
}

/// An issue that waits for its next attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retrying {
    /// The tracker's id.
    pub issue_id: String,
    /// What people call it.
    pub issue_identifier: String,
    /// Where a person reads it; http and https only.
    pub issue_url: Option<String>,
    /// The project.
    pub project: String,
    /// The run.
    pub run_id: String,
    /// The attempt that comes next, from 1.
    pub attempt: u32,
    /// Not before.
    pub due_at: Time,
    /// What went wrong.
    pub error: Option<String>,
    /// Where it runs; `null` for this machine.
    pub worker_host: Option<String>,
    /// Its workspace.
    pub workspace_path: Option<String>,
}

/// An issue that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// The tracker's id.
    pub issue_id: String,
    /// What people call it.
    pub issue_identifier: String,
    /// Where a person reads it; http and https only.
    pub issue_url: Option<String>,
    /// The project.
    pub project: String,
    /// The run.
    pub run_id: String,
    /// The tracker's state.
    pub state: String,
    /// Since when.
    pub blocked_at: Option<Time>,
    /// Where it runs; `null` for this machine.
    pub worker_host: Option<String>,
    /// Its workspace.
    pub workspace_path: Option<String>,
    /// What the person has to decide or mend.
    pub error: Option<String>,
}

/// Tokens in Symphony's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Sent.
    pub input_tokens: u64,
    /// Generated.
    pub output_tokens: u64,
    /// Both.
    pub total_tokens: u64,
}

impl From<Usage> for Tokens {
    fn from(usage: Usage) -> Self {
        Self {
            input_tokens: usage.input,
            output_tokens: usage.output,
            total_tokens: usage.input.saturating_add(usage.output),
        }
    }
}

/// Sums over all runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Tokens.
    #[serde(flatten)]
    pub tokens: Tokens,
    /// Seconds that agents ran.
    pub seconds_running: f64,
}

/// `GET /api/v1/{identifier}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueState {
    /// What people call it.
    pub issue_identifier: String,
    /// The tracker's id.
    pub issue_id: String,
    /// `running`, `retrying` or `blocked`.
    pub status: String,
    /// Where the agent works.
    pub workspace: Option<Workspace>,
    /// How often it was tried.
    pub attempts: Attempts,
    /// Set while its agent runs.
    pub running: Option<Running>,
    /// Set while it waits for its next attempt.
    pub retry: Option<Retrying>,
    /// Set while it waits for a person.
    pub blocked: Option<Blocked>,
    /// Where more is to be read.
    pub logs: Logs,
    /// The latest events, newest last.
    pub recent_events: Vec<RecentEvent>,
    /// The last failure.
    pub last_error: Option<String>,
    /// What else is tracked: the run and its fence.
    pub tracked: Value,
}

/// Where more is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logs {
    /// The agents' own logs.
    pub codex_session_logs: Vec<SessionLog>,
}

/// One log of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionLog {
    /// `latest`.
    pub label: String,
    /// A file, if it is one.
    pub path: Option<String>,
    /// Where this API answers with it.
    pub url: Option<String>,
}

/// Where the agent works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// The directory.
    pub path: String,
}

/// How often it was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// Attempts after the first.
    pub restart_count: u32,
    /// The attempt that runs or comes next; `null` in the first.
    pub current_retry_attempt: Option<u32>,
}

/// One event of an issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentEvent {
    /// When.
    pub at: Time,
    /// Its kind.
    pub event: String,
    /// Its line.
    pub message: String,
}

/// `POST /api/v1/refresh`, answered with 202.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refresh {
    /// Always true.
    pub queued: bool,
    /// Whether one was already on its way.
    pub coalesced: bool,
    /// When.
    pub requested_at: Time,
    /// What it will do.
    pub operations: Vec<String>,
}

impl Refresh {
    /// A refresh asked for at `at`.
    pub fn at(at: Time, coalesced: bool) -> Self {
        let operations = vec!["poll".to_owned(), "reconcile".to_owned()];
        Self { queued: true, coalesced, requested_at: at, operations }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_has_exactly_the_keys_that_symphony_names() {
        let state = State {
            generated_at: Time::default(),
            counts: Counts::default(),
            running: vec![],
            retrying: vec![],
            blocked: vec![],
            codex_totals: Totals::default(),
            rate_limits: None,
        };
        let value = serde_json::to_value(state).unwrap();
        let keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        let expect =
            ["blocked", "codex_totals", "counts", "generated_at", "rate_limits", "retrying", "running"];
        assert_eq!(keys, expect);
        assert_eq!(
            value["codex_totals"],
            serde_json::json!({
                "input_tokens": 0, "output_tokens": 0, "total_tokens": 0, "seconds_running": 0.0
            })
        );
    }
}
