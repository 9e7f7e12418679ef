//! Starts an attempt and stays with it to its end.

use super::{Answer, Later};
use crate::{Engine, attempt};
use domain::effect::Task;
use domain::failure::{Failure, FailureKind};
use domain::run::{AttemptEnd, Input, Spent};
use domain::{Fence, RunId};

pub(super) async fn perform(
    engine: &Engine,
    run: &RunId,
    fence: Fence,
    number: u32,
    task: &Task,
) -> Result<Answer, Later> {
    let Some(stored) = engine.read_run(run).await? else { return Ok(Answer::Nothing) };
    let run = &stored.run;
    if run.fence != fence || run.attempts != number || !run.is_live() {
        return Ok(Answer::Nothing);
    }
    let over = engine.0.tasks.token();
    let (end, spent) = tokio::select! {
        ended = Box::pin(attempt::live(engine, run, task)) => ended,
        () = over.cancelled() => {
            let why = "Seawall was shut down while the agent worked";
            (AttemptEnd::Failed(Failure::new(FailureKind::Lost, why)), Spent::default())
        }
    };
    Ok(Answer::Tell(run.id.clone(), Input::AttemptEnded { fence, end, spent }))
}
