//! Removes a run's workspace.

use super::{Answer, Later};
use crate::Engine;
use domain::RunId;
use domain::failure::{Failure, FailureKind};

pub(super) async fn perform(engine: &Engine, run: &RunId) -> Result<Answer, Later> {
    let Some(stored) = engine.0.store.run(run).await? else { return Ok(Answer::Nothing) };
    let folder = engine.run_dir(&stored.run);
    let removed = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(folder)).await;
    match removed {
        Ok(Ok(())) => Ok(Answer::Nothing),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => Ok(Answer::Nothing),
        Ok(Err(error)) => Err(Later::Failed(Failure::new(FailureKind::Workspace, error.to_string()))),
        Err(panic) => Err(Later::Failed(Failure::new(FailureKind::Engine, panic.to_string()))),
    }
}
