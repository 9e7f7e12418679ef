//! Tells the people who read the issue, once.

use super::{Answer, Later};
use crate::Engine;
use domain::RunId;
use domain::failure::{Failure, FailureKind};
use domain::run::Phase;

/// In whose name Seawall comments.
const AUTHOR: &str = "seawall";

pub(super) async fn perform(engine: &Engine, run: &RunId, text: &str) -> Result<Answer, Later> {
    let Some(stored) = engine.0.store.run(run).await? else { return Ok(Answer::Nothing) };
    let issue = &stored.run.issue;
    let Some(source) = engine.0.setup.sources.get(&issue.project) else { return Ok(Answer::Nothing) };
    // The instant of the run's end, not of this try: the same comment is then added once.
    let at = match stored.run.phase {
        Phase::Ended { at, .. } => at,
        Phase::Starting { .. }
        | Phase::Working { .. }
        | Phase::Waiting { .. }
        | Phase::Collecting
        | Phase::InReview { .. }
        | Phase::Landing { .. } => stored.run.created_at,
    };
    source
        .tracker
        .comment(&issue.id, AUTHOR, text, at)
        .await
        .map_err(|e| Later::Failed(Failure::new(FailureKind::Engine, base::error::chain(&e))))?;
    Ok(Answer::Nothing)
}
