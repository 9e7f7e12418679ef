//! Claims what may be worked on, in order, until the slots are taken; of the rest it records why not.

use super::{Board, Unclaimed};
use crate::claims::{Claim, TOGETHER, Wanted};
use crate::{Engine, Registered};
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
        let registered = engine.registered();
        let Some(project) = registered.project(&self.project) else { return Ok(()) };
        if let Err(what) = engine.0.setup.preflight.check(&self.project).await {
            engine.set_ready(&self.project, 0);
            self.unclaimed = None;
            self.reasons.begin();
            let refusal = Refusal::BadWorkflow { what };
            self.issues.iter().for_each(|issue| self.reasons.refused(&issue.id, &refusal));
            return self.reasons.record(engine, &self.project).await;
        }
        engine.settle_doubts().await?;
        let owed = self.work_owed(engine);
        let unclaimed = self.unclaimed(engine, &registered, project);
        let live = engine.0.runs.live(&self.project).all;
        let free = project.slots.saturating_sub(live);
        let ready = self.ready(project, &unclaimed).saturating_add(owed);
        engine.set_ready(&self.project, ready.min(free));
        let started = self.claim_each(engine, project, &unclaimed, (live, owed)).await;
        engine.set_ready(&self.project, ready.min(free).saturating_sub(started));
        self.reasons.record(engine, &self.project).await
    }

    /// The places of the active issues that nobody works on. Of the others it is noted who does.
    fn unclaimed(
        &mut self,
        engine: &Engine,
        registered: &Arc<Registered>,
        project: &Project,
    ) -> Arc<Vec<usize>> {
        // Before the runs are looked at: what changes afterwards is seen in the next round.
        let authors = engine.0.runs.authors_changed(&self.project);
        if let Some(known) = &self.unclaimed
            && known.authors == authors
            && known.reading == self.reading
            && Arc::ptr_eq(&known.registered, registered)
        {
            return known.places.clone();
        }
        self.reasons.begin();
        let runs = engine.0.runs.of(&self.project);
        let claimed = claimed(&runs);
        let mut places = vec![];
        for (place, issue) in self.issues.iter().enumerate() {
            if project.states.standing(&issue.state) != Standing::Active {
                continue;
            }
            match claimed.get(&issue.id) {
                Some(&run) => self.reasons.claimed(&issue.id, run),
                None => places.push(place),
            }
        }
        let places = Arc::new(places);
        let (reading, registered) = (self.reading, registered.clone());
        self.unclaimed = Some(Unclaimed { authors, reading, registered, places: places.clone() });
        places
    }

    /// `taken`: live attempts, and slots that begun work waits for. Answers with how many were started.
    async fn claim_each(
        &mut self,
        engine: &Engine,
        project: &Project,
        unclaimed: &[usize],
        taken: (u32, u32),
    ) -> u32 {
        let mut started = 0;
        let (slots, (live, owed)) = (project.slots, taken);
        // What stands against every further issue; told of each, unless it has a reason of its own.
        let mut full = (live + owed >= slots).then_some(Refusal::NoSlot { slots });
        let unclaimed: Vec<&Issue> = unclaimed.iter().filter_map(|&place| self.issues.get(place)).collect();
        for issues in unclaimed.chunks(TOGETHER) {
            if let Some(full) = &full {
                issues.iter().for_each(|issue| self.reasons.still_or(&issue.id, full));
                continue;
            }
            let observed_at = self.observed_at;
            let wanted: Vec<_> = issues.iter().map(|issue| Wanted::Issue { issue, observed_at }).collect();
            let claims = engine.claim_together(&self.project, &wanted, owed).await;
            for (issue, claim) in issues.iter().zip(claims) {
                match claim {
                    Claim::Started => {
                        started += 1;
                        self.reasons.forget(&issue.id);
                    }
                    Claim::Gone => self.reasons.forget(&issue.id),
                    Claim::Refused(refusal) => {
                        self.reasons.refused(&issue.id, &refusal);
                        full = full.or_else(|| Some(refusal).filter(is_full));
                    }
                    Claim::Failed(error) => {
                        self.reasons.forget(&issue.id);
                        let error = base::error::chain(&error);
                        tracing::error!(issue_id = %issue.id, issue_identifier = issue.identifier, error, "claim failed");
                    }
                }
            }
        }
        started
    }

    /// New attempts that nothing but slots keeps from starting.
    fn ready(&self, project: &Project, unclaimed: &[usize]) -> u32 {
        let startable = |issue: &&Issue| {
            issue.is_dispatchable()
                && issue.lacks(&project.required_labels).is_none()
                && self.reasons.known(&issue.id).is_none_or(Refusal::passes)
        };
        let issues = unclaimed.iter().filter_map(|&place| self.issues.get(place));
        u32::try_from(issues.filter(startable).count()).unwrap_or(u32::MAX)
    }

    /// Slots that work already begun is waiting for: it comes before new work, or begun work would pile up. What
    /// cannot start here anyway waits for no slot.
    fn work_owed(&self, engine: &Engine) -> u32 {
        let now = engine.now();
        let between = engine.0.runs.between(&self.project);
        if between.is_empty() {
            return 0;
        }
        let registered = engine.registered();
        let able = registered
            .fleet
            .agents
            .values()
            .filter(|agent| engine.readiness_for(&self.project, agent) == Readiness::complete());
        let able: HashSet<&AgentName> = able.map(|agent| &agent.name).collect();
        let mut owed = 0;
        for run in between.iter().map(|stored| &stored.run) {
            owed += match &run.phase {
                Phase::Waiting { due, why } if *due <= now || *why == Wait::NoSlot => {
                    usize::from(able.contains(&run.agent))
                }
                Phase::InReview { pending, .. } => {
                    let owners = run.change.iter().flat_map(|change| &change.owners);
                    let unclaimed = owners.filter(|owner| {
                        pending.contains(&owner.team)
                            && !engine.0.runs.is_open(&review_id(&run.id, run.round, &owner.team))
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

/// The issues that an author is at.
fn claimed(open: &[Arc<StoredRun>]) -> HashMap<&IssueId, &RunId> {
    let authors = open.iter().map(|stored| &stored.run).filter(|run| run.review.is_none());
    authors.map(|run| (&run.issue.id, &run.id)).collect()
}
