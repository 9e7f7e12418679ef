//! What is done to the implementation, its workflow and its tracker.

use super::wait;
use crate::case::step::{Signal, Step, Stop, UntilExit, UntilGone};
use crate::run::Failure;
use crate::run::world::World;

/// What is done at once.
pub(super) fn act(world: &mut World, step: &Step) -> Result<(), String> {
    let said = |path: &std::path::Path, error: &std::io::Error| format!("{}: {error}", path.display());
    match step {
        Step::Set { issue, to } => world.linear.set(issue, to)?,
        Step::Add(issue) => world.linear.add(issue.clone()),
        Step::Remove(issue) => world.linear.remove(issue)?,
        Step::Fault(fault) => world.linear.fault(fault.clone()),
        Step::LiftFaults => world.linear.lift_faults(),
        Step::Workflow(over) => world.lay_over(over)?,
        Step::Prompt(prompt) => world.set_prompt(prompt)?,
        Step::WorkflowText(text) => world.write_text(text)?,
        Step::WorkflowDelete => {
            let path = world.workflow_path();
            std::fs::remove_file(&path).map_err(|error| said(&path, &error))?;
        }
        Step::Write { path, text } => {
            let path = world.places.path(path);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(|error| said(folder, &error))?;
            }
            std::fs::write(&path, text).map_err(|error| said(&path, &error))?;
        }
        Step::Folder(path) => {
            let path = world.places.path(path);
            std::fs::create_dir_all(&path).map_err(|error| said(&path, &error))?;
        }
        Step::Link { path, to } => {
            let (path, to) = (world.places.path(path), world.places.path(to));
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(|error| said(folder, &error))?;
            }
            std::os::unix::fs::symlink(&to, &path).map_err(|error| said(&path, &error))?;
        }
        Step::Release { agent, name } => world.release(agent, name)?,
        Step::Until(_)
        | Step::UntilAny(_)
        | Step::Never(_)
        | Step::Count(_)
        | Step::Order(_)
        | Step::Gap(_)
        | Step::See(_)
        | Step::Http(_)
        | Step::File(_)
        | Step::Folders(_)
        | Step::Together(_)
        | Step::UntilGone(_)
        | Step::UntilExit(_)
        | Step::LoopbackOnly(_)
        | Step::Tracker(_)
        | Step::Refresh
        | Step::Stop(_)
        | Step::Start
        | Step::PauseMs(_) => {}
    }
    Ok(())
}

pub(super) async fn until_gone(world: &mut World, step: &UntilGone) -> Result<(), Failure> {
    let within = world.slowed(step.within_ms);
    wait(world, within, async |world| match world.living(&step.agent) {
        0 => Ok(()),
        left => Err(Failure::new(
            format!("no agent of {} and nothing it started is alive", step.agent),
            format!("{left} processes are"),
        )),
    })
    .await
}

pub(super) async fn until_exit(world: &mut World, step: &UntilExit) -> Result<(), Failure> {
    let within = world.slowed(step.within_ms);
    let wanted = if step.failed { "it ends with a failure" } else { "it ends well" };
    world.stopped = true;
    wait(world, within, async |world| match world.ended() {
        Some(_) if step.failed && world.tail_of_output(1).trim().is_empty() => {
            Err(Failure::new("an operator can see why it failed", "it printed nothing"))
        }
        Some(status) if status.success() != step.failed => Ok(()),
        Some(status) => Err(Failure::new(wanted, format!("{status}:\n{}", world.tail_of_output(12)))),
        None => Err(Failure::new(wanted, format!("it still runs:\n{}", world.tail_of_output(12)))),
    })
    .await
}

pub(super) async fn stop(world: &mut World, step: &Stop) -> Result<(), Failure> {
    let within = world.slowed(step.within_ms);
    if let Some(status) = world.ended() {
        return Err(Failure::new("it runs until it is stopped", format!("it had ended with {status}")));
    }
    let Some(status) = world.stop(step.signal, within).await else {
        return Err(Failure::new(format!("it ends within {within:?} of {:?}", step.signal), "it still runs"));
    };
    match step.code {
        Some(code) if step.signal != Signal::Kill && status.code() != Some(code) => Err(Failure::new(
            format!("exit code {code} after {:?}", step.signal),
            format!("{status}:\n{}", world.tail_of_output(12)),
        )),
        Some(_) | None => Ok(()),
    }
}
