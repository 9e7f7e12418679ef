//! Plays the steps of a case, one after the other.

mod act;
mod api;
mod see;

pub(super) use see::most_together;

use super::Failure;
use super::world::World;
use crate::case::step::Step;
use crate::look::Look;
use crate::matcher::shown;
use crate::timeline::{Event, Source};
use std::time::{Duration, Instant};

/// Between two looks at what has happened.
const GLANCE: Duration = Duration::from_millis(15);
/// So many events are told when something else was expected.
const TOLD: usize = 14;

pub(super) async fn play(world: &mut World) -> Result<(), Failure> {
    let said = |why: String| Failure::new("the kit can prepare the case", why);
    if !world.case.no_workflow {
        world.write_workflow().map_err(said)?;
    }
    for (number, step) in world.case.before.clone().iter().enumerate() {
        step_of(world, step, number + 1).await?;
    }
    world.start().map_err(said)?;
    for (number, step) in world.case.steps.clone().iter().enumerate() {
        step_of(world, step, number + 1).await?;
    }
    Ok(())
}

async fn step_of(world: &mut World, step: &Step, number: usize) -> Result<(), Failure> {
    one(world, step).await.map_err(|failure| Failure { step: Some(number), ..failure })
}

async fn one(world: &mut World, step: &Step) -> Result<(), Failure> {
    match step {
        Step::Until(step) => see::until(world, step).await,
        Step::UntilAny(step) => see::until_any(world, step).await,
        Step::Never(step) => see::never(world, step).await,
        Step::Count(step) => see::count(world, step),
        Step::Order(looks) => see::order(world, looks),
        Step::Gap(step) => see::gap(world, step),
        Step::See(step) => see::see(world, step),
        Step::Together(step) => see::together(world, step),
        Step::Http(step) => api::http(world, step).await,
        Step::Refresh => api::refresh(world).await,
        Step::File(step) => api::file(world, step).await,
        Step::Folders(step) => api::folders(world, step).await,
        Step::LoopbackOnly(within) => api::loopback_only(world, *within).await,
        Step::Tracker(step) => api::tracker(world, step).await,
        Step::UntilGone(step) => act::until_gone(world, step).await,
        Step::UntilExit(step) => act::until_exit(world, step).await,
        Step::Stop(step) => act::stop(world, step).await,
        Step::Start => world.start().map_err(|why| Failure::new("it starts again", why)),
        Step::PauseMs(ms) => {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
            Ok(())
        }
        Step::Set { .. }
        | Step::Add(_)
        | Step::Remove(_)
        | Step::Fault(_)
        | Step::LiftFaults
        | Step::Workflow(_)
        | Step::Prompt(_)
        | Step::WorkflowText(_)
        | Step::WorkflowDelete
        | Step::Write { .. }
        | Step::Folder(_)
        | Step::Link { .. }
        | Step::Release { .. } => act::act(world, step).map_err(|why| Failure::new("the kit can do it", why)),
    }
}

/// Looks again until `enough` finds nothing wrong; the last thing that was wrong is the failure.
async fn wait(
    world: &mut World,
    within: Duration,
    mut enough: impl AsyncFnMut(&mut World) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let begun = Instant::now();
    loop {
        let wrong = match enough(world).await {
            Ok(()) => return Ok(()),
            Err(wrong) => wrong,
        };
        if wrong.settled {
            return Err(wrong);
        }
        if begun.elapsed() > within {
            return Err(Failure { seen: format!("after {within:?}: {}", wrong.seen), ..wrong });
        }
        tokio::time::sleep(GLANCE).await;
    }
}

/// Events of the same place, for somebody who wants to know what happened instead.
fn told(events: &[Event], look: &Look) -> String {
    let place = |event: &&Event| match event.source {
        Source::Agent => look.agent.as_ref().is_some_and(|who| who == "*" || *who == event.who),
        Source::Tracker => look.tracker.is_some(),
        Source::Hook => look.hook.is_some(),
        Source::Target => true,
        Source::Output => look.output.is_some() || look.target.is_some(),
    };
    let lines: Vec<String> = events.iter().filter(place).map(line_of).collect();
    if lines.is_empty() {
        return "nothing of the kind".to_owned();
    }
    let from = lines.len().saturating_sub(TOLD);
    let before = if from > 0 { format!("… {from} earlier\n      ") } else { String::new() };
    format!("{before}{}", lines[from..].join("\n      "))
}

/// An event in a line.
pub(super) fn line_of(event: &Event) -> String {
    let Event { at_ms, source, who, run, kind, data } = event;
    let whose = if who.is_empty() { String::new() } else { format!(" {who}#{run}") };
    format!(
        "{at_ms:>6} ms  {source:?}{whose} {kind} {}",
        shown(Some(data)).chars().take(260).collect::<String>()
    )
}
