//! The tracker's issues against the runs: what is ready is claimed, what left is let go.

use crate::Engine;
use domain::issue::{self, Issue, Standing, States};
use domain::run::review_id;
use domain::run::{self, Input, Left, Phase, Refusal};
use domain::{IssueId, ProjectName, RunId, TeamName, Timestamp};
use std::collections::{BTreeMap, HashSet};
use store::run::Base;
use store::step::Commit;

/// One project's issues as they were read last.
pub(super) struct Board {
    project: ProjectName,
    issues: Vec<Issue>,
    /// When the reading began: what was settled later may not show in it.
    observed_at: Timestamp,
    /// What was last recorded as the reason why an issue is not worked on.
    refused: BTreeMap<IssueId, Refusal>,
}

impl Board {
    pub(super) fn new(project: ProjectName) -> Self {
        Self { project, issues: vec![], observed_at: Timestamp::default(), refused: BTreeMap::new() }
    }

    /// Reads the tracker. One that cannot be read keeps what was known, and nothing is let go.
    pub(super) async fn read(&mut self, engine: &Engine) {
        let Some(source) = engine.0.setup.sources.get(&self.project) else { return };
        let observed_at = engine.now();
        let listing = match source.tracker.list().await {
            Ok(listing) => listing,
            Err(error) => {
                engine.trouble(&self.project, Some(base::error::chain(&error)));
                return;
            }
        };
        let trouble = (!listing.problems.is_empty())
            .then(|| listing.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
        // With a file that cannot be read, an issue that is not listed may still be there.
        let complete = listing.problems.is_empty();
        engine.trouble(&self.project, trouble);
        self.issues = listing.issues;
        self.observed_at = observed_at;
        issue::sort_for_dispatch(&mut self.issues);
        if let Err(error) = engine.0.store.observe_issues(&self.project, &self.issues, observed_at).await {
            tracing::error!(error = base::error::chain(&error), "cannot remember the tracker's issues");
        }
        if let Err(error) = self.let_go(engine, complete).await {
            tracing::error!(error = base::error::chain(&error), "cannot let go of issues");
        }
    }

    /// Ends the author runs of issues that are no longer to be worked on.
    async fn let_go(&self, engine: &Engine, complete: bool) -> Result<(), store::Error> {
        let Some(project) = engine.0.setup.project(&self.project) else { return Ok(()) };
        for stored in engine.0.store.open_runs().await? {
            let run = &stored.run;
            let ours = run.issue.project == self.project && run.review.is_none();
            // What was claimed after this reading began was claimed on a newer one.
            if !ours || run.created_at >= self.observed_at || matches!(run.phase, Phase::Landing { .. }) {
                continue;
            }
            let found = self.issues.iter().find(|i| i.id == run.issue.id);
            if let Some(left) = left(found, &project.states, complete) {
                engine.submit(&run.id, Input::IssueLeft(left)).await?;
            }
        }
        Ok(())
    }

    /// Claims what may be worked on, in order, until the slots are taken.
    pub(super) async fn claim(&mut self, engine: &Engine) {
        if let Err(error) = self.try_claim(engine).await {
            tracing::error!(error = base::error::chain(&error), "cannot claim issues");
        }
    }

    async fn try_claim(&mut self, engine: &Engine) -> Result<(), store::Error> {
        let Some(project) = engine.0.setup.project(&self.project).cloned() else { return Ok(()) };
        let owed = self.work_owed(engine).await?;
        let mut refusals = BTreeMap::new();
        let mut full = false;
        for issue in &self.issues {
            if project.states.standing(&issue.state) != Standing::Active {
                continue;
            }
            let refusal = match self.refused.get(&issue.id) {
                Some(known) if full && !known.passes() => Some(known.clone()),
                Some(_) | None if full => Some(Refusal::NoSlot { slots: project.slots }),
                Some(_) | None => self.try_issue(engine, &project, issue, owed).await?,
            };
            full = full || matches!(refusal, Some(Refusal::NoSlot { .. }));
            if let Some(refusal) = refusal {
                refusals.insert(issue.id.clone(), refusal);
            }
        }
        self.record(engine, refusals).await
    }

    /// Slots that work already begun is waiting for: it comes before new work, or begun work would pile up.
    async fn work_owed(&self, engine: &Engine) -> Result<u32, store::Error> {
        let now = engine.now();
        let open = engine.0.store.open_runs().await?;
        let ids: HashSet<&RunId> = open.iter().map(|stored| &stored.run.id).collect();
        let mut owed = 0;
        for run in open.iter().map(|stored| &stored.run).filter(|run| run.issue.project == self.project) {
            owed += match &run.phase {
                Phase::Waiting { due, .. } if *due <= now => 1,
                Phase::InReview { pending, .. } => {
                    let unclaimed = |team: &&TeamName| !ids.contains(&review_id(&run.id, run.round, team));
                    u32::try_from(pending.iter().filter(unclaimed).count()).unwrap_or(u32::MAX)
                }
                Phase::Waiting { .. }
                | Phase::Starting { .. }
                | Phase::Working { .. }
                | Phase::Collecting
                | Phase::Landing { .. }
                | Phase::Ended { .. } => 0,
            };
        }
        Ok(owed)
    }

    /// Claims one issue, or says why not.
    async fn try_issue(
        &self,
        engine: &Engine,
        project: &domain::fleet::Project,
        issue: &Issue,
        owed: u32,
    ) -> Result<Option<Refusal>, store::Error> {
        loop {
            let Some(mut facts) = engine.facts(&project.name, &project.author).await? else {
                return Ok(None);
            };
            facts.live += owed;
            let prior = engine.0.store.prior(&project.name, &issue.id, &facts.containments).await?;
            let blockers = issue::open_blockers(issue, &self.issues, &project.states);
            let id = RunId::new(engine.0.setup.outside.ids.next());
            let now = engine.now();
            let lent = facts.facts();
            let step = match run::claim(issue, blockers, prior.as_ref(), self.observed_at, &lent, id, now) {
                Ok(step) => step,
                Err(refusal) => return Ok(Some(refusal)),
            };
            let commit =
                Commit { step: &step, base: Base::New, guards: Some(&facts.guards), effect: None, now };
            match engine.0.store.commit_step(commit).await {
                Ok(_) => {
                    engine.woken_by(&step, false);
                    return Ok(None);
                }
                // Somebody claimed, or an order came: decide again.
                Err(store::Error::Outdated { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn record(
        &mut self,
        engine: &Engine,
        refusals: BTreeMap<IssueId, Refusal>,
    ) -> Result<(), store::Error> {
        if self.refused != refusals {
            engine.0.store.record_refusals(&self.project, &refusals, engine.now()).await?;
            self.refused = refusals;
        }
        Ok(())
    }
}

/// Why a run's issue is no longer to be worked on, if so.
fn left(found: Option<&Issue>, states: &States, complete: bool) -> Option<Left> {
    match found.map(|issue| (states.standing(&issue.state), issue.state.clone())) {
        Some((Standing::Active, _)) => None,
        Some((Standing::Terminal, state)) => Some(Left::Over(state)),
        Some((Standing::Parked, state)) => Some(Left::Parked(state)),
        None if complete => Some(Left::Gone),
        None => None,
    }
}

impl Engine {
    /// Remembers what is wrong with a tracker, and says so when it begins and when it ends.
    fn trouble(&self, project: &ProjectName, trouble: Option<String>) {
        let mut troubles = self.0.troubles.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match trouble {
            Some(trouble) => {
                if troubles.get(project) != Some(&trouble) {
                    tracing::warn!(%project, trouble, "tracker trouble; what runs goes on, and it is read again");
                    troubles.insert(project.clone(), trouble);
                }
            }
            None => {
                if troubles.remove(project).is_some() {
                    tracing::info!(%project, "the tracker can be read whole again");
                }
            }
        }
    }
}
