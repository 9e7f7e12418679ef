//! A handed-off attempt: the issue's own workspace with its hooks, the workflow's prompt, the tracker's own tools, the push.

use super::push::{Repository, note_origin};
use super::session::Assignment;
use super::tools::NativeTools;
use crate::Engine;
use crate::setup::{Handoff, Source};
use adapters::workspace::{self, Hook, Workspace};
use domain::failure::{Failure, FailureKind};
use domain::issue::Issue;
use domain::run::{Input, Run};
use knowledge::workflow::issue_view;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What every handed-off agent is told besides its prompt.
macro_rules! instructions {
    ($reached:literal) => {
        concat!(
            "You work alone in a sandbox on one issue. Your working directory is the issue's own and stays between ",
            "sessions. You have no network and no credentials: ",
            $reached,
            " Nobody answers questions while you work."
        )
    };
}
const INSTRUCTIONS: &str = instructions!("the tracker is reached through your tools.");
const INSTRUCTIONS_WITH_PUSH: &str = instructions!(
    "the tracker is reached through your tools, and what you commit is pushed to your repository's remote by the tool \
     `git_push`."
);

/// What an agent is told that goes on with a thread of its own that was cut off.
const RESUMED: &str = "\
The process that you ran in ended before your turn did; your working directory is as you left it. Look at what is done \
already, and go on with the issue from there.";

/// The workspace, with `after_create` behind it.
pub(super) async fn workspace(
    engine: &Engine,
    run: &Run,
    handoff: &Handoff,
    secrets: &[String],
) -> Result<PathBuf, Failure> {
    let (root, identifier) = (engine.0.setup.root(&handoff.root), run.issue.identifier.clone());
    let ready = blocking(move || root.ensure(&identifier)).await?;
    if ready.is_new
        && let Err(failure) = create(engine, run, handoff, secrets, &ready).await
    {
        // The next attempt begins with an empty folder, and runs the hook again.
        let (root, path) = (engine.0.setup.root(&handoff.root), ready.path.clone());
        if let Err(error) = blocking(move || root.remove(&path)).await {
            tracing::warn!(run = %run.id, %error, "a workspace that could not be prepared was not removed");
        }
        return Err(failure);
    }
    let path = ready.path.display().to_string();
    let prepared = Input::WorkspacePrepared { fence: run.fence, path };
    engine
        .submit(&run.id, prepared)
        .await
        .map_err(|e| Failure::new(FailureKind::Engine, base::error::chain(&e)))?;
    Ok(ready.path)
}

async fn create(
    engine: &Engine,
    run: &Run,
    handoff: &Handoff,
    secrets: &[String],
    ready: &Workspace,
) -> Result<(), Failure> {
    hook(engine, run, handoff, secrets, "after_create", &ready.path).await?;
    note_origin(engine, run, handoff, &ready.path).await?;
    // From here on the agent may write in it, and so may the hooks that run as the agents' user.
    let given = engine.0.sandbox.hand_over(&ready.path).await;
    given.map_err(|e| Failure::new(FailureKind::Workspace, base::error::chain(&e)))?;
    let (root, identifier) = (engine.0.setup.root(&handoff.root), run.issue.identifier.clone());
    blocking(move || root.created(&identifier)).await
}

/// Runs the hook called `name`, if the workflow has it.
pub(crate) async fn hook(
    engine: &Engine,
    run: &Run,
    handoff: &Handoff,
    secrets: &[String],
    name: &'static str,
    workspace: &Path,
) -> Result<(), Failure> {
    let hooks = &handoff.hooks;
    let script = match name {
        "after_create" => &hooks.after_create,
        "before_run" => &hooks.before_run,
        "after_run" => &hooks.after_run,
        _ => &hooks.before_remove,
    };
    let Some(script) = script else { return Ok(()) };
    let setup = &engine.0.setup;
    let told = [("SEAWALL_RUN", run.id.to_string()), ("SEAWALL_ISSUE", run.issue.identifier.clone())];
    let running = Hook {
        name,
        script,
        cwd: workspace,
        timeout: Duration::from_millis(hooks.timeout_ms),
        secrets,
        env: &setup.outside.env,
        told: told.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        // Where no agent has been yet, nothing but the workflow's own words can run.
        user: engine.0.sandbox.identity().filter(|_| name != "after_create"),
    };
    let (issue_id, issue_identifier) = (&run.issue.id, &run.issue.identifier);
    tracing::info!(%issue_id, %issue_identifier, run = %run.id, hook = name, "hook started");
    match running.run().await {
        Ok(output) => {
            tracing::info!(%issue_id, %issue_identifier, hook = name, outcome = "completed", output, "hook ended");
            Ok(())
        }
        Err(error) => {
            let error = base::error::chain(&error);
            tracing::warn!(%issue_id, %issue_identifier, hook = name, outcome = "failed", error, "hook ended");
            Err(Failure::new(FailureKind::Workspace, error))
        }
    }
}

/// What the agent is asked, and with what.
pub(super) fn assignment(
    engine: &Engine,
    run: &Run,
    source: &Source,
    issue: &Issue,
    repository: Option<Repository>,
) -> Result<Assignment, Failure> {
    let again = (run.retry > 0).then_some(run.retry);
    let prompt = source.prompt.render(&issue_view(issue), again).map_err(|e| {
        let class = e.class();
        Failure::new(FailureKind::Workspace, format!("{class}: {}", base::error::chain(&e)))
    })?;
    let instructions = if repository.is_some() { INSTRUCTIONS_WITH_PUSH } else { INSTRUCTIONS };
    let tools = NativeTools::new(engine.clone(), run, source.tracker.clone(), issue.clone(), repository);
    Ok(Assignment {
        instructions,
        prompt: if run.thread.is_some() { format!("{RESUMED}\n\n{prompt}") } else { prompt },
        specs: tools.specs(),
        tools: Arc::new(tools),
        review: None,
    })
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, workspace::Error> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(Failure::new(FailureKind::Workspace, base::error::chain(&error))),
        Err(panic) => Err(Failure::new(FailureKind::Engine, panic.to_string())),
    }
}
