//! Work that is handed off: the tracker's state says when it is over, and the agent hands its work on itself
//! (Symphony's specification, sections 7, 8 and 16).
//!
//! A run is the claim of an issue: it works, waits for its next worker, or is blocked until a person answers, and it is
//! released when its issue is terminal, parked, no longer routable, or gone. Its attempts are not bounded: budgets
//! bound what it may spend, and every wait but the first after a good worker doubles.

use super::stepping::{AttemptEnd, Ignored, Left, Requeued, Spent};
use super::{Outcome, Phase, Run, Thread, Wait};
use crate::Timestamp;
use crate::event::Event;
use crate::failure::{Failure, FailureKind};
use crate::fleet::Project;
use crate::issue::{Issue, IssueRef, Standing};
use crate::step::Step;

/// Why `found`, what the tracker says of a run's issue now, is no longer to be worked on; `None` while it is.
pub fn left(found: Option<&Issue>, project: &Project) -> Option<Left> {
    let Some(issue) = found else { return Some(Left::Gone) };
    match project.states.standing(&issue.state) {
        Standing::Terminal => Some(Left::Over(issue.state.clone())),
        Standing::Parked => Some(Left::Parked(issue.state.clone())),
        Standing::Active => {
            let lacking = issue.lacks(&project.required_labels);
            let lacking =
                lacking.map(|label| format!("it lacks the label `{label}` that the project asks for"));
            issue.withheld.clone().or(lacking).map(Left::Unroutable)
        }
    }
}

/// A worker ended: 7.3 and 16.6.
pub(super) fn attempt_ended(
    mut run: Run,
    end: AttemptEnd,
    spent: Spent,
    project: &Project,
    now: Timestamp,
) -> Step {
    run.tokens = run.tokens.plus(spent.tokens);
    run.ran.0 = run.ran.0.saturating_add(spent.ran.0);
    let attempt = run.attempts;
    match end {
        AttemptEnd::Finished { summary, .. } => {
            run.failures = 0;
            run.retry = 1;
            // What the next worker is told is the whole prompt; a thread is gone on with only where it was cut off.
            run.thread = None;
            let due = now.plus(project.retry.soon);
            wait(run, due, Wait::Continue).preceded_by(Event::AttemptFinished { attempt, summary })
        }
        AttemptEnd::Blocked { question } => blocked(run, question, now),
        AttemptEnd::Failed(failure) => failed(run, failure, project, now),
    }
}

fn failed(mut run: Run, failure: Failure, project: &Project, now: Timestamp) -> Step {
    let event = Event::AttemptFailed { attempt: run.attempts, failure: failure.clone() };
    match failure.kind {
        // More attempts would spend what is not there. It goes on when a person raises the limit or moves the issue.
        FailureKind::BudgetSpent => return blocked(run, failure.to_string(), now).preceded_by(event),
        // Not the worker's fault: the same thread is gone on with, at once.
        FailureKind::Lost => {
            run.retry = run.retry.max(1);
            let due = now.plus(project.retry.soon);
            return wait(run, due, Wait::Retry { failure }).preceded_by(event);
        }
        FailureKind::AgentMissing
        | FailureKind::Sandbox
        | FailureKind::Workspace
        | FailureKind::Exited
        | FailureKind::Signalled
        | FailureKind::OutOfMemory
        | FailureKind::TimedOut
        | FailureKind::Stalled
        | FailureKind::Flooded
        | FailureKind::DiskQuota
        | FailureKind::Protocol
        | FailureKind::NoAnswer
        | FailureKind::TurnTimedOut
        | FailureKind::OutsideWorkspace
        | FailureKind::Model
        | FailureKind::Refused
        | FailureKind::TurnsExhausted
        | FailureKind::NoReview
        | FailureKind::Engine => {}
    }
    run.failures += 1;
    run.retry += 1;
    run.thread = None;
    let due = now.plus(project.retry.backoff(run.retry));
    wait(run, due, Wait::Retry { failure }).preceded_by(event)
}

/// The retry came, and could not be started: 8.4, points 1 and 4.
pub(super) fn requeued(
    mut run: Run,
    why: Requeued,
    project: &Project,
    now: Timestamp,
) -> Result<Step, Ignored> {
    if !matches!(run.phase, Phase::Waiting { .. }) {
        return Err(Ignored::WrongPhase);
    }
    run.retry += 1;
    let due = now.plus(project.retry.backoff(run.retry));
    Ok(match why {
        Requeued::NoSlot => wait(run, due, Wait::NoSlot),
        Requeued::NoRefresh { error } => wait(run, due, Wait::NoRefresh { error }),
    })
}

fn blocked(mut run: Run, question: String, now: Timestamp) -> Step {
    run.phase = Phase::Blocked { question: question.clone(), since: now };
    Step::of(run).event(Event::Blocked { question })
}

fn wait(mut run: Run, due: Timestamp, why: Wait) -> Step {
    run.phase = Phase::Waiting { due, why: why.clone() };
    Step::of(run).event(Event::Waiting { due, why })
}

/// Whether `issue`, as the tracker shows it now, reads otherwise than its run knows it.
pub fn is_news(run: &Run, issue: &Issue) -> bool {
    let IssueRef { project: _, id, identifier, title, version: _, state, url } = &run.issue;
    (id, identifier, title, state, url)
        != (&issue.id, &issue.identifier, &issue.title, &issue.state, &issue.url)
}

/// The issue as the tracker shows it now (8.5, part B).
pub(super) fn issue_seen(mut run: Run, issue: &Issue) -> Result<Step, Ignored> {
    if !is_news(&run, issue) {
        return Err(Ignored::Known);
    }
    let seen =
        IssueRef { version: run.issue.version.clone(), ..IssueRef::of(run.issue.project.clone(), issue) };
    let moved = run.issue.state != seen.state;
    let state = seen.state.clone();
    run.issue = seen;
    let step = Step::of(run);
    Ok(if moved { step.event(Event::IssueMoved { state }) } else { step })
}

/// The agent named the thread that a later attempt can go on with.
pub(super) fn thread_started(mut run: Run, thread: String) -> Result<Step, Ignored> {
    let thread = Thread { id: thread, agent: run.agent.clone() };
    if run.thread.as_ref() == Some(&thread) {
        return Err(Ignored::Known);
    }
    run.thread = Some(thread);
    Ok(Step::of(run))
}

/// How a handed-off run ends when its issue left.
pub(super) fn released(left: &Left) -> Outcome {
    let why = match left {
        Left::Over(state) => format!("the issue's state is `{state}`"),
        Left::Parked(state) => format!("the issue's state is `{state}`, which is not an active one"),
        Left::Unroutable(why) => why.clone(),
        Left::Gone => "the tracker no longer shows the issue".to_owned(),
        Left::Parent => "the run that asked for the review is over".to_owned(),
    };
    Outcome::Released { why }
}
