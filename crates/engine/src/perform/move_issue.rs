//! Moves the issue to a state of its tracker.

use super::{Answer, Later, mark, tracker_failure};
use crate::Engine;
use domain::RunId;

pub(super) async fn perform(engine: &Engine, run: &RunId, state: &str) -> Result<Answer, Later> {
    let Some(stored) = engine.read_run(run).await? else { return Ok(Answer::Nothing) };
    let issue = &stored.run.issue;
    let registered = engine.registered();
    let Some(source) = registered.source(&issue.project) else { return Ok(Answer::Nothing) };
    match source.tracker.move_to(&issue.id, state, &mark(&stored.run)).await {
        Ok(()) => Ok(Answer::Nothing),
        Err(error) => tracker_failure(&*source.tracker, &issue.id, error).await,
    }
}
