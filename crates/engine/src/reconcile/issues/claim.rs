//! Claims what may be worked on, in order, until the slots are taken; of the rest it records why not.

use super::Board;
use crate::Engine;
use crate::claims::{Claim, TOGETHER, Wanted};
use domain::fleet::Project;
use domain::issue::{Issue, Standing};
use domain::run::{Phase, Readiness, Refusal, Wait, review_id};
use domain::{AgentName, IssueId, RunId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use store::run::StoredRun;

impl Board {
    /// Claims what may be worked on, in order, until the slots are taken.
    pub(super) async fn claim(&mut self, engine: &Engine) {
        if let Err(error) = self.try_claim(engine).await {
            tracing::error!(error = base::error::chain(&error), "cannot claim issues");
        }
    }

    async fn try_claim(&mut self, engine: &Engine) -> Result<(), store::Error> {
        let Some(project) = engine.registered().project(&self.project).cloned() else { return Ok(()) };
        self.reasons.begin();
        if let Err(what) = engine.0.setup.preflight.check(&self.project).await {
            engine.0.shares.set_ready(&self.project, 0);
            let refusal = Refusal::BadWorkflow { what };
            self.issues.iter().for_each(|issue| self.reasons.refused(&issue.id, &refusal));
            return self.reasons.record(engine, &self.project).await;
        }
        engine.settle_doubts().await?;
        let open = engine.0.runs.of(&self.project);
        let owed = self.work_owed(engine, &open);
        let round = Round { claimed: claimed(&open), owed, project };
        let live = engine.0.runs.live(&self.project).all;
        let free = round.project.slots.saturating_sub(live);
        engine.0.shares.set_ready(&self.project, self.ready(&round).min(free));
        self.claim_each(engine, &round, live).await;
        self.reasons.record(engine, &self.project).await
    }

    async fn claim_each(&mut self, engine: &Engine, round: &Round<'_>, live: u32) {
        let slots = round.project.slots;
        // What stands against every further issue; told of each, unless it has a reason of its own.
        let mut full = (live + round.owed >= slots).then_some(Refusal::NoSlot { slots });
        let standing = |issue: &&Issue| round.project.states.standing(&issue.state) == Standing::Active;
        let mut unclaimed = vec![];
        for issue in self.issues.iter().filter(standing) {
            match round.claimed.get(&issue.id) {
                Some(&run) => self.reasons.claimed(&issue.id, run),
                None => unclaimed.push(issue),
            }
        }
        for issues in unclaimed.chunks(TOGETHER) {
            if let Some(full) = &full {
                issues.iter().for_each(|issue| self.reasons.still_or(&issue.id, full));
                continue;
            }
            let observed_at = self.observed_at;
            let wanted: Vec<_> = issues.iter().map(|issue| Wanted::Issue { issue, observed_at }).collect();
            let claims = engine.claim_together(&self.project, &wanted, round.owed).await;
            for (issue, claim) in issues.iter().zip(claims) {
                match claim {
                    Claim::Started | Claim::Gone => {}
                    Claim::Refused(refusal) => {
                        self.reasons.refused(&issue.id, &refusal);
                        full = full.or_else(|| Some(refusal).filter(is_full));
                    }
                    Claim::Failed(error) => {
                        let error = base::error::chain(&error);
                        tracing::error!(issue_id = %issue.id, issue_identifier = issue.identifier, error, "claim failed");
                    }
                }
            }
        }
    }

    /// Attempts that nothing but slots keeps from starting.
    fn ready(&self, round: &Round<'_>) -> u32 {
        let project = &round.project;
        let startable = |issue: &&Issue| {
            let known = self.reasons.known(&issue.id);
            project.states.standing(&issue.state) == Standing::Active
                && issue.is_dispatchable()
                && issue.lacks(&project.required_labels).is_none()
                && !round.claimed.contains_key(&issue.id)
                && known.is_none_or(Refusal::passes)
        };
        let new = u32::try_from(self.issues.iter().filter(startable).count()).unwrap_or(u32::MAX);
        new.saturating_add(round.owed)
    }

    /// Slots that work already begun is waiting for: it comes before new work, or begun work would pile up. What
    /// cannot start here anyway waits for no slot.
    fn work_owed(&self, engine: &Engine, open: &[Arc<StoredRun>]) -> u32 {
        let now = engine.now();
        let ids: HashSet<&RunId> = open.iter().map(|stored| &stored.run.id).collect();
        let registered = engine.registered();
        let able = registered
            .fleet
            .agents
            .values()
            .filter(|agent| engine.readiness_for(&self.project, agent) == Readiness::complete());
        let able: HashSet<&AgentName> = able.map(|agent| &agent.name).collect();
        let mut owed = 0;
        for run in open.iter().map(|stored| &stored.run) {
            owed += match &run.phase {
                Phase::Waiting { due, why } if *due <= now || *why == Wait::NoSlot => {
                    usize::from(able.contains(&run.agent))
                }
                Phase::InReview { pending, .. } => {
                    let owners = run.change.iter().flat_map(|change| &change.owners);
                    let unclaimed = owners.filter(|owner| {
                        pending.contains(&owner.team)
                            && !ids.contains(&review_id(&run.id, run.round, &owner.team))
                            && owner.reviewer.as_ref().is_some_and(|agent| able.contains(agent))
                    });
                    unclaimed.count()
                }
                Phase::Waiting { .. }
                | Phase::Starting { .. }
                | Phase::Working { .. }
                | Phase::Blocked { .. }
                | Phase::Collecting
                | Phase::Landing { .. }
                | Phase::Ended { .. } => 0,
            };
        }
        u32::try_from(owed).unwrap_or(u32::MAX / 2)
    }
}

/// Whether what stands against one issue stands against all that come after it.
fn is_full(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::NoSlot { .. }
        | Refusal::NoSlotAnywhere { .. }
        | Refusal::NotItsShare { .. }
        | Refusal::Paused { .. } => true,
        Refusal::NoStateSlot { .. }
        | Refusal::BadWorkflow { .. }
        | Refusal::NotActive { .. }
        | Refusal::Withheld { .. }
        | Refusal::NoLabel { .. }
        | Refusal::Claimed { .. }
        | Refusal::Finishing { .. }
        | Refusal::GaveUp { .. }
        | Refusal::WasStopped { .. }
        | Refusal::Contained { .. }
        | Refusal::NotReady { .. }
        | Refusal::NotDue => false,
    }
}

/// What one look at a project's issues rests on, read once for all of them.
struct Round<'a> {
    project: Project,
    /// Issues that are being worked on.
    claimed: HashMap<&'a IssueId, &'a RunId>,
    /// Slots that begun work waits for.
    owed: u32,
}

/// The issues that an author is at.
fn claimed(open: &[Arc<StoredRun>]) -> HashMap<&IssueId, &RunId> {
    let authors = open.iter().map(|stored| &stored.run).filter(|run| run.review.is_none());
    authors.map(|run| (&run.issue.id, &run.id)).collect()
}
