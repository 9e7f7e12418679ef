//! What is still owed to the outside. An effect is complete: performing it leaves nothing to choose.
//!
//! Its id is the idempotency key, derived from run, fence and kind, so that deciding the same thing
//! twice owes it once.

use crate::failure::Failure;
use crate::review::{Finding, Raised};
use crate::{AgentName, EffectId, Fence, RunId, Sha, TeamName};
use serde::{Deserialize, Serialize};

/// One thing the engine has to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Effect {
    /// Prepare the workspace, mint the token, build the sandbox, start the agent, watch it to its end.
    StartAttempt {
        /// The run.
        run: RunId,
        /// The claim.
        fence: Fence,
        /// Which attempt, from 1.
        attempt: u32,
        /// What the agent is asked to do.
        task: Task,
    },
    /// End the attempt's processes, wherever they are.
    EndAttempt {
        /// The run.
        run: RunId,
        /// The claim that is over.
        fence: Fence,
        /// Why.
        why: String,
    },
    /// Commit what the author left in the workspace and name who must review it.
    CollectChange {
        /// The run.
        run: RunId,
        /// The claim.
        fence: Fence,
    },
    /// Claim a review run.
    RequestReview(ReviewRequest),
    /// Tell the author's run what a reviewer handed in.
    ReportReview {
        /// The author's run.
        parent: RunId,
        /// The review run.
        review: RunId,
        /// Whose review.
        team: TeamName,
        /// What was reviewed.
        head: Sha,
        /// Which round.
        round: u32,
        /// Findings, or why there are none.
        result: Result<Vec<Raised>, Failure>,
    },
    /// Land the reviewed sha, and no other.
    Land {
        /// The run.
        run: RunId,
        /// The claim.
        fence: Fence,
        /// The round that found nothing: the same sha may be landed anew after another one.
        #[serde(default)]
        round: u32,
        /// The reviewed sha.
        head: Sha,
    },
    /// Move the issue to a state.
    MoveIssue {
        /// The run.
        run: RunId,
        /// The tracker's state.
        state: String,
    },
    /// Tell the people who read the issue.
    Comment {
        /// The run.
        run: RunId,
        /// Markdown, one short paragraph.
        text: String,
    },
    /// Remove the workspace.
    CleanWorkspace {
        /// The run.
        run: RunId,
    },
}

/// What an attempt's agent is asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// Work on the issue.
    Author {
        /// Findings to mend; empty in the first round.
        findings: Vec<Finding>,
        /// Files in which the landing branch and the change disagree.
        conflicts: Vec<String>,
    },
    /// Work on the issue until the tracker says that it is over.
    Work,
    /// Review a change.
    Review {
        /// The commit it was made on.
        base: Sha,
        /// The commit to review.
        head: Sha,
        /// Which round, from 1.
        round: u32,
        /// The changed paths that the team owns.
        files: Vec<String>,
    },
}

/// A review to be claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewRequest {
    /// The author's run.
    pub parent: RunId,
    /// The author's claim.
    pub fence: Fence,
    /// The review run's id, derived from the author's, the round and the team.
    pub review: RunId,
    /// Whose review.
    pub team: TeamName,
    /// By which agent.
    pub reviewer: AgentName,
    /// The commit the change was made on.
    pub base: Sha,
    /// The commit to review.
    pub head: Sha,
    /// Which round, from 1.
    pub round: u32,
    /// The changed paths that the team owns.
    pub files: Vec<String>,
}

/// What to do with an effect whose performer was lost half-way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenLost {
    /// Perform it again: it is idempotent.
    Again,
    /// Tell the run that its attempt is lost: the agent's process is gone and cannot be taken up again.
    TellRun,
}

impl Effect {
    /// The idempotency key.
    pub fn id(&self) -> EffectId {
        EffectId::new(match self {
            Self::StartAttempt { run, fence, .. } => format!("{run}/{fence}/start"),
            Self::EndAttempt { run, fence, .. } => format!("{run}/{fence}/end"),
            Self::CollectChange { run, fence } => format!("{run}/{fence}/collect"),
            Self::RequestReview(r) => format!("{}/{}/review", r.review, r.fence),
            Self::ReportReview { review, .. } => format!("{review}/report"),
            Self::Land { run, fence, round, .. } => format!("{run}/{fence}/land/{round}"),
            Self::MoveIssue { run, .. } => format!("{run}/move"),
            Self::Comment { run, .. } => format!("{run}/comment"),
            Self::CleanWorkspace { run } => format!("{run}/clean"),
        })
    }

    /// The run that owes it.
    pub fn run(&self) -> &RunId {
        match self {
            Self::StartAttempt { run, .. }
            | Self::EndAttempt { run, .. }
            | Self::CollectChange { run, .. }
            | Self::Land { run, .. }
            | Self::MoveIssue { run, .. }
            | Self::Comment { run, .. }
            | Self::CleanWorkspace { run } => run,
            Self::RequestReview(request) => &request.parent,
            Self::ReportReview { review, .. } => review,
        }
    }

    /// The name of its kind, as stored.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::StartAttempt { .. } => "start_attempt",
            Self::EndAttempt { .. } => "end_attempt",
            Self::CollectChange { .. } => "collect_change",
            Self::RequestReview(_) => "request_review",
            Self::ReportReview { .. } => "report_review",
            Self::Land { .. } => "land",
            Self::MoveIssue { .. } => "move_issue",
            Self::Comment { .. } => "comment",
            Self::CleanWorkspace { .. } => "clean_workspace",
        }
    }

    /// What to do when its performer was lost.
    pub fn when_lost(&self) -> WhenLost {
        match self {
            Self::StartAttempt { .. } => WhenLost::TellRun,
            Self::EndAttempt { .. }
            | Self::CollectChange { .. }
            | Self::RequestReview(_)
            | Self::ReportReview { .. }
            | Self::Land { .. }
            | Self::MoveIssue { .. }
            | Self::Comment { .. }
            | Self::CleanWorkspace { .. } => WhenLost::Again,
        }
    }
}
