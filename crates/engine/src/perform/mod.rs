//! Performs what is owed: claims effects under a lease, performs each in a task of its own, settles it.
//!
//! Invariants: an effect is performed by whoever claimed it, for as long as its process is the engine of the database;
//! one that may no longer be drops what it performs before another may take it up; an effect that fails is tried again
//! later, and given up only after [`MAX_TRIES`], which the run is told; what people must be told is not given up as
//! long as their issue is there.

mod clean_workspace;
pub(crate) mod collect_change;
mod comment;
mod end_attempt;
mod held;
mod land;
mod lost;
mod move_issue;
mod request_review;
mod start_attempt;

pub(crate) use held::Held;
pub(crate) use lost::Unseen;

use crate::Engine;
use adapters::tracker::{self, Mark, Tracker};
use domain::Millis;
use domain::effect::Effect;
use domain::failure::{Failure, FailureKind};
use domain::run::{Input, Run};
use domain::step::Step;
use domain::{EffectId, IssueId, RunId};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use store::effect::{Claimed, Lease};
use store::run::Base;
use store::step::{Commit, Ending, Guards};
use tokio::sync::Semaphore;

/// What is claimed is left alone for so long, by others and by the search for what was lost sight of: as long as the
/// engine's own lease, so that nobody takes up what an engine still performs that is about to learn that it is none.
const LEASE: Millis = crate::tenure::LIFE;
/// How long the performer sleeps when nothing wakes it: waits end.
const IDLE: Duration = Duration::from_millis(500);
/// Effects taken up at once in one reading.
const BATCH: u32 = 64;
/// Short effects performed at once; most of them are git, which is processor work.
const AT_ONCE: usize = 8;
/// Tries before an effect is given up.
const MAX_TRIES: u32 = 12;
/// The longest wait between two tries.
const LONGEST_WAIT: Millis = Millis::seconds(60);

/// What performing an effect came to; committed together with the effect's end.
pub(crate) enum Answer {
    /// Nobody waits for an answer.
    Nothing,
    /// A run waits for this.
    Tell(RunId, Input),
    /// A new run, decided under these guards.
    Claim(Box<Step>, Guards),
}

/// Why an effect was not performed this time.
#[derive(Debug)]
pub(crate) enum Later {
    /// Something must happen first that is no failure: ask again after the wait.
    NotYet(Millis),
    /// It failed; it may succeed later.
    Failed(Failure),
    /// What people are told with does not work now. Asked again until it does: given up, a landed issue would
    /// stay in its active state and be worked on anew.
    Unavailable(Failure),
}

impl Later {
    pub(crate) fn unavailable(what: &str) -> Self {
        Self::Unavailable(Failure::new(FailureKind::Engine, what))
    }
}

impl From<store::Error> for Later {
    fn from(error: store::Error) -> Self {
        Self::Failed(Failure::new(FailureKind::Engine, base::error::chain(&error)))
    }
}

/// What follows when the tracker did not take what `issue` was to be told. An issue that is gone is told nothing.
pub(crate) async fn tracker_failure(
    tracker: &dyn Tracker,
    issue: &IssueId,
    error: tracker::Error,
) -> Result<Answer, Later> {
    match error {
        tracker::Error::Refused(_) | tracker::Error::Config { .. } => {
            Err(Later::Failed(Failure::new(FailureKind::Engine, error.to_string())))
        }
        tracker::Error::NoIssue(_) => match tracker.fetch_by_ids(std::slice::from_ref(issue)).await {
            Ok(found) if found.is_empty() => Ok(Answer::Nothing),
            Ok(_) | Err(_) => Err(Later::unavailable(&base::error::chain(&error))),
        },
        tracker::Error::RateLimited { retry_after: Some(wait) } => Err(Later::NotYet(wait)),
        tracker::Error::Request(_)
        | tracker::Error::Status { .. }
        | tracker::Error::Response(_)
        | tracker::Error::Pagination(_)
        | tracker::Error::RateLimited { retry_after: None } => {
            Err(Later::unavailable(&base::error::chain(&error)))
        }
    }
}

/// In whose name the run writes.
pub(crate) fn mark(run: &Run) -> Mark {
    Mark { run: run.id.clone(), fence: run.fence }
}

impl Engine {
    /// Performs what is owed until the engine is drained.
    pub(crate) async fn perform_forever(&self) {
        let over = self.0.tasks.token();
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        let mut owed_now = self.0.owed.listen();
        while !over.is_cancelled() {
            let taken = match self.0.store.claim_effects(&self.0.owner, BATCH, LEASE).await {
                Ok(effects) => effects,
                Err(error) => {
                    tracing::error!(error = base::error::chain(&error), "cannot read what is owed");
                    vec![]
                }
            };
            let full = taken.len() == BATCH as usize;
            for claimed in taken {
                let (engine, permits) = (self.clone(), permits.clone());
                self.0.tasks.spawn("effect", async move { engine.perform_one(claimed, &permits).await });
            }
            if !full {
                tokio::select! {
                    () = owed_now.woken() => {}
                    () = tokio::time::sleep(IDLE) => {}
                    () = over.cancelled() => {}
                }
            }
        }
    }

    async fn perform_one(&self, claimed: Claimed, permits: &Semaphore) {
        let work = async {
            match &claimed.effect {
                // Slots bound the attempts; everything else is short and waits its turn.
                Effect::StartAttempt { .. } => self.perform(&claimed.effect).await,
                Effect::EndAttempt { .. }
                | Effect::CollectChange { .. }
                | Effect::RequestReview(_)
                | Effect::ReportReview { .. }
                | Effect::Land { .. }
                | Effect::MoveIssue { .. }
                | Effect::Comment { .. }
                | Effect::CleanWorkspace { .. } => {
                    let _permit = permits.acquire().await;
                    self.perform(&claimed.effect).await
                }
            }
        };
        let _held = self.0.held.enter(claimed.lease.clone());
        let done = tokio::select! {
            done = Box::pin(work) => done,
            () = self.0.tenure.lost.cancelled() => {
                tracing::error!(effect = %claimed.lease.effect, "dropped: another engine may perform it");
                return;
            }
        };
        match self.settle(&claimed, done).await {
            Ok(()) => {}
            Err(store::Error::LeaseLost { effect }) => {
                tracing::error!(%effect, "another performer took it over");
            }
            // It is found again: nobody performs it, and it is not settled.
            Err(error) => {
                tracing::error!(effect = %claimed.lease.effect, error = base::error::chain(&error), "effect not settled");
            }
        }
    }

    async fn perform(&self, effect: &Effect) -> Result<Answer, Later> {
        match effect {
            Effect::StartAttempt { run, fence, attempt, task } => {
                start_attempt::perform(self, run, *fence, *attempt, task).await
            }
            Effect::EndAttempt { run, fence, why } => end_attempt::perform(self, run, *fence, why).await,
            Effect::CollectChange { run, fence } => collect_change::perform(self, run, *fence).await,
            Effect::RequestReview(request) => request_review::perform(self, request).await,
            Effect::ReportReview { parent, team, head, round, result, .. } => {
                let (team, head, round, result) = (team.clone(), head.clone(), *round, result.clone());
                Ok(Answer::Tell(parent.clone(), Input::ReviewReported { team, head, round, result }))
            }
            Effect::Land { run, head, .. } => land::perform(self, run, head).await,
            Effect::MoveIssue { run, state } => move_issue::perform(self, run, state).await,
            Effect::Comment { run, text } => comment::perform(self, run, text).await,
            Effect::CleanWorkspace { run } => clean_workspace::perform(self, run).await,
        }
    }

    async fn settle(&self, claimed: &Claimed, done: Result<Answer, Later>) -> Result<(), store::Error> {
        let lease = &claimed.lease;
        let (failure, tries) = match done {
            Ok(answer) => {
                self.forgive(&lease.effect);
                self.answered(lease, answer).await?;
                // The last effect of a run settles its issue: it may be worked on again.
                self.0.schedule.wake();
                return Ok(());
            }
            Err(Later::NotYet(wait)) => return self.0.store.retry_effect(lease, wait, "not yet").await,
            Err(Later::Failed(failure)) => (failure, MAX_TRIES),
            Err(Later::Unavailable(failure)) => (failure, u32::MAX),
        };
        let (effect, failures) = (&lease.effect, self.count_failure(&lease.effect));
        if failures < tries {
            let wait = Millis((250 << failures.min(20)).min(LONGEST_WAIT.0));
            tracing::warn!(%effect, %failure, failures, "effect failed, to be tried again");
            return self.0.store.retry_effect(lease, wait, &failure.to_string()).await;
        }
        tracing::error!(%effect, %failure, "effect given up");
        self.forgive(effect);
        let why = failure.to_string();
        let input = Input::EffectFailed { failure };
        self.submit_ending(claimed.effect.run(), input, lease, Ending::Dead(&why)).await
    }

    /// How often the effect failed in this process, this time included.
    fn count_failure(&self, effect: &EffectId) -> u32 {
        let mut failures = self.0.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(effect.clone()).or_insert(0);
        *count += 1;
        *count
    }

    fn forgive(&self, effect: &EffectId) {
        self.0.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(effect);
    }

    async fn answered(&self, lease: &Lease, answer: Answer) -> Result<(), store::Error> {
        let now = self.now();
        match answer {
            Answer::Nothing => self.0.store.finish_effect(lease, Ending::Done, now).await,
            Answer::Tell(run, input) => self.submit_ending(&run, input, lease, Ending::Done).await,
            Answer::Claim(step, guards) => {
                let effect = Some((lease, Ending::Done));
                let commit = Commit { step: &step, base: Base::New, guards: Some(&guards), effect, now };
                match self.commit(commit).await {
                    Ok(_) => {
                        self.woken_by(&step, false);
                        Ok(())
                    }
                    // Something it rested on changed: decide again.
                    Err(store::Error::Outdated { .. }) => {
                        self.0.store.retry_effect(lease, Millis(0), "decided anew").await
                    }
                    Err(error) => Err(error),
                }
            }
        }
    }
}
