//! Moves the issue to a state of its tracker.

use super::{Answer, Later};
use crate::Engine;
use domain::RunId;
use domain::failure::{Failure, FailureKind};

pub(super) async fn perform(engine: &Engine, run: &RunId, state: &str) -> Result<Answer, Later> {
    let Some(stored) = engine.0.store.run(run).await? else { return Ok(Answer::Nothing) };
    let issue = &stored.run.issue;
    let Some(source) = engine.0.setup.sources.get(&issue.project) else { return Ok(Answer::Nothing) };
    source
        .tracker
        .move_to(&issue.id, state)
        .await
        .map_err(|e| Later::Failed(Failure::new(FailureKind::Engine, base::error::chain(&e))))?;
    Ok(Answer::Nothing)
}
