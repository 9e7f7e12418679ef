//! Removes a run's workspace, and the branches that its change was reviewed on.

use super::{Answer, Later};
use crate::Engine;
use crate::failure::forge_failure;
use domain::RunId;
use domain::failure::{Failure, FailureKind};
use domain::run::{Outcome, Purpose, Run};

pub(super) async fn perform(engine: &Engine, run: &RunId) -> Result<Answer, Later> {
    let Some(stored) = engine.0.store.run(run).await? else { return Ok(Answer::Nothing) };
    let folder = engine.run_dir(&stored.run);
    let removed = tokio::task::spawn_blocking(move || base::files::remove_tree(&folder)).await;
    match removed {
        Ok(Ok(())) => {}
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {}
        Ok(Err(error)) => {
            return Err(Later::Failed(Failure::new(FailureKind::Workspace, error.to_string())));
        }
        Err(panic) => return Err(Later::Failed(Failure::new(FailureKind::Engine, panic.to_string()))),
    }
    drop_branches(engine, &stored.run).await?;
    Ok(Answer::Nothing)
}

/// What ended otherwise keeps its branches: a person may have to look at them.
async fn drop_branches(engine: &Engine, run: &Run) -> Result<(), Later> {
    let over = matches!(run.outcome(), Some(Outcome::Landed { .. } | Outcome::Cancelled { .. }));
    let Some(source) = engine.0.setup.sources.get(&run.issue.project) else { return Ok(()) };
    if !over || run.purpose() != Purpose::Author {
        return Ok(());
    }
    let dropped = engine.0.forge.drop_branches(&source.remote, &format!("seawall/{}/", run.id)).await;
    dropped.map_err(|error| Later::Failed(forge_failure(&error)))
}
