//! An author's attempt: its workspace, its prompt, its tools.

use super::prompt;
use super::session::Assignment;
use super::tools::AuthorTools;
use crate::Engine;
use crate::perform::collect_change::commit;
use crate::setup::Source as ProjectSource;
use adapters::forge::git::Workspace;
use adapters::tracker::Mark;
use domain::effect::Task;
use domain::failure::{Failure, FailureKind};
use domain::issue::Issue;
use domain::run::Run;
use knowledge::workflow::issue_view;
use std::sync::Arc;

/// The landing branch, with what earlier attempts of the run left on it; after a conflict, merged with markers.
pub(super) async fn workspace(
    engine: &Engine,
    run: &Run,
    source: &ProjectSource,
    workspace: &Workspace,
    conflict: bool,
) -> Result<(), Failure> {
    let project = engine.registered().project_or_last_rites(&run.issue.project);
    let forge = &engine.0.forge;
    let failed =
        |e: adapters::forge::git::Error| Failure::new(FailureKind::Workspace, base::error::chain(&e));
    forge.prepare(workspace, &source.remote, &project.branch, None).await.map_err(failed)?;
    if conflict {
        let commit = commit(engine, run);
        forge.rebase(workspace, &source.remote, &project.branch, &commit).await.map_err(failed)?;
    }
    Ok(())
}

pub(super) fn assignment(
    engine: &Engine,
    run: &Run,
    source: &ProjectSource,
    issue: &Issue,
    task: &Task,
) -> Result<Assignment, Failure> {
    let project = engine.registered().project_or_last_rites(&run.issue.project);
    let view = issue_view(issue);
    let again = (run.attempts > 1).then_some(run.attempts);
    let text = source.prompt.render(&view, again).map_err(|e| {
        Failure::new(FailureKind::Workspace, format!("the workflow's prompt: {}", base::error::chain(&e)))
    })?;
    let tools = AuthorTools {
        tracker: source.tracker.clone(),
        issue: issue.clone(),
        mark: Mark { run: run.id.clone(), fence: run.fence },
        agent: run.agent.clone(),
        open_to_agents: project.states.active,
        clock: engine.0.setup.outside.clock.clone(),
    };
    Ok(Assignment {
        instructions: prompt::AUTHOR,
        prompt: prompt::author(&text, task),
        specs: AuthorTools::specs(),
        tools: Arc::new(tools),
        review: None,
    })
}
