//! Takes the author's work out of the workspace as a commit, and names who must review it.

use super::{Answer, Later};
use crate::Engine;
use crate::failure::forge_failure;
use adapters::forge::git::{Collected, Commit, Identity, Source, Workspace};
use domain::change::{Change, Owner};
use domain::failure::{Failure, FailureKind};
use domain::fleet::Project;
use domain::run::{Input, Run};
use domain::{Fence, RunId, Sha, TeamName};
use knowledge::codeowners::{CodeOwners, Dialect};
use std::collections::BTreeMap;

/// Where CODEOWNERS may lie, in the order in which GitHub looks, and GitLab's own place last.
const CODEOWNERS: [(&str, Dialect); 4] = [
    (".github/CODEOWNERS", Dialect::GitHub),
    ("CODEOWNERS", Dialect::GitHub),
    ("docs/CODEOWNERS", Dialect::GitHub),
    (".gitlab/CODEOWNERS", Dialect::GitLab),
];

pub(super) async fn perform(engine: &Engine, run: &RunId, fence: Fence) -> Result<Answer, Later> {
    let Some(stored) = engine.read_run(run).await? else { return Ok(Answer::Nothing) };
    let run = &stored.run;
    if run.fence != fence {
        return Ok(Answer::Nothing);
    }
    if !engine.0.forge.is_prepared(&engine.workspace(run)) {
        // An empty folder is no proof that the author changed nothing: its work is on another machine, or lost.
        let failure =
            Failure::new(FailureKind::Workspace, "the author's workspace is not on this machine any more");
        return Ok(Answer::Tell(run.id.clone(), Input::CollectFailed { fence, failure }));
    }
    let input = match take(engine, run).await {
        Ok(Some(change)) => Input::ChangeCollected { fence, change },
        Ok(None) => Input::NothingChanged { fence },
        // What the agent left cannot be taken: that is the attempt's failure, not ours.
        Err(error) if error.refusal().is_some() => {
            Input::CollectFailed { fence, failure: forge_failure(&error) }
        }
        Err(error) => return Err(Later::Failed(forge_failure(&error))),
    };
    Ok(Answer::Tell(run.id.clone(), input))
}

async fn take(engine: &Engine, run: &Run) -> Result<Option<Change>, adapters::forge::git::Error> {
    let registered = engine.registered();
    let project = registered.project_or_last_rites(&run.issue.project);
    let Some(source) = registered.source(&project.name) else { return Ok(None) };
    let workspace = engine.workspace(run);
    let forge = &engine.0.forge;
    let base = forge.prepare(&workspace, &source.remote, &project.branch, None).await?;
    let collected = forge.collect(&workspace, &base, &commit(engine, run)).await?;
    let Some(head) = collected.head.clone() else { return Ok(None) };
    forge.push_branch(&workspace, &source.remote, &head, &branch_name(run)).await?;
    describe(engine, &project, &workspace, collected, head).await.map(Some)
}

/// The change with its owners, as the base's CODEOWNERS names them: a change cannot pick its own judges.
pub(super) async fn describe(
    engine: &Engine,
    project: &Project,
    workspace: &Workspace,
    collected: Collected,
    head: Sha,
) -> Result<Change, adapters::forge::git::Error> {
    let places = CODEOWNERS.map(|(path, _)| path);
    let found = engine.0.forge.show_first(Source::Workspace(workspace), &collected.base, &places).await?;
    let rules = found.and_then(|(path, bytes)| {
        let (_, dialect) = CODEOWNERS.into_iter().find(|(place, _)| *place == path)?;
        CodeOwners::parse(&String::from_utf8_lossy(&bytes), dialect).ok()
    });
    let mut by_team: BTreeMap<TeamName, Vec<String>> = BTreeMap::new();
    for file in &collected.files {
        let owners = rules.as_ref().map(|rules| rules.owners_of(file)).unwrap_or_default();
        let teams: Vec<_> = owners.iter().filter(|o| !o.optional).filter_map(|o| o.handle.team()).collect();
        let teams = if teams.is_empty() { vec![project.team.clone()] } else { teams };
        for team in teams {
            by_team.entry(team).or_default().push(file.clone());
        }
    }
    let registered = engine.registered();
    let fleet = &registered.fleet;
    let owner = |(team, files): (TeamName, Vec<String>)| {
        let reviewer = fleet.teams.get(&team).and_then(|t| t.reviewer.clone());
        Owner { team, reviewer, files }
    };
    Ok(Change {
        base: collected.base,
        head,
        files: collected.files,
        added: collected.added,
        removed: collected.removed,
        owners: by_team.into_iter().map(owner).collect(),
    })
}

/// The commit that holds the author's work.
pub(crate) fn commit(engine: &Engine, run: &Run) -> Commit {
    let message = format!("{}: {}\n\nSeawall-Run: {}\n", run.issue.identifier, run.issue.title, run.id);
    Commit { author: Identity { agent: run.agent.clone(), at: engine.now() }, message }
}

/// Where the change can be seen before it lands: named by run and claim, so that an older claim cannot move it.
pub(super) fn branch_name(run: &Run) -> String {
    format!("seawall/{}/{}", run.id, run.fence)
}
