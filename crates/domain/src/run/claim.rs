//! Whether work may start: a claimed run and a complete effect, or a refusal that says why not.

use super::{Assignment, Outcome, Phase, Purpose, Run, Wait};
use crate::containment::{Containments, Order};
use crate::effect::{Effect, ReviewRequest, Task};
use crate::event::Event;
use crate::fleet::{Agent, Delivery, Project};
use crate::issue::{Issue, IssueRef, Standing, normal};
use crate::step::Step;
use crate::{ProjectName, RunId, Timestamp};
use serde::{Deserialize, Serialize};
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

/// Why work does not start. Recorded; `seawall why` reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum Refusal {
    /// The tracker's state is not one to work in.
    #[error("its state `{state}` is not an active one ({})", active.join(", "))]
    NotActive {
        /// The state.
        state: String,
        /// The active ones.
        active: Vec<String>,
    },
    /// The tracker's own rules keep it back: other issues come first, or it is somebody else's.
    #[error("{why}")]
    Withheld {
        /// In the adapter's words.
        why: String,
    },
    /// It lacks a label that the project asks for.
    #[error("it lacks the label `{label}` that the project asks for")]
    NoLabel {
        /// Which.
        label: String,
    },
    /// All slots are taken.
    #[error("all {slots} slot(s) of the project are taken")]
    NoSlot {
        /// How many there are.
        slots: u32,
    },
    /// All slots for its state are taken.
    #[error("all {slots} slot(s) for issues in `{state}` are taken")]
    NoStateSlot {
        /// The state, normalised.
        state: String,
        /// How many there are.
        slots: u32,
    },
    /// All projects together have as many attempts as this installation allows.
    #[error("all {slots} slot(s) of this installation are taken")]
    NoSlotAnywhere {
        /// How many there are.
        slots: u32,
    },
    /// A slot is free, and another project has less than its share.
    #[error(
        "project {before} comes first: it has {its_live} attempt(s) for a share of {its_weight}, this project \
         {own_live} for {own_weight}, and all together may have {slots}"
    )]
    NotItsShare {
        /// The project that comes first.
        before: ProjectName,
        /// Its live attempts.
        its_live: u32,
        /// Its share.
        its_weight: u32,
        /// This project's live attempts.
        own_live: u32,
        /// This project's share.
        own_weight: u32,
        /// How many attempts all projects together may have.
        slots: u32,
    },
    /// People paused the project.
    #[error("project {project} is paused: {reason}; `seawall resume {project}` lets it start work again")]
    Paused {
        /// Which.
        project: ProjectName,
        /// In the person's words.
        reason: String,
    },
    /// The project's workflow cannot be used as it stands.
    #[error("{what}; nothing is started until it is mended")]
    BadWorkflow {
        /// What is wrong, with file and line.
        what: String,
    },
    /// It is being worked on.
    #[error("run {run} works on it")]
    Claimed {
        /// By which run.
        run: RunId,
    },
    /// The last run is over, but something is still owed for it, or the issue was read before it was paid.
    #[error("run {run} is over and its last effects are being performed")]
    Finishing {
        /// Which run.
        run: RunId,
    },
    /// The last run gave up, and nobody changed the issue since.
    #[error("run {run} ended ({how}); change the issue to have it tried again")]
    GaveUp {
        /// Which run.
        run: RunId,
        /// How it ended.
        how: String,
    },
    /// The last run was stopped by a person.
    #[error(
        "run {run} was stopped by order {order}; `seawall lift {scope}` lets the issue be worked on again"
    )]
    WasStopped {
        /// Which run.
        run: RunId,
        /// By which order.
        order: String,
        /// Whom the order reached.
        scope: String,
    },
    /// A scope that covers it is stopped.
    #[error("{scope} is stopped by order {order}: {reason}")]
    Contained {
        /// Which scope.
        scope: String,
        /// By which order.
        order: String,
        /// In the person's words.
        reason: String,
    },
    /// Something is missing on this machine.
    #[error("{what}")]
    NotReady {
        /// What is missing and how to mend it.
        what: String,
    },
    /// A run that is not waiting was asked to go on, or it is not due yet.
    #[error("the run is not due")]
    NotDue,
}

impl Refusal {
    fn contained(order: &Order) -> Self {
        Self::Contained {
            scope: order.scope.to_string(),
            order: order.id.to_string(),
            reason: order.reason.clone(),
        }
    }

    /// Whether waiting alone can end it, so that an effect that met it is tried again.
    pub fn passes(&self) -> bool {
        match self {
            Self::NoSlot { .. }
            | Self::NoStateSlot { .. }
            | Self::NotItsShare { .. }
            | Self::NoSlotAnywhere { .. }
            | Self::Paused { .. }
            | Self::BadWorkflow { .. }
            | Self::NotReady { .. }
            | Self::Finishing { .. }
            | Self::NotDue
            | Self::Claimed { .. } => true,
            Self::NotActive { .. }
            | Self::Withheld { .. }
            | Self::NoLabel { .. }
            | Self::GaveUp { .. }
            | Self::WasStopped { .. }
            | Self::Contained { .. } => false,
        }
    }
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
