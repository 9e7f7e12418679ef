//! How a run ends or waits: failures, orders, issues that left, questions for a person.

use super::{Ignored, Left};
use crate::Timestamp;
use crate::containment::Order;
use crate::effect::Effect;
use crate::event::Event;
use crate::failure::{Failure, FailureKind, Retry};
use crate::fleet::{Delivery, Project};
use crate::review::Raised;
use crate::run::{Outcome, Phase, Purpose, Run, Wait, handoff};
use crate::step::Step;

pub(super) fn issue_left(run: Run, left: &Left, now: Timestamp) -> Result<Step, Ignored> {
    if let Phase::Landing { .. } = run.phase {
        // The push may already have happened: let the landing say how it ended.
        return Err(Ignored::WrongPhase);
    }
    let (why, clean) = match left {
        Left::Over(state) => (format!("the issue's state became `{state}`"), true),
        Left::Parked(state) => {
            (format!("the issue's state became `{state}`, which is not an active one"), false)
        }
        Left::Unroutable(why) => (why.clone(), false),
        Left::Gone => ("the tracker no longer has the issue".to_owned(), false),
        Left::Parent => ("the run that asked for the review is over".to_owned(), true),
    };
    let end = live_process(&run, &why);
    let outcome = match run.delivery {
        Delivery::Land => Outcome::Cancelled { why },
        Delivery::Handoff => handoff::released(left),
    };
    let step = end_run(Step::of(run), outcome, now).owe_all(end);
    Ok(if clean { step.cleaned() } else { step })
}

/// The workspace is kept: somebody will want to see what was stopped.
pub(super) fn contained(run: Run, order: Order, now: Timestamp) -> Step {
    let end = live_process(&run, &order.reason);
    let failure = Failure::new(FailureKind::Lost, format!("stopped by order {}", order.id));
    let report = report(&run, Err(failure));
    let outcome = Outcome::Stopped { order: order.id, scope: order.scope, reason: order.reason };
    end_run(Step::of(run), outcome, now).owe_all(end).owe_all(report)
}

/// A failed attempt: try again if that can help and attempts are left, else give up.
pub(super) fn failed(mut run: Run, failure: Failure, project: &Project, now: Timestamp) -> Step {
    run.failures += 1;
    let event = Event::AttemptFailed { attempt: run.attempts, failure: failure.clone() };
    let wait = match failure.kind.retry() {
        Retry::Soon => Some(project.retry.soon),
        Retry::AfterBackoff => Some(project.retry.backoff(run.failures)),
        Retry::Never => None,
    };
    let step = match wait {
        Some(wait) if run.attempts < project.retry.max_attempts => {
            wait_until(run, now.plus(wait), Wait::Retry { failure })
        }
        Some(_) | None => {
            let question = failure.to_string();
            give_up(run, Outcome::Failed { failure }, question, now)
        }
    };
    step.preceded_by(event)
}

/// Back to the author at once, if attempts are left.
pub(super) fn again(run: Run, why: Wait, project: &Project, now: Timestamp) -> Step {
    if run.attempts >= project.retry.max_attempts {
        let question = format!("{} attempts are used up, and the run still has {why}", run.attempts);
        return needs_person(run, question, now);
    }
    wait_until(run, now, why)
}

pub(super) fn wait_until(mut run: Run, due: Timestamp, why: Wait) -> Step {
    run.phase = Phase::Waiting { due, why: why.clone() };
    Step::of(run).event(Event::Waiting { due, why })
}

pub(super) fn needs_person(run: Run, question: String, now: Timestamp) -> Step {
    give_up(run, Outcome::NeedsPerson { question: question.clone() }, question, now)
}

/// Ends without success: an author tells the issue's readers, a reviewer tells the run that asked.
/// The author's workspace is kept for the person who will look; the reviewer's holds nothing of its own.
pub(super) fn give_up(run: Run, outcome: Outcome, question: String, now: Timestamp) -> Step {
    let id = run.id.clone();
    match run.purpose() {
        Purpose::Author => {
            let text = format!("Seawall needs a person: {question} (run {id}).");
            end_run(Step::of(run), outcome, now).owe(Effect::Comment { run: id, text })
        }
        Purpose::Review => {
            let failure = match &outcome {
                Outcome::Failed { failure } => failure.clone(),
                Outcome::Landed { .. }
                | Outcome::Reviewed { .. }
                | Outcome::NeedsPerson { .. }
                | Outcome::Stopped { .. }
                | Outcome::Released { .. }
                | Outcome::Cancelled { .. } => Failure::new(FailureKind::NoReview, question),
            };
            let report = report(&run, Err(failure));
            end_run(Step::of(run), outcome, now).owe_all(report).cleaned()
        }
    }
}

/// Our own words must not count as the change for which a run that gave up is tried again.
pub(super) fn person_asked(mut run: Run, version: String) -> Result<Step, Ignored> {
    match run.outcome() {
        None => Err(Ignored::WrongPhase),
        Some(Outcome::NeedsPerson { .. } | Outcome::Failed { .. }) if run.issue.version != version => {
            run.issue.version = version;
            Ok(Step::of(run))
        }
        Some(
            Outcome::NeedsPerson { .. }
            | Outcome::Failed { .. }
            | Outcome::Landed { .. }
            | Outcome::Reviewed { .. }
            | Outcome::Stopped { .. }
            | Outcome::Released { .. }
            | Outcome::Cancelled { .. },
        ) => Err(Ignored::Ended),
    }
}

pub(super) fn end_run(mut step: Step, outcome: Outcome, now: Timestamp) -> Step {
    step.run.phase = Phase::Ended { outcome: outcome.clone(), at: now };
    step.event(Event::Ended { outcome })
}

/// What a reviewer owes to the run that asked; nothing for an author.
pub(super) fn report(run: &Run, result: Result<Vec<Raised>, Failure>) -> Option<Effect> {
    run.review.as_ref().map(|assignment| Effect::ReportReview {
        parent: assignment.parent.clone(),
        review: run.id.clone(),
        team: assignment.team.clone(),
        head: assignment.head.clone(),
        round: assignment.round,
        result,
    })
}

pub(super) fn live_process(run: &Run, why: &str) -> Option<Effect> {
    run.is_live().then(|| Effect::EndAttempt { run: run.id.clone(), fence: run.fence, why: why.to_owned() })
}
