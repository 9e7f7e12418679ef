//! The tracker's issues against the runs: what is ready is claimed, what left is let go.

use crate::Engine;
use adapters::tracker;
use domain::fleet::Project;
use domain::issue::{self, Issue, Standing, States};
use domain::run::review_id;
use domain::run::{self, Input, Left, Phase, Readiness, Refusal};
use domain::{AgentName, IssueId, ProjectName, RunId, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use store::run::{Base, StoredRun};
use store::step::Commit;

/// One project's issues as they were read last.
pub(super) struct Board {
    project: ProjectName,
    issues: Vec<Issue>,
    /// Issues of open runs that the last reading did not find.
    missing: HashSet<IssueId>,
    /// When the reading began: what was settled later may not show in it.
    observed_at: Timestamp,
    /// What was last recorded as the reason why an issue is not worked on; `None` before this process recorded any.
    refused: Option<BTreeMap<IssueId, Refusal>>,
}

impl Board {
    pub(super) fn new(project: ProjectName) -> Self {
        Self {
            project,
            issues: vec![],
            missing: HashSet::new(),
            observed_at: Timestamp::default(),
            refused: None,
        }
    }

    /// Reads the tracker. One that cannot be read keeps what was known, and nothing is let go.
    pub(super) async fn read(&mut self, engine: &Engine) {
        let observed_at = engine.now();
        if let Err(error) = self.try_read(engine, observed_at).await {
            engine.trouble(&self.project, Some(base::error::chain(&error)));
        }
    }

    async fn try_read(&mut self, engine: &Engine, observed_at: Timestamp) -> Result<(), tracker::Error> {
        let Some(source) = engine.0.setup.sources.get(&self.project) else { return Ok(()) };
        let Some(project) = engine.0.setup.project(&self.project) else { return Ok(()) };
        let listing = source.tracker.fetch_by_states(&project.states.active).await?;
        let asked = self.not_listed(engine, project, &listing.issues).await;
        let refreshed = source.tracker.fetch_by_ids(&asked).await;
        // With a record that cannot be read, the listing is still good, and nothing is let go.
        let told = refreshed.as_ref().err().map(|error| base::error::chain(error));
        let troubles: Vec<String> = listing.problems.into_iter().chain(told).collect();
        engine.trouble(&self.project, (!troubles.is_empty()).then(|| troubles.join("; ")));
        self.issues = listing.issues;
        self.observed_at = observed_at;
        issue::sort_for_dispatch(&mut self.issues);
        let Ok(refreshed) = refreshed else {
            self.remember(engine, &[], &[]).await;
            return Ok(());
        };
        let there: HashSet<&IssueId> = refreshed.iter().map(|issue| &issue.id).collect();
        let gone: Vec<IssueId> = asked.iter().filter(|id| !there.contains(id)).cloned().collect();
        self.remember(engine, &refreshed, &gone).await;
        if let Err(error) = self.let_go(engine, &refreshed, &gone).await {
            tracing::error!(error = base::error::chain(&error), "cannot let go of issues");
        }
        Ok(())
    }

    /// What was active when it was seen last, or is being worked on, and is not among `listed`: it left, and where to
    /// is to be asked.
    async fn not_listed(&self, engine: &Engine, project: &Project, listed: &[Issue]) -> Vec<IssueId> {
        let listed: HashSet<&IssueId> = listed.iter().map(|issue| &issue.id).collect();
        let store = &engine.0.store;
        let seen = store.issue_states(&self.project).await.unwrap_or_default();
        let active = seen.into_iter().filter(|(_, state)| project.states.standing(state) == Standing::Active);
        let open = store.open_runs().await.unwrap_or_default().into_iter().map(|stored| stored.run);
        let worked_on = open
            .filter(|run| run.issue.project == self.project && run.review.is_none())
            .map(|run| run.issue.id);
        let asked: BTreeSet<IssueId> = active.map(|(id, _)| id).chain(worked_on).collect();
        asked.into_iter().filter(|id| !listed.contains(id)).collect()
    }

    async fn remember(&self, engine: &Engine, left: &[Issue], gone: &[IssueId]) {
        let seen: Vec<Issue> = self.issues.iter().chain(left).cloned().collect();
        let store = &engine.0.store;
        if let Err(error) = store.observe_issues(&self.project, &seen, gone, self.observed_at).await {
            tracing::error!(error = base::error::chain(&error), "cannot remember the tracker's issues");
        }
    }

    /// Ends the author runs of issues that are no longer to be worked on.
    async fn let_go(
        &mut self,
        engine: &Engine,
        left: &[Issue],
        gone: &[IssueId],
    ) -> Result<(), store::Error> {
        let Some(project) = engine.0.setup.project(&self.project) else { return Ok(()) };
        let mut missing = HashSet::new();
        let issues: HashMap<&IssueId, &Issue> =
            self.issues.iter().chain(left).map(|issue| (&issue.id, issue)).collect();
        for stored in engine.0.store.open_runs().await? {
            let run = &stored.run;
            let ours = run.issue.project == self.project && run.review.is_none();
            // What was claimed after this reading began was claimed on a newer one.
            if !ours || run.created_at >= self.observed_at || matches!(run.phase, Phase::Landing { .. }) {
                continue;
            }
            let found = issues.get(&run.issue.id).copied();
            if found.is_none() {
                if !gone.contains(&run.issue.id) {
                    continue;
                }
                missing.insert(run.issue.id.clone());
                // git and editors replace a file by removing it first: gone is what is gone at the next look, too.
                if !self.missing.contains(&run.issue.id) {
                    continue;
                }
            }
            if let Some(left) = standing_left(found, &project.states) {
                engine.submit(&run.id, Input::IssueLeft(left)).await?;
            }
        }
        self.missing = missing;
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
        let open = engine.0.store.open_runs().await?;
        let round =
            Round { claimed: claimed(&open, &self.project), owed: self.work_owed(engine, &open), project };
        let mut refusals = BTreeMap::new();
        let mut full = engine.0.store.live(&self.project).await? + round.owed >= round.project.slots;
        for issue in &self.issues {
            if round.project.states.standing(&issue.state) != Standing::Active {
                continue;
            }
            let refusal = match (round.claimed.get(&issue.id), self.refused.as_ref()) {
                (Some(&run), _) => Some(Refusal::Claimed { run: run.clone() }),
                (None, known) if full => Some(round.refused_when_full(known, &issue.id)),
                (None, _) => self.try_issue(engine, &round, issue).await?,
            };
            full = full || matches!(refusal, Some(Refusal::NoSlot { .. }));
            if let Some(refusal) = refusal {
                refusals.insert(issue.id.clone(), refusal);
            }
        }
        self.record(engine, refusals).await
    }

    /// Slots that work already begun is waiting for: it comes before new work, or begun work would pile up. What
    /// cannot start here anyway waits for no slot.
    fn work_owed(&self, engine: &Engine, open: &[StoredRun]) -> u32 {
        let now = engine.now();
        let ids: HashSet<&RunId> = open.iter().map(|stored| &stored.run.id).collect();
        let agents = engine.0.setup.fleet.agents.values();
        let able = agents.filter(|agent| engine.readiness_of(agent) == Readiness::complete());
        let able: HashSet<&AgentName> = able.map(|agent| &agent.name).collect();
        let mut owed = 0;
        for run in open.iter().map(|stored| &stored.run).filter(|run| run.issue.project == self.project) {
            owed += match &run.phase {
                Phase::Waiting { due, .. } if *due <= now && able.contains(&run.agent) => 1,
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
                | Phase::Collecting
                | Phase::Landing { .. }
                | Phase::Ended { .. } => 0,
            };
        }
        u32::try_from(owed).unwrap_or(u32::MAX / 2)
    }

    /// Claims one issue, or says why not.
    async fn try_issue(
        &self,
        engine: &Engine,
        round: &Round<'_>,
        issue: &Issue,
    ) -> Result<Option<Refusal>, store::Error> {
        let project = &round.project;
        loop {
            let Some(mut facts) = engine.facts(&project.name, &project.author).await? else {
                return Ok(None);
            };
            facts.live += round.owed;
            let prior = engine.0.store.prior(&project.name, &issue.id, &facts.containments).await?;
            let id = RunId::new(engine.0.setup.outside.ids.next());
            let now = engine.now();
            let lent = facts.facts();
            let step = match run::claim(issue, prior.as_ref(), self.observed_at, &lent, id, now) {
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
        if self.refused.as_ref() != Some(&refusals) {
            engine.0.store.record_refusals(&self.project, &refusals, engine.now()).await?;
            self.refused = Some(refusals);
        }
        Ok(())
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

impl Round<'_> {
    /// What is said of an issue while all slots are taken: what was known to stand against it, if a slot would not help.
    fn refused_when_full(&self, known: Option<&BTreeMap<IssueId, Refusal>>, issue: &IssueId) -> Refusal {
        let known = known.and_then(|known| known.get(issue)).filter(|refusal| !refusal.passes());
        known.cloned().unwrap_or(Refusal::NoSlot { slots: self.project.slots })
    }
}

/// The issues of `project` that an author is at.
fn claimed<'a>(open: &'a [StoredRun], project: &ProjectName) -> HashMap<&'a IssueId, &'a RunId> {
    let authors = open.iter().map(|stored| &stored.run).filter(|run| run.review.is_none());
    authors.filter(|run| run.issue.project == *project).map(|run| (&run.issue.id, &run.id)).collect()
}

/// Why a run's issue is no longer to be worked on, if so.
fn standing_left(found: Option<&Issue>, states: &States) -> Option<Left> {
    let Some(issue) = found else { return Some(Left::Gone) };
    match states.standing(&issue.state) {
        Standing::Active => None,
        Standing::Terminal => Some(Left::Over(issue.state.clone())),
        Standing::Parked => Some(Left::Parked(issue.state.clone())),
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
