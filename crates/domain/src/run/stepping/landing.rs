//! The reviewed sha on its way to the landing branch.

use super::Ignored;
use super::ending::{again, end_run, needs_person};
use super::review::ask_for_review;
use crate::change::Change;
use crate::effect::Effect;
use crate::event::Event;
use crate::fleet::Project;
use crate::run::{Outcome, Phase, Run, Wait};
use crate::step::Step;
use crate::{Sha, Timestamp};

/// Rounds that only follow a moved landing branch; past this the branch is too busy for this policy.
const MAX_REBASES: u32 = 20;

pub(super) fn landed(
    run: Run,
    head: Sha,
    main: Sha,
    project: &Project,
    now: Timestamp,
) -> Result<Step, Ignored> {
    landing(&run, &head)?;
    let id = run.id.clone();
    let text = format!(
        "Landed {} on `{}` after {} round(s) of review (run {id}).",
        head.short(),
        project.branch,
        run.round
    );
    let state = project.states.done().to_owned();
    let step = end_run(Step::of(run), Outcome::Landed { head, main }, now);
    Ok(step
        .owe(Effect::MoveIssue { run: id.clone(), state })
        .owe(Effect::Comment { run: id, text })
        .cleaned())
}

pub(super) fn rebased(mut run: Run, head: &Sha, change: Change, now: Timestamp) -> Result<Step, Ignored> {
    landing(&run, head)?;
    run.rebases += 1;
    let collected = Event::ChangeCollected { change: change.clone() };
    run.change = Some(change);
    let step = if run.rebases > MAX_REBASES { too_busy(run, now) } else { ask_for_review(run, now) };
    Ok(step.preceded_by(collected))
}

pub(super) fn land_conflict(
    mut run: Run,
    head: &Sha,
    files: Vec<String>,
    project: &Project,
    now: Timestamp,
) -> Result<Step, Ignored> {
    landing(&run, head)?;
    // The round that follows is the branch's doing, not the reviewers': it does not count towards their rounds.
    run.rebases += 1;
    if run.rebases > MAX_REBASES {
        return Ok(too_busy(run, now));
    }
    Ok(again(run, Wait::Conflict { files }, project, now))
}

fn too_busy(run: Run, now: Timestamp) -> Step {
    needs_person(run, format!("the landing branch moved {MAX_REBASES} times during review"), now)
}

pub(super) fn landing(run: &Run, reviewed: &Sha) -> Result<(), Ignored> {
    match &run.phase {
        Phase::Landing { head } if head == reviewed => Ok(()),
        Phase::Landing { .. } => Err(Ignored::OldFence),
        Phase::Starting { .. }
        | Phase::Working { .. }
        | Phase::Waiting { .. }
        | Phase::Blocked { .. }
        | Phase::Collecting
        | Phase::InReview { .. }
        | Phase::Ended { .. } => Err(Ignored::WrongPhase),
    }
}
