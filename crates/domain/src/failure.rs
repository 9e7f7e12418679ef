//! Why an attempt failed, by name. A name decides whether trying again can help.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The named reasons for which an attempt fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The agent's program is not installed.
    AgentMissing,
    /// The sandbox could not be built.
    Sandbox,
    /// The workspace could not be prepared.
    Workspace,
    /// The agent's process ended with a code before its work was done.
    Exited,
    /// The agent's process was ended by a signal.
    Signalled,
    /// The memory limit was reached.
    OutOfMemory,
    /// The attempt's deadline passed.
    TimedOut,
    /// The agent showed no activity for too long.
    Stalled,
    /// The agent did not answer its protocol's request in time (Symphony's `response_timeout`).
    NoAnswer,
    /// The agent was silent for too long while a turn went on (Symphony's `turn_timeout`).
    TurnTimedOut,
    /// The agent wrote more than the limit that was not its protocol.
    Flooded,
    /// The workspace grew past its quota.
    DiskQuota,
    /// The agent broke its own protocol.
    Protocol,
    /// The change reaches outside the workspace.
    OutsideWorkspace,
    /// The model refused or failed for good.
    Model,
    /// A containment, or a newer claim, refuses the agent's calls. The run's own state says what follows.
    Refused,
    /// The run's budget is spent.
    BudgetSpent,
    /// The agent used all its turns.
    TurnsExhausted,
    /// A reviewer ended without handing in a review.
    NoReview,
    /// The supervisor of the attempt was lost; its processes are gone.
    Lost,
    /// The engine could not do its own part (git, tracker, store).
    Engine,
}

impl FailureKind {
    /// The name, as it stands in events, the API and the docs.
    pub fn name(self) -> &'static str {
        match self {
            Self::AgentMissing => "agent_missing",
            Self::Sandbox => "sandbox",
            Self::Workspace => "workspace",
            Self::Exited => "exited",
            Self::Signalled => "signalled",
            Self::OutOfMemory => "out_of_memory",
            Self::TimedOut => "timed_out",
            Self::Stalled => "stalled",
            Self::NoAnswer => "no_answer",
            Self::TurnTimedOut => "turn_timed_out",
            Self::Flooded => "flooded",
            Self::DiskQuota => "disk_quota",
            Self::Protocol => "protocol",
            Self::OutsideWorkspace => "outside_workspace",
            Self::Model => "model",
            Self::Refused => "refused",
            Self::BudgetSpent => "budget_spent",
            Self::TurnsExhausted => "turns_exhausted",
            Self::NoReview => "no_review",
            Self::Lost => "lost",
            Self::Engine => "engine",
        }
    }

    /// Whether another attempt can help.
    pub fn retry(self) -> Retry {
        match self {
            Self::Lost => Retry::Soon,
            Self::Sandbox
            | Self::Workspace
            | Self::Exited
            | Self::Signalled
            | Self::OutOfMemory
            | Self::TimedOut
            | Self::Stalled
            | Self::NoAnswer
            | Self::TurnTimedOut
            | Self::Flooded
            | Self::DiskQuota
            | Self::Protocol
            | Self::OutsideWorkspace
            | Self::Model
            | Self::Refused
            | Self::NoReview
            | Self::Engine => Retry::AfterBackoff,
            Self::AgentMissing | Self::BudgetSpent | Self::TurnsExhausted => Retry::Never,
        }
    }
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The work itself was not at fault: try again after the shortest wait.
    Soon,
    /// Try again after a wait that doubles.
    AfterBackoff,
    /// Another attempt would end the same way: a person must look.
    Never,
}

/// A failure with its detail for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Failure {
    /// The name.
    pub kind: FailureKind,
    /// What exactly, and what to do about it. No secrets, no prompts.
    pub detail: String,
}

impl Failure {
    /// A failure of `kind`; `detail` says what exactly and what to do.
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.detail)
    }
}
