//! The steps of a case: what is done, and what must be seen.
//!
//! Invariant: every wait has an end.

use crate::linear::{Fault, Issue};
use crate::look::Look;
use crate::matcher::Fields;
use serde::Deserialize;
use serde_json::{Map, Value};

/// How long a condition is waited for when the step does not say.
const WITHIN_MS: u64 = 12_000;

/// One step.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Step {
    // What must be seen.
    /// Waits until so many such events are there.
    Until(Until),
    /// Waits until one of these is there.
    UntilAny(UntilAny),
    /// No such event is there, and none comes for a while.
    Never(Never),
    /// How many such events there are by now.
    Count(Count),
    /// The first of each come in this order.
    Order(Vec<Look>),
    /// Time between two events.
    Gap(Gap),
    /// What is in one event.
    See(See),
    /// What an answer of the HTTP API says; asked again until it does.
    Http(Http),
    /// A file or folder of the case.
    File(FileIs),
    /// How many folders are there, and how they are called.
    Folders(Folders),
    /// How many agents were alive at the same time, at most and by now.
    Together(Together),
    /// Waits until no agent, and nothing an agent started, is alive.
    UntilGone(UntilGone),
    /// Waits until the implementation has ended by itself.
    UntilExit(UntilExit),
    /// The port is bound to loopback and nothing else.
    LoopbackOnly(u64),
    /// What the tracker holds.
    Tracker(TrackerHolds),

    // What is done.
    /// Changes an issue.
    Set {
        issue: String,
        to: Map<String, Value>,
    },
    Add(Issue),
    Remove(String),
    Fault(Fault),
    LiftFaults,
    /// Laid over the workflow as it is now, and written.
    Workflow(Map<String, Value>),
    Prompt(String),
    WorkflowText(String),
    WorkflowDelete,
    Write {
        path: String,
        text: String,
    },
    Folder(String),
    Link {
        path: String,
        to: String,
    },
    /// Lets agents that wait for this name go on.
    Release {
        agent: String,
        name: String,
    },
    /// Asks the HTTP API for an immediate poll.
    Refresh,
    /// Ends the implementation, waits for it, and says how it must end.
    Stop(Stop),
    /// Starts it again.
    Start,
    /// Only to tell moments apart; a condition is better.
    PauseMs(u64),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Until {
    pub(crate) see: Look,
    #[serde(default = "one")]
    pub(crate) count: usize,
    #[serde(default = "within")]
    pub(crate) within_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UntilAny {
    pub(crate) see: Vec<Look>,
    /// Or the API shows it so.
    #[serde(default)]
    pub(crate) http: Option<Http>,
    #[serde(default = "within")]
    pub(crate) within_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Never {
    pub(crate) see: Look,
    /// Only what comes after the first such event counts.
    #[serde(default)]
    pub(crate) after: Option<Look>,
    #[serde(default)]
    pub(crate) for_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Count {
    pub(crate) see: Look,
    #[serde(default)]
    pub(crate) after: Option<Look>,
    #[serde(default)]
    pub(crate) is: Option<usize>,
    #[serde(default)]
    pub(crate) min: Option<usize>,
    #[serde(default)]
    pub(crate) max: Option<usize>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gap {
    pub(crate) from: Look,
    /// The first such event after `from`.
    pub(crate) to: Look,
    #[serde(default)]
    pub(crate) min_ms: u64,
    pub(crate) max_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct See {
    pub(crate) see: Look,
    /// The n-th from 1; from the end when negative.
    #[serde(default = "first")]
    pub(crate) nth: i64,
    pub(crate) has: Fields,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    #[serde(default = "get")]
    pub(crate) method: String,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) body: Option<String>,
    #[serde(default = "ok")]
    pub(crate) status: u16,
    /// By JSON pointer; `{…}` in expectations is filled in.
    #[serde(default)]
    pub(crate) json: Fields,
    /// A text that is in the body.
    #[serde(default)]
    pub(crate) text: Option<String>,
    #[serde(default = "within")]
    pub(crate) within_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileIs {
    pub(crate) path: String,
    #[serde(default = "yes")]
    pub(crate) exists: bool,
    #[serde(default)]
    pub(crate) text: Option<crate::matcher::Matcher>,
    #[serde(default = "within")]
    pub(crate) within_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Folders {
    pub(crate) path: String,
    /// Patterns with `*` and `?`; each folder fits one, and each pattern a folder of its own.
    pub(crate) like: Vec<String>,
    #[serde(default = "within")]
    pub(crate) within_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Together {
    /// All of them, or those of one name.
    #[serde(default = "any")]
    pub(crate) agent: String,
    pub(crate) max: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UntilGone {
    #[serde(default = "any")]
    pub(crate) agent: String,
    #[serde(default = "within")]
    pub(crate) within_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UntilExit {
    pub(crate) failed: bool,
    #[serde(default = "within")]
    pub(crate) within_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrackerHolds {
    pub(crate) issue: String,
    #[serde(default)]
    pub(crate) state: Option<String>,
    /// A text that is in one of the comments.
    #[serde(default)]
    pub(crate) comment: Option<String>,
    #[serde(default = "within")]
    pub(crate) within_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stop {
    pub(crate) signal: Signal,
    /// What its exit code must be, for signals that it can catch.
    #[serde(default)]
    pub(crate) code: Option<i32>,
    #[serde(default = "within_stop")]
    pub(crate) within_ms: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Signal {
    Term,
    Int,
    Kill,
}

fn one() -> usize {
    1
}

fn first() -> i64 {
    1
}

fn within() -> u64 {
    WITHIN_MS
}

fn within_stop() -> u64 {
    2 * WITHIN_MS
}

fn get() -> String {
    "GET".to_owned()
}

fn ok() -> u16 {
    200
}

fn yes() -> bool {
    true
}

fn any() -> String {
    "*".to_owned()
}

impl Step {
    /// What is wrong with it as it is written.
    pub(super) fn problem(&self) -> Option<String> {
        self.looks().into_iter().find_map(Look::problem)
    }

    fn looks(&self) -> Vec<&Look> {
        match self {
            Self::Until(step) => vec![&step.see],
            Self::UntilAny(step) => step.see.iter().collect(),
            Self::Never(step) => step.after.iter().chain([&step.see]).collect(),
            Self::Count(step) => step.after.iter().chain([&step.see]).collect(),
            Self::Order(looks) => looks.iter().collect(),
            Self::Gap(step) => vec![&step.from, &step.to],
            Self::See(step) => vec![&step.see],
            Self::Http(_)
            | Self::File(_)
            | Self::Folders(_)
            | Self::Together(_)
            | Self::UntilGone(_)
            | Self::UntilExit(_)
            | Self::LoopbackOnly(_)
            | Self::Tracker(_)
            | Self::Set { .. }
            | Self::Add(_)
            | Self::Remove(_)
            | Self::Fault(_)
            | Self::LiftFaults
            | Self::Workflow(_)
            | Self::Prompt(_)
            | Self::WorkflowText(_)
            | Self::WorkflowDelete
            | Self::Write { .. }
            | Self::Folder(_)
            | Self::Link { .. }
            | Self::Release { .. }
            | Self::Refresh
            | Self::Stop(_)
            | Self::Start
            | Self::PauseMs(_) => vec![],
        }
    }
}
