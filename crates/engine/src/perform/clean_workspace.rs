//! Removes a run's workspace, and the branches that its change was reviewed on.

use super::{Answer, Later};
use crate::Engine;
use crate::attempt::work;
use crate::failure::forge_failure;
use domain::failure::{Failure, FailureKind};
use domain::fleet::Delivery;
use domain::run::{Outcome, Purpose, Run};
use domain::{Millis, RunId};
use std::path::Path;

/// The wait for the last process of a run to be gone: a hook must not meet it.
const ASK_AGAIN: Millis = Millis(200);

pub(super) async fn perform(engine: &Engine, run: &RunId) -> Result<Answer, Later> {
    let Some(stored) = engine.read_run(run).await? else { return Ok(Answer::Nothing) };
    if engine.lives(run).await {
        return Err(Later::NotYet(ASK_AGAIN));
    }
    if let Some(workspace) = &stored.run.workspace {
        engine.remove_workspace(&stored.run, Path::new(workspace)).await.map_err(Later::Failed)?;
    }
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
    if stored.run.delivery == Delivery::Land {
        drop_branches(engine, &stored.run).await?;
    }
    Ok(Answer::Nothing)
}

impl Engine {
    /// Whether a process of the run may still live on this machine.
    async fn lives(&self, run: &RunId) -> bool {
        if self.0.live.has(run) {
            return true;
        }
        match self.0.kill_plane.status().await {
            Ok(status) => status.runs.iter().any(|known| known.run == run.as_str() && known.alive),
            // Not known is not gone.
            Err(_) => true,
        }
    }

    /// Removes the workspace of a handed-off run, by its recorded path, after the hook `before_remove`.
    pub(crate) async fn remove_workspace(&self, run: &Run, path: &Path) -> Result<(), Failure> {
        let registered = self.registered();
        let Some(source) = registered.source(&run.issue.project) else { return Ok(()) };
        let Some(handoff) = source.handoff.clone() else { return Ok(()) };
        // Where it was made is where it is removed, also when the configured root is another one by now.
        let root = self.0.setup.root(path.parent().unwrap_or(&handoff.root));
        let workspace_error = |error: adapters::workspace::Error| {
            Failure::new(FailureKind::Workspace, base::error::chain(&error))
        };
        if path.symlink_metadata().is_err() {
            return Ok(());
        }
        let real = root.check(path).map_err(workspace_error)?;
        // A failure is in the log, and the workspace is removed all the same (9.4).
        let _ = work::hook(self, run, &handoff, &self.secrets_of(source), "before_remove", &real).await;
        let removed = tokio::task::spawn_blocking(move || root.remove(&real)).await;
        removed
            .map_err(|panic| Failure::new(FailureKind::Engine, panic.to_string()))?
            .map_err(workspace_error)
    }
}

/// What ended otherwise keeps its branches: a person may have to look at them.
async fn drop_branches(engine: &Engine, run: &Run) -> Result<(), Later> {
    let over = matches!(run.outcome(), Some(Outcome::Landed { .. } | Outcome::Cancelled { .. }));
    let registered = engine.registered();
    let Some(source) = registered.source(&run.issue.project) else { return Ok(()) };
    if !over || run.purpose() != Purpose::Author {
        return Ok(());
    }
    let dropped = engine.0.forge.drop_branches(&source.remote, &format!("seawall/{}/", run.id)).await;
    dropped.map_err(|error| Later::Failed(forge_failure(&error)))
}
