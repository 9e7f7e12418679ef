//! Tells the people who read the issue, once.

use super::{Answer, Later, mark, tracker_failure};
use crate::Engine;
use adapters::tracker::{Remark, Tracker};
use domain::run::{Input, Outcome, Phase, Run};
use domain::{IssueId, RunId};

/// In whose name Seawall comments.
const AUTHOR: &str = "seawall";

pub(super) async fn perform(engine: &Engine, run: &RunId, text: &str) -> Result<Answer, Later> {
    let Some(stored) = engine.read_run(run).await? else { return Ok(Answer::Nothing) };
    let issue = &stored.run.issue;
    let registered = engine.registered();
    let Some(source) = registered.source(&issue.project) else { return Ok(Answer::Nothing) };
    // The instant of the run's end, not of this try: the same comment is then added once.
    let at = match stored.run.phase {
        Phase::Ended { at, .. } => at,
        Phase::Starting { .. }
        | Phase::Working { .. }
        | Phase::Waiting { .. }
        | Phase::Blocked { .. }
        | Phase::Collecting
        | Phase::InReview { .. }
        | Phase::Landing { .. } => stored.run.created_at,
    };
    let remark = Remark { author: AUTHOR.to_owned(), text: text.to_owned(), at };
    let told = source.tracker.remark(&issue.id, &remark, &mark(&stored.run)).await;
    if let Err(error) = told {
        return tracker_failure(&*source.tracker, &issue.id, error).await;
    }
    if !asks_a_person(&stored.run) {
        return Ok(Answer::Nothing);
    }
    match version(&*source.tracker, &issue.id).await? {
        Some(version) => Ok(Answer::Tell(stored.run.id.clone(), Input::PersonAsked { version })),
        None => Ok(Answer::Nothing),
    }
}

fn asks_a_person(run: &Run) -> bool {
    matches!(run.outcome(), Some(Outcome::NeedsPerson { .. } | Outcome::Failed { .. }))
}

/// How the issue reads now; `None` when it is gone.
async fn version(tracker: &dyn Tracker, issue: &IssueId) -> Result<Option<String>, Later> {
    match tracker.fetch_by_ids(std::slice::from_ref(issue)).await {
        Ok(found) => Ok(found.into_iter().next().map(|i| i.version)),
        Err(error) => Err(Later::unavailable(&base::error::chain(&error))),
    }
}
