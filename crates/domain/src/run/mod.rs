//! A run: one claim of one piece of work by one agent, for one purpose.
//!
//! [`claim`] and [`resume`] weigh the facts and answer with a step or a refusal that says why;
//! [`step`] takes what came back from the outside. Invariants, held by the tests in `tests/decisions/run_properties.rs`:
//! fence and attempts only grow; nothing follows the end; what lands was reviewed clean at exactly that
//! sha; every run ends if its attempts do.

mod claim;
pub mod handoff;
mod outcome;
mod push;
mod refusal;
mod stepping;

pub use claim::{Facts, Prior, Readiness, claim, claim_review, resume};
pub use outcome::{Outcome, Wait};
pub use push::{MAX_BRANCHES, Pushed};
pub use refusal::Refusal;
pub use stepping::{AttemptEnd, Ignored, Input, Left, Requeued, Spent, step};

use crate::call::Usage;
use crate::change::Change;
use crate::containment::Identity;
use crate::fleet::Delivery;
use crate::issue::IssueRef;
use crate::review::Ledger;
use crate::{AgentName, Fence, Millis, RunId, Sha, TeamName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a run is for. Release, triage, answer, eval and distil join with their features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Makes the change.
    Author,
    /// Judges a change that somebody else made.
    Review,
}

impl Purpose {
    /// The name, as stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Author => "author",
            Self::Review => "review",
        }
    }
}

/// What a review run was asked to judge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The author's run.
    pub parent: RunId,
    /// For which team.
    pub team: TeamName,
    /// The commit the change was made on.
    pub base: Sha,
    /// The commit to review.
    pub head: Sha,
    /// Which round, from 1.
    pub round: u32,
    /// The changed paths the team owns.
    pub files: Vec<String>,
}

/// The state row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its name.
    pub id: RunId,
    /// What it works on.
    pub issue: IssueRef,
    /// By whom.
    pub agent: AgentName,
    /// Who pays.
    pub team: TeamName,
    /// Set for a review, absent for an author.
    pub review: Option<Assignment>,
    /// The current claim.
    pub fence: Fence,
    /// Attempts claimed so far; a crash counts.
    pub attempts: u32,
    /// Attempts that failed since the last that finished; sets the backoff.
    pub failures: u32,
    /// Review rounds begun.
    pub round: u32,
    /// Of them, rounds that only follow a moved landing branch, the next one included once it is certain.
    pub rebases: u32,
    /// Where it stands.
    pub phase: Phase,
    /// The change, once collected.
    pub change: Option<Change>,
    /// Findings of all rounds.
    pub ledger: Ledger,
    /// When it was claimed.
    pub created_at: Timestamp,
    /// How its work reaches people; as the project had it when the run was claimed.
    #[serde(default)]
    pub delivery: Delivery,
    /// What a handed-off run's workers are told of as `attempt`: 0 is the first, then it counts continuations and
    /// retries (Symphony 4.1.5 and 12.3).
    #[serde(default)]
    pub retry: u32,
    /// The agent's thread, so that a lost attempt is gone on with instead of begun anew.
    #[serde(default)]
    pub thread: Option<Thread>,
    /// The folder it works in, where that is the issue's own and outlives the run.
    #[serde(default)]
    pub workspace: Option<String>,
    /// What it pushed last to each branch, where its agent hands its work on itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pushed: BTreeMap<String, Pushed>,
    /// Tokens that the agent reported, over the attempts that ended.
    #[serde(default)]
    pub tokens: Usage,
    /// How long its ended attempts ran, together.
    #[serde(default)]
    pub ran: Millis,
}

/// A conversation that an agent's program keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// By the agent's own name for it.
    pub id: String,
    /// The agent that began it: another one cannot go on with it.
    pub agent: AgentName,
}

/// Where a run stands, with what belongs to just that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// An attempt is claimed; its agent does not run yet.
    Starting {
        /// Since when.
        since: Timestamp,
    },
    /// The agent runs.
    Working {
        /// Since when.
        since: Timestamp,
    },
    /// Between attempts.
    Waiting {
        /// Not before.
        due: Timestamp,
        /// What for.
        why: Wait,
    },
    /// The agent asked for what only a person can give. The claim is kept; no slot is.
    Blocked {
        /// What it asked for.
        question: String,
        /// Since when.
        since: Timestamp,
    },
    /// The engine takes the change from the workspace.
    Collecting,
    /// Reviewers are at it.
    InReview {
        /// What they judge.
        head: Sha,
        /// Whose review is still out.
        pending: BTreeSet<TeamName>,
    },
    /// The reviewed sha is being landed.
    Landing {
        /// The reviewed sha.
        head: Sha,
    },
    /// Over.
    Ended {
        /// How.
        outcome: Outcome,
        /// When.
        at: Timestamp,
    },
}

/// The id of the run that reviews `parent` for `team` in `round`: derived, so that it is asked for once.
pub fn review_id(parent: &RunId, round: u32, team: &TeamName) -> RunId {
    RunId::new(format!("{parent}-{round}-{team}"))
}

impl Phase {
    /// The name, as stored and shown.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Starting { .. } => "starting",
            Self::Working { .. } => "working",
            Self::Waiting { .. } => "waiting",
            Self::Blocked { .. } => "blocked",
            Self::Collecting => "collecting",
            Self::InReview { .. } => "in_review",
            Self::Landing { .. } => "landing",
            Self::Ended { .. } => "ended",
        }
    }
}

impl Run {
    /// A run of `agent` for `issue` that is about to be claimed.
    pub fn new(id: RunId, issue: IssueRef, agent: AgentName, team: TeamName, now: Timestamp) -> Self {
        Self {
            id,
            issue,
            agent,
            team,
            review: None,
            fence: Fence(0),
            attempts: 0,
            failures: 0,
            round: 0,
            rebases: 0,
            phase: Phase::Waiting { due: now, why: Wait::Slot },
            change: None,
            ledger: Ledger::default(),
            created_at: now,
            delivery: Delivery::default(),
            retry: 0,
            thread: None,
            workspace: None,
            pushed: BTreeMap::new(),
            tokens: Usage::default(),
            ran: Millis(0),
        }
    }

    /// What it is for.
    pub fn purpose(&self) -> Purpose {
        if self.review.is_some() { Purpose::Review } else { Purpose::Author }
    }

    /// What scopes speak of.
    pub fn identity(&self) -> Identity {
        Identity {
            run: self.id.clone(),
            agent: self.agent.clone(),
            team: self.team.clone(),
            project: self.issue.project.clone(),
        }
    }

    /// Whether it is not over.
    pub fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Ended { .. })
    }

    /// Whether it holds a slot: an attempt is claimed or runs.
    pub fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Starting { .. } | Phase::Working { .. })
    }

    /// How it ended, once it did.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.phase {
            Phase::Ended { outcome, .. } => Some(outcome),
            Phase::Starting { .. }
            | Phase::Working { .. }
            | Phase::Waiting { .. }
            | Phase::Blocked { .. }
            | Phase::Collecting
            | Phase::InReview { .. }
            | Phase::Landing { .. } => None,
        }
    }

    /// When a waiting run is due.
    pub fn due(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Waiting { due, .. } => Some(*due),
            Phase::Starting { .. }
            | Phase::Working { .. }
            | Phase::Blocked { .. }
            | Phase::Collecting
            | Phase::InReview { .. }
            | Phase::Landing { .. }
            | Phase::Ended { .. } => None,
        }
    }
}
