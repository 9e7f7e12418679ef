//! Why the state changed: append-only, read by the audit, the live feed and the timeline.

use crate::change::Change;
use crate::failure::Failure;
use crate::review::Finding;
use crate::run::{Outcome, Wait};
use crate::{AgentName, Fence, RunId, Sha, TeamName, Timestamp};
use serde::{Deserialize, Serialize};

/// One thing that happened to a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// An agent took the work.
    Claimed {
        /// Who.
        agent: AgentName,
        /// What for, in a few words.
        purpose: String,
    },
    /// An attempt was claimed; from here a crash counts as one.
    AttemptClaimed {
        /// From 1.
        attempt: u32,
        /// The claim.
        fence: Fence,
    },
    /// The agent's process runs.
    AttemptStarted {
        /// From 1.
        attempt: u32,
        /// The isolation it runs in, as `doctor` names it.
        isolation: String,
    },
    /// The agent finished its work.
    AttemptFinished {
        /// From 1.
        attempt: u32,
        /// The agent's last words, shortened.
        summary: String,
    },
    /// The attempt failed.
    AttemptFailed {
        /// From 1.
        attempt: u32,
        /// Why.
        failure: Failure,
    },
    /// The run waits before its next attempt.
    Waiting {
        /// Until when.
        due: Timestamp,
        /// What for.
        why: Wait,
    },
    /// The agent asked for what only a person can give.
    Blocked {
        /// What.
        question: String,
    },
    /// The tracker shows the issue in another state in which it is worked on.
    IssueMoved {
        /// Which.
        state: String,
    },
    /// The author's work was committed.
    ChangeCollected {
        /// What it is.
        change: Change,
    },
    /// A team was asked to review.
    ReviewRequested {
        /// Whom.
        team: TeamName,
        /// Which round.
        round: u32,
        /// What.
        head: Sha,
        /// The review run.
        review: RunId,
    },
    /// A team's review came in.
    ReviewReported {
        /// Whose.
        team: TeamName,
        /// Which round.
        round: u32,
        /// How many findings.
        findings: usize,
    },
    /// A finding was entered in the ledger.
    FindingRaised {
        /// What.
        finding: Finding,
    },
    /// A finding was closed.
    FindingFixed {
        /// Which.
        id: String,
        /// The head that fixed it.
        head: Sha,
    },
    /// The agent had a commit pushed.
    Pushed {
        /// The claim it was pushed under.
        fence: Fence,
        /// The remote's branch.
        branch: String,
        /// What the branch points at since.
        commit: Sha,
    },
    /// The reviewed sha is on its way to the landing branch.
    LandingStarted {
        /// The reviewed sha.
        head: Sha,
    },
    /// The run is over.
    Ended {
        /// How.
        outcome: Outcome,
    },
}

impl Event {
    /// The name of its kind, as stored and as sent in the live feed.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Claimed { .. } => "claimed",
            Self::AttemptClaimed { .. } => "attempt_claimed",
            Self::AttemptStarted { .. } => "attempt_started",
            Self::AttemptFinished { .. } => "attempt_finished",
            Self::AttemptFailed { .. } => "attempt_failed",
            Self::Waiting { .. } => "waiting",
            Self::Blocked { .. } => "blocked",
            Self::IssueMoved { .. } => "issue_moved",
            Self::ChangeCollected { .. } => "change_collected",
            Self::ReviewRequested { .. } => "review_requested",
            Self::ReviewReported { .. } => "review_reported",
            Self::FindingRaised { .. } => "finding_raised",
            Self::FindingFixed { .. } => "finding_fixed",
            Self::Pushed { .. } => "pushed",
            Self::LandingStarted { .. } => "landing_started",
            Self::Ended { .. } => "ended",
        }
    }

    /// One line a person wants to read.
    pub fn line(&self) -> String {
        match self {
            Self::Claimed { agent, purpose } => format!("{agent} took it, to {purpose}"),
            Self::AttemptClaimed { attempt, .. } => format!("attempt {attempt} claimed"),
            Self::AttemptStarted { attempt, isolation } => format!("attempt {attempt} started, {isolation}"),
            Self::AttemptFinished { attempt, summary } => format!("attempt {attempt} finished: {summary}"),
            Self::AttemptFailed { attempt, failure } => format!("attempt {attempt} failed, {failure}"),
            Self::Waiting { why, .. } => format!("waits: {why}"),
            Self::Blocked { question } => format!("blocked: {question}"),
            Self::IssueMoved { state } => format!("the issue is in `{state}` now"),
            Self::ChangeCollected { change } => format!(
                "change {} collected: {} file(s), +{} -{}",
                change.head.short(),
                change.files.len(),
                change.added,
                change.removed
            ),
            Self::ReviewRequested { team, round, head, .. } => {
                format!("round {round}: {team} asked to review {}", head.short())
            }
            Self::ReviewReported { team, round, findings: 0 } => {
                format!("round {round}: {team} found nothing")
            }
            Self::ReviewReported { team, round, findings } => {
                format!("round {round}: {team} raised {findings} finding(s)")
            }
            Self::FindingRaised { finding } => {
                format!("{} {}: {}", finding.raised.priority.name(), finding.id, finding.raised.title)
            }
            Self::FindingFixed { id, head } => format!("{id} fixed by {}", head.short()),
            Self::Pushed { fence, branch, commit } => {
                format!("pushed {} to `{branch}`, claim {fence}", commit.short())
            }
            Self::LandingStarted { head } => format!("landing {}", head.short()),
            Self::Ended { outcome } => outcome.line(),
        }
    }
}
