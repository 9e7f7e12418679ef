//! How a run ends, and what it waits for in between.

use crate::containment::Scope;
use crate::failure::Failure;
use crate::{OrderId, Sha};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The reviewed sha is part of the landing branch.
    Landed {
        /// The reviewed sha.
        head: Sha,
        /// The landing branch's head right after.
        main: Sha,
    },
    /// The review was handed in.
    Reviewed {
        /// How many findings it has.
        findings: usize,
    },
    /// It cannot go on without a person.
    NeedsPerson {
        /// What the person has to decide or mend.
        question: String,
    },
    /// Its attempts are used up, or another would end the same way.
    Failed {
        /// The last failure.
        failure: Failure,
    },
    /// An order stopped it.
    Stopped {
        /// Which.
        order: OrderId,
        /// Whom the order reached; lifting it lets the issue be worked on again.
        scope: Scope,
        /// In the person's words.
        reason: String,
    },
    /// Its issue left the states in which it is worked on: handed off, done, or taken away.
    Released {
        /// Why.
        why: String,
    },
    /// Its issue, or the run it reviews for, is no longer to be worked on.
    Cancelled {
        /// Why.
        why: String,
    },
}

impl Outcome {
    /// The name, as stored and shown.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Landed { .. } => "landed",
            Self::Reviewed { .. } => "reviewed",
            Self::NeedsPerson { .. } => "needs_person",
            Self::Failed { .. } => "failed",
            Self::Stopped { .. } => "stopped",
            Self::Released { .. } => "released",
            Self::Cancelled { .. } => "cancelled",
        }
    }

    /// One line a person wants to read.
    pub fn line(&self) -> String {
        match self {
            Self::Landed { head, main } if head == main => format!("landed {}", head.short()),
            Self::Landed { head, main } => format!("landed {} with merge {}", head.short(), main.short()),
            Self::Reviewed { findings: 0 } => "reviewed: clean".to_owned(),
            Self::Reviewed { findings } => format!("reviewed: {findings} finding(s)"),
            Self::NeedsPerson { question } => format!("needs a person: {question}"),
            Self::Failed { failure } => format!("failed, {failure}"),
            Self::Stopped { order, reason, .. } => format!("stopped by order {order}: {reason}"),
            Self::Released { why } => format!("released: {why}"),
            Self::Cancelled { why } => format!("cancelled: {why}"),
        }
    }
}

/// What a run waits for between attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "wait", rename_all = "snake_case")]
pub enum Wait {
    /// To try again.
    Retry {
        /// What went wrong.
        failure: Failure,
    },
    /// To mend findings.
    Rework {
        /// How many.
        findings: usize,
    },
    /// To mend a change that no longer fits the landing branch.
    Conflict {
        /// Where they disagree.
        files: Vec<String>,
    },
    /// For a slot; claimed as soon as one is free.
    Slot,
    /// To look whether the issue is still active, after a worker that ended well.
    Continue,
    /// To ask again for a slot.
    NoSlot,
    /// To ask the tracker again.
    NoRefresh {
        /// What it said.
        error: String,
    },
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry { failure } => write!(f, "to try again after {failure}"),
            Self::Rework { findings } => write!(f, "to mend {findings} finding(s)"),
            Self::Conflict { files } => {
                write!(f, "to mend conflicts with the landing branch in {}", files.join(", "))
            }
            Self::Slot => f.write_str("for a slot"),
            Self::Continue => f.write_str("to go on if the issue is still active"),
            Self::NoSlot => f.write_str("no available orchestrator slots"),
            Self::NoRefresh { error } => write!(f, "retry refresh failed: {error}"),
        }
    }
}
