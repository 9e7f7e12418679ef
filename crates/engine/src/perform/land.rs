//! Lands the reviewed sha, and no other.

use super::collect_change::{branch_name, commit, describe};
use super::{Answer, Later};
use crate::Engine;
use crate::failure::forge_failure;
use adapters::forge::git::{Identity, Land, Rebase};
use domain::failure::{Failure, FailureKind};
use domain::run::{Input, Phase, Run};
use domain::{Millis, RunId, Sha};

/// The wait while an order that covers the run is about to end it.
const ASK_AGAIN: Millis = Millis(500);

pub(super) async fn perform(engine: &Engine, run: &RunId, head: &Sha) -> Result<Answer, Later> {
    let Some(stored) = engine.read_run(run).await? else { return Ok(Answer::Nothing) };
    let run = &stored.run;
    if !matches!(&run.phase, Phase::Landing { head: reviewed } if reviewed == head) {
        return Ok(Answer::Nothing);
    }
    if engine.0.store.containments().await?.stopping(&run.identity()).is_some() {
        // The reconciler ends the run; what is stopped must not land in the meantime.
        return Err(Later::NotYet(ASK_AGAIN));
    }
    let input = land(engine, run, head).await.map_err(|e| Later::Failed(forge_failure(&e)))?;
    Ok(Answer::Tell(run.id.clone(), input))
}

async fn land(engine: &Engine, run: &Run, head: &Sha) -> Result<Input, adapters::forge::git::Error> {
    let registered = engine.registered();
    let project = registered.project_or_last_rites(&run.issue.project);
    let Some(source) = registered.source(&project.name) else {
        return Ok(stuck("its project is not configured any more, so that it cannot be landed"));
    };
    let workspace = engine.workspace(run);
    let identity = Identity { agent: run.agent.clone(), at: engine.now() };
    let forge = &engine.0.forge;
    if !forge.is_prepared(&workspace) {
        // The reviewed commit was pushed to a branch of its own; another machine can land it as well.
        forge.prepare(&workspace, &source.remote, &project.branch, Some(head)).await?;
    }
    let landed =
        forge.land(&workspace, &source.remote, &project.branch, head, project.landing, &identity).await?;
    let head = head.clone();
    Ok(match landed {
        Land::Landed { main, how: _ } => Input::Landed { head, main },
        Land::Conflict { files, .. } => Input::LandConflict { head, files },
        Land::Moved { .. } => {
            match forge.rebase(&workspace, &source.remote, &project.branch, &commit(engine, run)).await? {
                Rebase::Conflict { files, .. } => Input::LandConflict { head, files },
                Rebase::Rebased { base, .. } => {
                    let collected = forge.collect(&workspace, &base, &commit(engine, run)).await?;
                    let Some(new) = collected.head.clone() else {
                        return Ok(stuck("the landing branch already holds all that the change does"));
                    };
                    let branch = format!("{}-onto-{}", branch_name(run), base.short());
                    forge.push_branch(&workspace, &source.remote, &new, &branch).await?;
                    let change = describe(engine, &project, &workspace, collected, new).await?;
                    Input::Rebased { head, change }
                }
            }
        }
    })
}

/// Nothing can be landed, now or later: a person must know, or the run would wait for its landing for ever.
fn stuck(why: &str) -> Input {
    Input::EffectFailed { failure: Failure::new(FailureKind::Engine, why) }
}
