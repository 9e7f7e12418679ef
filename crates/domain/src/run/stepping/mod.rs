//! What comes back from the outside, and what follows from it.

mod attempt;
mod ending;
mod landing;
mod review;

use super::{Pushed, Run, handoff, push};
use crate::call::Usage;
use crate::change::Change;
use crate::containment::Order;
use crate::failure::Failure;
use crate::fleet::Project;
use crate::issue::Issue;
use crate::review::Raised;
use crate::run::push::Push;
use crate::step::Step;
use crate::{Fence, Millis, Sha, TeamName, Timestamp};
use attempt::{attempt_ended, attempt_started, change_collected, collecting, live_claim, workspace_prepared};
use ending::{contained, failed, give_up, issue_left, needs_person, person_asked};
use landing::{land_conflict, landed, rebased};
use review::review_reported;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// The agent says it is done.
    Finished {
        /// Its last words, shortened.
        summary: String,
        /// What a reviewer handed in.
        review: Option<Vec<Raised>>,
    },
    /// It needs a person: an approval, or an answer.
    Blocked {
        /// What for.
        question: String,
    },
    /// It is not.
    Failed(Failure),
}

/// What an attempt came to, as its agent reported it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Tokens.
    pub tokens: Usage,
    /// How long it ran.
    pub ran: Millis,
}

/// Why a retry that was due did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requeued {
    /// No slot was free.
    NoSlot,
    /// The tracker did not say how the issue stands.
    NoRefresh {
        /// What it said instead.
        error: String,
    },
}

/// Why an issue is no longer to be worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// Its state is terminal.
    Over(String),
    /// Its state is neither active nor terminal.
    Parked(String),
    /// It is active, and the tracker's rules or the project's labels keep agents away from it.
    Unroutable(String),
    /// The tracker no longer has it.
    Gone,
    /// The run that asked for this review is over.
    Parent,
}

/// Something that happened outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The agent's process runs.
    AttemptStarted {
        /// The claim it was started under.
        fence: Fence,
        /// The isolation it runs in.
        isolation: String,
    },
    /// The attempt is over.
    AttemptEnded {
        /// The claim it was started under.
        fence: Fence,
        /// How.
        end: AttemptEnd,
        /// What it came to.
        spent: Spent,
    },
    /// The folder that the attempt works in is there.
    WorkspacePrepared {
        /// The claim.
        fence: Fence,
        /// Its path.
        path: String,
    },
    /// The agent named its thread.
    ThreadStarted {
        /// The claim.
        fence: Fence,
        /// The agent's own name for it.
        thread: String,
    },
    /// A commit was pushed for the agent.
    Pushed {
        /// The claim.
        fence: Fence,
        /// The remote's branch.
        branch: String,
        /// What it points at since.
        commit: Sha,
        /// What it pointed at before, if it was there.
        before: Option<Sha>,
        /// The same branch as this issue's runs left it, as the push was decided on.
        known: Option<Pushed>,
    },
    /// The tracker was read, and the issue is still to be worked on.
    IssueSeen(Box<Issue>),
    /// A retry was due and could not start.
    Requeued(Requeued),
    /// The author's work was committed.
    ChangeCollected {
        /// The claim.
        fence: Fence,
        /// What it is.
        change: Change,
    },
    /// The author left the tree as it found it.
    NothingChanged {
        /// The claim.
        fence: Fence,
    },
    /// The author's work could not be taken.
    CollectFailed {
        /// The claim.
        fence: Fence,
        /// Why.
        failure: Failure,
    },
    /// A reviewer handed in, or gave up.
    ReviewReported {
        /// Whose.
        team: TeamName,
        /// Of what.
        head: Sha,
        /// In which round.
        round: u32,
        /// Findings, or why there are none.
        result: Result<Vec<Raised>, Failure>,
    },
    /// The reviewed sha is on the landing branch.
    Landed {
        /// What was landed.
        head: Sha,
        /// The landing branch's head right after.
        main: Sha,
    },
    /// The landing branch moved, and the change was replayed on it.
    Rebased {
        /// What was to be landed.
        head: Sha,
        /// What it became; must be reviewed.
        change: Change,
    },
    /// The landing branch moved, and the change no longer fits.
    LandConflict {
        /// What was to be landed.
        head: Sha,
        /// Where they disagree.
        files: Vec<String>,
    },
    /// An effect could not be performed, however often it was tried.
    EffectFailed {
        /// What and why.
        failure: Failure,
    },
    /// The issue is no longer to be worked on.
    IssueLeft(Left),
    /// An order covers the run.
    Contained(Order),
    /// The readers of its issue were told how it ended; what changes from here on, somebody else changed.
    PersonAsked {
        /// The issue's version with what it was told.
        version: String,
    },
}

/// Why an input changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// It belongs to an older claim.
    #[error("it belongs to an older claim of the run")]
    OldFence,
    /// The run is past it, or not there yet.
    #[error("the run's phase does not wait for it")]
    WrongPhase,
    /// The run knows it already.
    #[error("the run knows it already")]
    Known,
    /// The run is over.
    #[error("the run is over")]
    Ended,
}

/// What follows from `input` for `run`.
pub fn step(run: &Run, input: Input, project: &Project, now: Timestamp) -> Result<Step, Ignored> {
    // What is learned of a run after its end owes nothing.
    if !run.is_open() && !matches!(input, Input::PersonAsked { .. } | Input::Pushed { .. }) {
        return Err(Ignored::Ended);
    }
    let run = run.clone();
    match input {
        Input::AttemptStarted { fence, isolation } => attempt_started(run, fence, isolation, now),
        Input::AttemptEnded { fence, end, spent } => attempt_ended(run, fence, end, spent, project, now),
        Input::WorkspacePrepared { fence, path } => workspace_prepared(run, fence, path),
        Input::ThreadStarted { fence, thread } => {
            live_claim(&run, fence)?;
            handoff::thread_started(run, thread)
        }
        Input::Pushed { fence, branch, commit, before, known } => {
            push::pushed(run, fence, branch, Push { commit, before, known })
        }
        Input::IssueSeen(issue) => handoff::issue_seen(run, &issue),
        Input::Requeued(why) => handoff::requeued(run, why, project, now),
        Input::ChangeCollected { fence, change } => change_collected(run, fence, change, now),
        Input::NothingChanged { fence } => {
            collecting(&run, fence)?;
            Ok(needs_person(run, "the agent finished without changing anything".to_owned(), now))
        }
        Input::CollectFailed { fence, failure } => {
            collecting(&run, fence)?;
            Ok(failed(run, failure, project, now))
        }
        Input::ReviewReported { team, head, round, result } => {
            review_reported(run, &team, &head, round, result, project, now)
        }
        Input::Landed { head, main } => landed(run, head, main, project, now),
        Input::Rebased { head, change } => rebased(run, &head, change, now),
        Input::LandConflict { head, files } => land_conflict(run, &head, files, project, now),
        Input::EffectFailed { failure } => {
            let question = failure.to_string();
            Ok(give_up(run, super::Outcome::Failed { failure }, question, now))
        }
        Input::IssueLeft(left) => issue_left(run, &left, now),
        Input::Contained(order) => Ok(contained(run, order, now)),
        Input::PersonAsked { version } => person_asked(run, version),
    }
}
