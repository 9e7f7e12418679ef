//! Starts an attempt and stays with it to its end. Held under a lease all the while.

use super::{Answer, Later};
use crate::{Engine, attempt};
use domain::effect::Task;
use domain::failure::{Failure, FailureKind};
use domain::run::{AttemptEnd, Input};
use domain::{Fence, RunId};

pub(super) async fn perform(
    engine: &Engine,
    run: &RunId,
    fence: Fence,
    number: u32,
    task: &Task,
) -> Result<Answer, Later> {
    let Some(stored) = engine.0.store.run(run).await? else { return Ok(Answer::Nothing) };
    let run = stored.run;
    if run.fence != fence || run.attempts != number || !run.is_live() {
        return Ok(Answer::Nothing);
    }
    let over = engine.0.tasks.token();
    let end = tokio::select! {
        end = Box::pin(attempt::live(engine, &run, task)) => end,
        () = over.cancelled() => AttemptEnd::Failed(Failure::new(
            FailureKind::Lost,
            "Seawall was shut down while the agent worked",
        )),
    };
    Ok(Answer::Tell(run.id, Input::AttemptEnded { fence, end }))
}
