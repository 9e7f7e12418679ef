//! Attempts and what they leave: started, ended, collected.

use super::ending::{end_run, failed, needs_person, report};
use super::review::ask_for_review;
use super::{AttemptEnd, Ignored, Spent};
use crate::change::Change;
use crate::effect::Effect;
use crate::event::Event;
use crate::failure::{Failure, FailureKind};
use crate::fleet::{Delivery, Project};
use crate::run::{Outcome, Phase, Purpose, Run, handoff};
use crate::step::Step;
use crate::{Fence, Timestamp};

pub(super) fn attempt_started(
    mut run: Run,
    fence: Fence,
    isolation: String,
    now: Timestamp,
) -> Result<Step, Ignored> {
    same_claim(&run, fence)?;
    if !matches!(run.phase, Phase::Starting { .. }) {
        return Err(Ignored::WrongPhase);
    }
    run.phase = Phase::Working { since: now };
    let attempt = run.attempts;
    Ok(Step::of(run).event(Event::AttemptStarted { attempt, isolation }))
}

pub(super) fn attempt_ended(
    mut run: Run,
    fence: Fence,
    end: AttemptEnd,
    spent: Spent,
    project: &Project,
    now: Timestamp,
) -> Result<Step, Ignored> {
    live_claim(&run, fence)?;
    match run.delivery {
        Delivery::Handoff => return Ok(handoff::attempt_ended(run, end, spent, project, now)),
        Delivery::Land => {}
    }
    run.tokens = run.tokens.plus(spent.tokens);
    run.ran.0 = run.ran.0.saturating_add(spent.ran.0);
    let attempt = run.attempts;
    let (summary, review) = match end {
        AttemptEnd::Failed(failure) => return Ok(failed(run, failure, project, now)),
        AttemptEnd::Blocked { question } => return Ok(needs_person(run, question, now)),
        AttemptEnd::Finished { summary, review } => (summary, review),
    };
    match (run.purpose(), review) {
        (Purpose::Author, _) => {
            run.phase = Phase::Collecting;
            run.failures = 0;
            let id = run.id.clone();
            let finished = Event::AttemptFinished { attempt, summary };
            Ok(Step::of(run).event(finished).owe(Effect::CollectChange { run: id, fence }))
        }
        (Purpose::Review, Some(raised)) => {
            let finished = Event::AttemptFinished { attempt, summary };
            let outcome = Outcome::Reviewed { findings: raised.len() };
            let report = report(&run, Ok(raised));
            Ok(end_run(Step::of(run).event(finished), outcome, now).owe_all(report).cleaned())
        }
        (Purpose::Review, None) => {
            let detail = "the reviewer ended without handing in a review (tool `submit_review`)";
            Ok(failed(run, Failure::new(FailureKind::NoReview, detail), project, now))
        }
    }
}

pub(super) fn change_collected(
    mut run: Run,
    fence: Fence,
    change: Change,
    now: Timestamp,
) -> Result<Step, Ignored> {
    collecting(&run, fence)?;
    let collected = Event::ChangeCollected { change: change.clone() };
    let same = run.change.as_ref().is_some_and(|before| before.head == change.head);
    take_change(&mut run, change);
    if same && run.ledger.open().next().is_some() {
        let question = "the author left open findings unanswered: it changed nothing".to_owned();
        return Ok(needs_person(run, question, now).preceded_by(collected));
    }
    Ok(ask_for_review(run, now).preceded_by(collected))
}

/// Who raised what is still open judges the next change too, whether or not it touches what they own: a finding that
/// nobody is asked about again would hold the change up for ever.
fn take_change(run: &mut Run, mut change: Change) {
    let before = run.change.iter().flat_map(|change| &change.owners);
    let waiting = before.filter(|owner| run.ledger.open().any(|finding| finding.team == owner.team));
    let gone = waiting.filter(|owner| change.owners.iter().all(|known| known.team != owner.team));
    let gone: Vec<_> = gone.cloned().collect();
    change.owners.extend(gone);
    run.change = Some(change);
}

pub(super) fn workspace_prepared(mut run: Run, fence: Fence, path: String) -> Result<Step, Ignored> {
    live_claim(&run, fence)?;
    if run.workspace.as_ref() == Some(&path) {
        return Err(Ignored::Known);
    }
    run.workspace = Some(path);
    Ok(Step::of(run))
}

/// The claim is the current one, and its attempt is not over.
pub(super) fn live_claim(run: &Run, fence: Fence) -> Result<(), Ignored> {
    same_claim(run, fence)?;
    if run.is_live() { Ok(()) } else { Err(Ignored::WrongPhase) }
}

pub(super) fn same_claim(run: &Run, fence: Fence) -> Result<(), Ignored> {
    if run.fence == fence { Ok(()) } else { Err(Ignored::OldFence) }
}

pub(super) fn collecting(run: &Run, fence: Fence) -> Result<(), Ignored> {
    same_claim(run, fence)?;
    if matches!(run.phase, Phase::Collecting) { Ok(()) } else { Err(Ignored::WrongPhase) }
}
