//! Whether work may start: a claimed run and a complete effect, or a refusal that says why not.

use super::{Assignment, Outcome, Phase, Purpose, Refusal, Run, Wait};
use crate::containment::Containments;
use crate::effect::{Effect, ReviewRequest, Task};
use crate::event::Event;
use crate::fleet::{Agent, Delivery, Project};
use crate::issue::{Issue, IssueRef, Standing, normal};
use crate::step::Step;
use crate::{RunId, Timestamp};
use std::collections::BTreeMap;

/// Everything a decision to start rests on, besides the issue or the run itself.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The project, as configured.
    pub project: &'a Project,
    /// The agent that would do it.
    pub agent: &'a Agent,
    /// Every containment.
    pub containments: &'a Containments,
    /// Live attempts of the project.
    pub live: u32,
    /// Of them, authors by the state of their issue; the state normalised.
    pub live_by_state: &'a BTreeMap<String, u32>,
    /// Whether another project comes first, or people hold this one back.
    pub share: Result<(), Refusal>,
    /// What this installation can do right now.
    pub readiness: &'a Readiness,
}

/// What this installation can do right now. Each `Err` says what is missing and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// The agent's program is there.
    pub agent: Result<(), String>,
    /// The sandbox reaches the configured floor.
    pub sandbox: Result<(), String>,
    /// The kill plane answers and allows starts.
    pub kill_plane: Result<(), String>,
}

impl Readiness {
    /// Nothing is missing.
    pub fn complete() -> Self {
        Self { agent: Ok(()), sandbox: Ok(()), kill_plane: Ok(()) }
    }
}

/// The latest earlier author run for the same issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prior {
    /// Which.
    pub run: RunId,
    /// How it ended; `None` while it is open.
    pub outcome: Option<Outcome>,
    /// The issue's version that it was claimed for, or the one with its question to a person.
    pub version: String,
    /// When it was claimed.
    pub created_at: Timestamp,
    /// When the last of its effects was performed; `None` while one is owed.
    pub settled_at: Option<Timestamp>,
    /// Whether the order that stopped it was lifted since.
    pub lifted: bool,
}

/// Claims `issue` for a new author run `id`, or says why not. `observed_at` is when the reading of the
/// tracker began: an issue read before the last run's effects were performed may be out of date.
pub fn claim(
    issue: &Issue,
    prior: Option<&Prior>,
    observed_at: Timestamp,
    facts: &Facts<'_>,
    id: RunId,
    now: Timestamp,
) -> Result<Step, Refusal> {
    if let Some(prior) = prior {
        not_again(issue, prior, observed_at)?;
    }
    let states = &facts.project.states;
    match states.standing(&issue.state) {
        Standing::Active => {}
        Standing::Terminal | Standing::Parked => {
            return Err(Refusal::NotActive { state: issue.state.clone(), active: states.active.clone() });
        }
    }
    if let Some(why) = &issue.withheld {
        return Err(Refusal::Withheld { why: why.clone() });
    }
    if let Some(label) = issue.lacks(&facts.project.required_labels) {
        return Err(Refusal::NoLabel { label: label.to_owned() });
    }
    let reference = IssueRef::of(facts.project.name.clone(), issue);
    // The latest run is the one that counts, also after a clock was set back.
    let after_prior = prior.map_or(now, |prior| Timestamp(prior.created_at.0.saturating_add(1)));
    let run = fresh(id, reference, facts.agent, None, now.max(after_prior));
    may_start(&run, facts)?;
    let purpose = format!("work on {}", issue.identifier);
    let task = match facts.project.delivery {
        Delivery::Land => Task::Author { findings: vec![], conflicts: vec![] },
        Delivery::Handoff => Task::Work,
    };
    Ok(start(claimed(Run { delivery: facts.project.delivery, ..run }, purpose), task, now))
}

/// Claims a review run for `request`, or says why not. `issue` is the author run's.
pub fn claim_review(
    request: &ReviewRequest,
    issue: IssueRef,
    facts: &Facts<'_>,
    now: Timestamp,
) -> Result<Step, Refusal> {
    let assignment = Assignment {
        parent: request.parent.clone(),
        team: request.team.clone(),
        base: request.base.clone(),
        head: request.head.clone(),
        round: request.round,
        files: request.files.clone(),
    };
    let purpose = format!("review {} for {}", request.head.short(), request.team);
    let task = review_task(&assignment);
    let run = fresh(request.review.clone(), issue, facts.agent, Some(assignment), now);
    may_start(&run, facts)?;
    Ok(start(claimed(run, purpose), task, now))
}

/// Claims the next attempt of a waiting run that is due, or says why not.
pub fn resume(run: &Run, facts: &Facts<'_>, now: Timestamp) -> Result<Step, Refusal> {
    let task = match (&run.phase, &run.review) {
        (Phase::Waiting { due, .. }, _) if *due > now => return Err(Refusal::NotDue),
        (Phase::Waiting { .. }, Some(assignment)) => review_task(assignment),
        (Phase::Waiting { why, .. }, None) => match run.delivery {
            Delivery::Land => author_task(run, why),
            Delivery::Handoff => Task::Work,
        },
        (
            Phase::Starting { .. }
            | Phase::Working { .. }
            | Phase::Blocked { .. }
            | Phase::Collecting
            | Phase::InReview { .. }
            | Phase::Landing { .. }
            | Phase::Ended { .. },
            _,
        ) => return Err(Refusal::NotDue),
    };
    may_start(run, facts)?;
    Ok(start(Step::of(run.clone()), task, now))
}

/// What stands against working on an issue that was worked on before.
fn not_again(issue: &Issue, prior: &Prior, observed_at: Timestamp) -> Result<(), Refusal> {
    let run = prior.run.clone();
    let Some(outcome) = &prior.outcome else { return Err(Refusal::Claimed { run }) };
    if prior.settled_at.is_none_or(|at| at >= observed_at) {
        return Err(Refusal::Finishing { run });
    }
    match outcome {
        Outcome::Stopped { .. } if prior.lifted => Ok(()),
        Outcome::Stopped { order, scope, .. } => {
            Err(Refusal::WasStopped { run, order: order.to_string(), scope: scope.to_string() })
        }
        // The issue left its active states and is back: a person wants more.
        Outcome::Landed { .. }
        | Outcome::Cancelled { .. }
        | Outcome::Released { .. }
        | Outcome::Reviewed { .. } => Ok(()),
        Outcome::NeedsPerson { .. } | Outcome::Failed { .. } if issue.version != prior.version => Ok(()),
        Outcome::NeedsPerson { .. } | Outcome::Failed { .. } => {
            Err(Refusal::GaveUp { run, how: outcome.line() })
        }
    }
}

/// What stands against any start, whatever the work.
fn may_start(run: &Run, facts: &Facts<'_>) -> Result<(), Refusal> {
    if let Some(order) = facts.containments.stopping(&run.identity()) {
        return Err(Refusal::contained(order));
    }
    let ready = facts.readiness;
    for missing in [&ready.kill_plane, &ready.sandbox, &ready.agent] {
        if let Err(what) = missing {
            return Err(Refusal::NotReady { what: what.clone() });
        }
    }
    if facts.live >= facts.project.slots {
        return Err(Refusal::NoSlot { slots: facts.project.slots });
    }
    let state = normal(&run.issue.state);
    if let (Purpose::Author, Some(&slots)) = (run.purpose(), facts.project.slots_by_state.get(&state))
        && facts.live_by_state.get(&state).copied().unwrap_or(0) >= slots
    {
        return Err(Refusal::NoStateSlot { state, slots });
    }
    facts.share.clone()
}

fn fresh(id: RunId, issue: IssueRef, agent: &Agent, review: Option<Assignment>, now: Timestamp) -> Run {
    Run { review, ..Run::new(id, issue, agent.name.clone(), agent.team.clone(), now) }
}

fn claimed(run: Run, purpose: String) -> Step {
    let agent = run.agent.clone();
    Step::of(run).event(Event::Claimed { agent, purpose })
}

/// The attempt is counted here, before anything runs, so that a crash counts.
fn start(mut step: Step, task: Task, now: Timestamp) -> Step {
    let run = &mut step.run;
    run.fence = run.fence.next();
    run.attempts += 1;
    run.phase = Phase::Starting { since: now };
    let (id, fence, attempt) = (run.id.clone(), run.fence, run.attempts);
    step.event(Event::AttemptClaimed { attempt, fence }).owe(Effect::StartAttempt {
        run: id,
        fence,
        attempt,
        task,
    })
}

fn review_task(assignment: &Assignment) -> Task {
    Task::Review {
        base: assignment.base.clone(),
        head: assignment.head.clone(),
        round: assignment.round,
        files: assignment.files.clone(),
    }
}

fn author_task(run: &Run, why: &Wait) -> Task {
    let conflicts = match why {
        Wait::Conflict { files } => files.clone(),
        Wait::Retry { .. }
        | Wait::Rework { .. }
        | Wait::Slot
        | Wait::Continue
        | Wait::NoSlot
        | Wait::NoRefresh { .. } => vec![],
    };
    Task::Author { findings: run.ledger.open().cloned().collect(), conflicts }
}
