//! What comes back from the outside, and what follows from it.

use super::{Outcome, Phase, Purpose, Run, Wait, review_id};
use crate::change::Change;
use crate::containment::Order;
use crate::effect::{Effect, ReviewRequest};
use crate::event::Event;
use crate::failure::{Failure, FailureKind, Retry};
use crate::fleet::Project;
use crate::review::{Disposition, Raised};
use crate::step::Step;
use crate::{AgentName, Fence, Sha, TeamName, Timestamp};
use std::collections::BTreeSet;

/// Rounds that only follow a moved landing branch; past this the branch is too busy for this policy.
const MAX_REBASES: u32 = 20;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// The agent says it is done.
    Finished {
        /// Its last words, shortened.
        summary: String,
        /// What a reviewer handed in.
        review: Option<Vec<Raised>>,
    },
    /// It is not.
    Failed(Failure),
}

/// Why an issue is no longer to be worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// Its state is terminal.
    Over(String),
    /// Its state is neither active nor terminal.
    Parked(String),
    /// The tracker no longer has it.
    Gone,
    /// The run that asked for this review is over.
    Parent,
}

/// Something that happened outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The agent's process runs.
    AttemptStarted {
        /// The claim it was started under.
        fence: Fence,
        /// The isolation it runs in.
        isolation: String,
    },
    /// The attempt is over.
    AttemptEnded {
        /// The claim it was started under.
        fence: Fence,
        /// How.
        end: AttemptEnd,
    },
    /// The author's work was committed.
    ChangeCollected {
        /// The claim.
        fence: Fence,
        /// What it is.
        change: Change,
    },
    /// The author left the tree as it found it.
    NothingChanged {
        /// The claim.
        fence: Fence,
    },
    /// The author's work could not be taken.
    CollectFailed {
        /// The claim.
        fence: Fence,
        /// Why.
        failure: Failure,
    },
    /// A reviewer handed in, or gave up.
    ReviewReported {
        /// Whose.
        team: TeamName,
        /// Of what.
        head: Sha,
        /// In which round.
        round: u32,
        /// Findings, or why there are none.
        result: Result<Vec<Raised>, Failure>,
    },
    /// The reviewed sha is on the landing branch.
    Landed {
        /// What was landed.
        head: Sha,
        /// The landing branch's head right after.
        main: Sha,
    },
    /// The landing branch moved, and the change was replayed on it.
    Rebased {
        /// What was to be landed.
        head: Sha,
        /// What it became; must be reviewed.
        change: Change,
    },
    /// The landing branch moved, and the change no longer fits.
    LandConflict {
        /// What was to be landed.
        head: Sha,
        /// Where they disagree.
        files: Vec<String>,
    },
    /// An effect could not be performed, however often it was tried.
    EffectFailed {
        /// What and why.
        failure: Failure,
    },
    /// The issue is no longer to be worked on.
    IssueLeft(Left),
    /// An order covers the run.
    Contained(Order),
}

/// Why an input changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// It belongs to an older claim.
    #[error("it belongs to an older claim of the run")]
    OldFence,
    /// The run is past it, or not there yet.
    #[error("the run's phase does not wait for it")]
    WrongPhase,
    /// The run is over.
    #[error("the run is over")]
    Ended,
}

/// What follows from `input` for `run`.
pub fn step(run: &Run, input: Input, project: &Project, now: Timestamp) -> Result<Step, Ignored> {
    if !run.is_open() {
        return Err(Ignored::Ended);
    }
    let run = run.clone();
    match input {
        Input::AttemptStarted { fence, isolation } => attempt_started(run, fence, isolation, now),
        Input::AttemptEnded { fence, end } => attempt_ended(run, fence, end, project, now),
        Input::ChangeCollected { fence, change } => change_collected(run, fence, change, now),
        Input::NothingChanged { fence } => {
            collecting(&run, fence)?;
            Ok(needs_person(run, "the agent finished without changing anything".to_owned(), now))
        }
        Input::CollectFailed { fence, failure } => {
            collecting(&run, fence)?;
            Ok(failed(run, failure, project, now))
        }
        Input::ReviewReported { team, head, round, result } => {
            review_reported(run, &team, &head, round, result, project, now)
        }
        Input::Landed { head, main } => landed(run, head, main, project, now),
        Input::Rebased { head, change } => rebased(run, &head, change, now),
        Input::LandConflict { head, files } => land_conflict(run, &head, files, project, now),
        Input::EffectFailed { failure } => {
            let question = failure.to_string();
            Ok(give_up(run, Outcome::Failed { failure }, question, now))
        }
        Input::IssueLeft(left) => issue_left(run, &left, now),
        Input::Contained(order) => Ok(contained(run, order, now)),
    }
}

fn attempt_started(mut run: Run, fence: Fence, isolation: String, now: Timestamp) -> Result<Step, Ignored> {
    same_claim(&run, fence)?;
    if !matches!(run.phase, Phase::Starting { .. }) {
        return Err(Ignored::WrongPhase);
    }
    run.phase = Phase::Working { since: now };
    let attempt = run.attempts;
    Ok(Step::of(run).event(Event::AttemptStarted { attempt, isolation }))
}

fn attempt_ended(
    mut run: Run,
    fence: Fence,
    end: AttemptEnd,
    project: &Project,
    now: Timestamp,
) -> Result<Step, Ignored> {
    same_claim(&run, fence)?;
    if !run.is_live() {
        return Err(Ignored::WrongPhase);
    }
    let attempt = run.attempts;
    let (summary, review) = match end {
        AttemptEnd::Failed(failure) => return Ok(failed(run, failure, project, now)),
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

fn change_collected(mut run: Run, fence: Fence, change: Change, now: Timestamp) -> Result<Step, Ignored> {
    collecting(&run, fence)?;
    let collected = Event::ChangeCollected { change: change.clone() };
    let same = run.change.as_ref().is_some_and(|before| before.head == change.head);
    run.change = Some(change);
    if same && run.ledger.open().next().is_some() {
        let question = "the author left open findings unanswered: it changed nothing".to_owned();
        return Ok(needs_person(run, question, now).preceded_by(collected));
    }
    Ok(ask_for_review(run, now).preceded_by(collected))
}

/// Begins the next round for the run's change.
fn ask_for_review(mut run: Run, now: Timestamp) -> Step {
    let Some(change) = run.change.clone() else {
        return needs_person(run, "there is no change to review".to_owned(), now);
    };
    let mut reviewers: Vec<(TeamName, AgentName, Vec<String>)> = vec![];
    for owner in &change.owners {
        match &owner.reviewer {
            Some(agent) => reviewers.push((owner.team.clone(), agent.clone(), owner.files.clone())),
            None => {
                let question = format!(
                    "team {} owns {} and has no reviewer; set `teams.{}.reviewer`",
                    owner.team,
                    owner.files.first().map_or("part of the change", String::as_str),
                    owner.team
                );
                return needs_person(run, question, now);
            }
        }
    }
    if reviewers.is_empty() {
        return needs_person(run, "nobody owns the change, so nobody can review it".to_owned(), now);
    }
    run.round += 1;
    let pending: BTreeSet<_> = reviewers.iter().map(|(team, ..)| team.clone()).collect();
    run.phase = Phase::InReview { head: change.head.clone(), pending };
    let (parent, fence, round) = (run.id.clone(), run.fence, run.round);
    let mut step = Step::of(run);
    for (team, reviewer, files) in reviewers {
        let review = review_id(&parent, round, &team);
        let head = change.head.clone();
        step = step
            .event(Event::ReviewRequested {
                team: team.clone(),
                round,
                head: head.clone(),
                review: review.clone(),
            })
            .owe(Effect::RequestReview(ReviewRequest {
                parent: parent.clone(),
                fence,
                review,
                team,
                reviewer,
                base: change.base.clone(),
                head,
                round,
                files,
            }));
    }
    step
}

fn review_reported(
    mut run: Run,
    team: &TeamName,
    reviewed: &Sha,
    round: u32,
    result: Result<Vec<Raised>, Failure>,
    project: &Project,
    now: Timestamp,
) -> Result<Step, Ignored> {
    let Phase::InReview { head, pending } = &mut run.phase else { return Err(Ignored::WrongPhase) };
    if head != reviewed || round != run.round || !pending.remove(team) {
        return Err(Ignored::OldFence);
    }
    let everyone_answered = pending.is_empty();
    let raised = match result {
        Ok(raised) => raised,
        Err(failure) => {
            let question = format!("the reviewer of {team} could not review: {failure}");
            return Ok(needs_person(run, question, now));
        }
    };
    let reported = Event::ReviewReported { team: team.clone(), round, findings: raised.len() };
    let events = enter(&mut run, team, round, reviewed, raised);
    let mut step =
        if everyone_answered { after_review(run, reviewed.clone(), project, now) } else { Step::of(run) };
    let after = std::mem::take(&mut step.events);
    step.events = std::iter::once(reported).chain(events).chain(after).collect();
    Ok(step)
}

/// Enters a review in the ledger and says what changed there.
fn enter(run: &mut Run, team: &TeamName, round: u32, head: &Sha, raised: Vec<Raised>) -> Vec<Event> {
    let before = run.ledger.clone();
    run.ledger.enter(team, round, head, raised);
    let fixed = before.findings.iter().zip(&run.ledger.findings).filter_map(|(old, new)| {
        let closed = old.disposition == Disposition::Open && new.disposition != Disposition::Open;
        closed.then(|| Event::FindingFixed { id: new.id.clone(), head: head.clone() })
    });
    let new = run.ledger.findings.iter().skip(before.findings.len());
    fixed.chain(new.map(|f| Event::FindingRaised { finding: f.clone() })).collect()
}

/// Every reviewer answered: land, mend, or ask a person.
fn after_review(mut run: Run, head: Sha, project: &Project, now: Timestamp) -> Step {
    let open = run.ledger.open().count();
    if open == 0 {
        run.phase = Phase::Landing { head: head.clone() };
        let (id, fence) = (run.id.clone(), run.fence);
        let landing = Event::LandingStarted { head: head.clone() };
        return Step::of(run).event(landing).owe(Effect::Land { run: id, fence, head });
    }
    if run.round - run.rebases >= project.max_rounds {
        let question = format!("{open} finding(s) are still open after {} round(s) of review", run.round);
        return needs_person(run, question, now);
    }
    again(run, Wait::Rework { findings: open }, project, now)
}

fn landed(run: Run, head: Sha, main: Sha, project: &Project, now: Timestamp) -> Result<Step, Ignored> {
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

fn rebased(mut run: Run, head: &Sha, change: Change, now: Timestamp) -> Result<Step, Ignored> {
    landing(&run, head)?;
    run.rebases += 1;
    let collected = Event::ChangeCollected { change: change.clone() };
    run.change = Some(change);
    if run.rebases > MAX_REBASES {
        let question = format!("the landing branch moved {MAX_REBASES} times during review");
        return Ok(needs_person(run, question, now).preceded_by(collected));
    }
    Ok(ask_for_review(run, now).preceded_by(collected))
}

fn land_conflict(
    run: Run,
    head: &Sha,
    files: Vec<String>,
    project: &Project,
    now: Timestamp,
) -> Result<Step, Ignored> {
    landing(&run, head)?;
    Ok(again(run, Wait::Conflict { files }, project, now))
}

fn issue_left(run: Run, left: &Left, now: Timestamp) -> Result<Step, Ignored> {
    if let Phase::Landing { .. } = run.phase {
        // The push may already have happened: let the landing say how it ended.
        return Err(Ignored::WrongPhase);
    }
    let (why, clean) = match left {
        Left::Over(state) => (format!("the issue's state became `{state}`"), true),
        Left::Parked(state) => {
            (format!("the issue's state became `{state}`, which is not an active one"), false)
        }
        Left::Gone => ("the tracker no longer has the issue".to_owned(), false),
        Left::Parent => ("the run that asked for the review is over".to_owned(), true),
    };
    let end = live_process(&run, &why);
    let step = end_run(Step::of(run), Outcome::Cancelled { why }, now).owe_all(end);
    Ok(if clean { step.cleaned() } else { step })
}

/// The workspace is kept: somebody will want to see what was stopped.
fn contained(run: Run, order: Order, now: Timestamp) -> Step {
    let end = live_process(&run, &order.reason);
    let failure = Failure::new(FailureKind::Lost, format!("stopped by order {}", order.id));
    let report = report(&run, Err(failure));
    let outcome = Outcome::Stopped { order: order.id, scope: order.scope, reason: order.reason };
    end_run(Step::of(run), outcome, now).owe_all(end).owe_all(report)
}

/// A failed attempt: try again if that can help and attempts are left, else give up.
fn failed(mut run: Run, failure: Failure, project: &Project, now: Timestamp) -> Step {
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
fn again(run: Run, why: Wait, project: &Project, now: Timestamp) -> Step {
    if run.attempts >= project.retry.max_attempts {
        let question = format!("{} attempts are used up, and the run still has {why}", run.attempts);
        return needs_person(run, question, now);
    }
    wait_until(run, now, why)
}

fn wait_until(mut run: Run, due: Timestamp, why: Wait) -> Step {
    run.phase = Phase::Waiting { due, why: why.clone() };
    Step::of(run).event(Event::Waiting { due, why })
}

fn needs_person(run: Run, question: String, now: Timestamp) -> Step {
    give_up(run, Outcome::NeedsPerson { question: question.clone() }, question, now)
}

/// Ends without success: an author tells the issue's readers, a reviewer tells the run that asked.
/// The author's workspace is kept for the person who will look; the reviewer's holds nothing of its own.
fn give_up(run: Run, outcome: Outcome, question: String, now: Timestamp) -> Step {
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
                | Outcome::Cancelled { .. } => Failure::new(FailureKind::NoReview, question),
            };
            let report = report(&run, Err(failure));
            end_run(Step::of(run), outcome, now).owe_all(report).cleaned()
        }
    }
}

fn end_run(mut step: Step, outcome: Outcome, now: Timestamp) -> Step {
    step.run.phase = Phase::Ended { outcome: outcome.clone(), at: now };
    step.event(Event::Ended { outcome })
}

/// What a reviewer owes to the run that asked; nothing for an author.
fn report(run: &Run, result: Result<Vec<Raised>, Failure>) -> Option<Effect> {
    run.review.as_ref().map(|assignment| Effect::ReportReview {
        parent: assignment.parent.clone(),
        review: run.id.clone(),
        team: assignment.team.clone(),
        head: assignment.head.clone(),
        round: assignment.round,
        result,
    })
}

fn live_process(run: &Run, why: &str) -> Option<Effect> {
    run.is_live().then(|| Effect::EndAttempt { run: run.id.clone(), fence: run.fence, why: why.to_owned() })
}

fn same_claim(run: &Run, fence: Fence) -> Result<(), Ignored> {
    if run.fence == fence { Ok(()) } else { Err(Ignored::OldFence) }
}

fn collecting(run: &Run, fence: Fence) -> Result<(), Ignored> {
    same_claim(run, fence)?;
    if matches!(run.phase, Phase::Collecting) { Ok(()) } else { Err(Ignored::WrongPhase) }
}

fn landing(run: &Run, reviewed: &Sha) -> Result<(), Ignored> {
    match &run.phase {
        Phase::Landing { head } if head == reviewed => Ok(()),
        Phase::Landing { .. } => Err(Ignored::OldFence),
        Phase::Starting { .. }
        | Phase::Working { .. }
        | Phase::Waiting { .. }
        | Phase::Collecting
        | Phase::InReview { .. }
        | Phase::Ended { .. } => Err(Ignored::WrongPhase),
    }
}

impl Step {
    fn owe_all(mut self, effects: Option<Effect>) -> Self {
        self.effects.extend(effects);
        self
    }

    fn cleaned(self) -> Self {
        let run = self.run.id.clone();
        self.owe(Effect::CleanWorkspace { run })
    }

    fn preceded_by(mut self, event: Event) -> Self {
        self.events.insert(0, event);
        self
    }
}
