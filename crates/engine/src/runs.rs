//! The runs that are not over, in memory: what every look at the schedule begins with.
//!
//! The store is the truth; this is what it says, kept as each step is committed. Invariants:
//! - this is the only engine of the database (see [`crate::tenure`]; an older one's writes are refused), and every step that
//!   it commits passes through here: nothing changes an open run behind this copy's back;
//! - what is decided on the copy is committed under the version it had, and what is not committed (an input that is
//!   ignored, an effect that has nothing to do) is decided on the store;
//! - an entry is replaced by a later version only, in whatever order the answers of two commits are heard;
//! - while a commit is under way its run is in doubt, and afterwards too unless it was kept: then the store is asked.
//!   What a commit owes can be performed before its answer is heard here;
//! - a start that is being committed counts as live already, so that no slot is given away twice.

mod index;

use crate::Engine;
use domain::run::Run;
use domain::{Fence, IssueId, ProjectName, RunId, Timestamp};
use index::Index;
pub(crate) use index::Live;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::Error;
use store::run::StoredRun;
use store::step::{Commit, Guards, Start};

/// The open runs. Shared by everything that looks at them.
#[derive(Default)]
pub(crate) struct Runs(Mutex<Index>);

impl Runs {
    /// What the store has; called once, before anything is decided.
    pub(crate) fn load(&self, open: Vec<StoredRun>) {
        let mut index = self.index();
        *index = Index::default();
        open.into_iter().for_each(|stored| index.put(stored));
    }

    /// The run, if it is open and not in doubt.
    pub(crate) fn get(&self, id: &RunId) -> Option<Arc<StoredRun>> {
        self.index().get(id)
    }

    /// Those of `attempts` whose claim is over, as far as was heard; that is at least what any attempt here began with.
    pub(crate) fn over<'a>(&self, attempts: impl Iterator<Item = &'a (RunId, Fence)>) -> Vec<(RunId, Fence)> {
        let index = self.index();
        attempts.filter(|(run, fence)| !index.holds(run, *fence)).cloned().collect()
    }

    /// Whether the run is open, as far as was heard.
    pub(crate) fn is_open(&self, id: &RunId) -> bool {
        self.index().heard(id).is_some()
    }

    /// Every open run.
    pub(crate) fn open(&self) -> Vec<Arc<StoredRun>> {
        self.index().open()
    }

    /// The open runs of `project`, by id.
    pub(crate) fn of(&self, project: &ProjectName) -> Vec<Arc<StoredRun>> {
        self.index().of(project)
    }

    /// The runs of `project` that have no attempt and may want one: they wait, or their reviews do.
    pub(crate) fn between(&self, project: &ProjectName) -> Vec<Arc<StoredRun>> {
        self.index().between(project)
    }

    /// A number that grows when an author's run of `project` begins or ends.
    pub(crate) fn authors_changed(&self, project: &ProjectName) -> u64 {
        self.index().authors_changed(project)
    }

    /// The open reviews, by id.
    pub(crate) fn reviews(&self) -> Vec<Arc<StoredRun>> {
        self.index().reviews()
    }

    /// The author's run that is open for the issue.
    pub(crate) fn author_of(&self, project: &ProjectName, issue: &IssueId) -> Option<RunId> {
        self.index().author_of(project, issue)
    }

    /// Live attempts of `project`, starts under way included.
    pub(crate) fn live(&self, project: &ProjectName) -> Live {
        self.index().live(project)
    }

    /// Up to `limit` waiting runs of `project` that are due at `now`, the longest due first.
    pub(crate) fn due(&self, project: &ProjectName, now: Timestamp, limit: usize) -> Vec<Arc<StoredRun>> {
        self.index().due(project, now, limit)
    }

    /// When the next waiting run of `project` is due.
    pub(crate) fn next_due(&self, project: &ProjectName) -> Option<Timestamp> {
        self.index().next_due(project)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A start that is being committed; dropping it, also with the future that waits, takes it back.
struct Starting<'a> {
    runs: &'a Runs,
    run: &'a Run,
}

impl<'a> Starting<'a> {
    fn of(runs: &'a Runs, run: &'a Run) -> Self {
        runs.index().starting(run, 1);
        Self { runs, run }
    }
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.runs.index().starting(self.run, -1);
    }
}

impl Engine {
    /// Commits a step: the one way by which a run changes.
    pub(crate) async fn commit(&self, commit: Commit<'_>) -> Result<u64, Error> {
        let (runs, run, now) = (&self.0.runs, &commit.step.run, commit.now);
        let doubt = Doubt::begin(runs, &run.id);
        let _starting = (commit.guards.is_some() && run.is_live()).then(|| Starting::of(runs, run));
        let answer = self.0.store.commit_step(commit).await;
        drop(doubt);
        match answer {
            Ok(version) => runs.index().put(StoredRun { run: run.clone(), version, updated_at: now }),
            Err(Error::Superseded) => self.lose_tenure("another daemon took over"),
            Err(_) => {}
        }
        answer
    }

    /// Commits steps that each start an attempt and were decided together: all of them or none.
    pub(crate) async fn commit_starts(&self, starts: &[Start], guards: &Guards) -> Result<(), Error> {
        let (runs, now) = (&self.0.runs, self.now());
        let doubts: Vec<_> = starts.iter().map(|start| Doubt::begin(runs, &start.step.run.id)).collect();
        let starting: Vec<_> = starts.iter().map(|start| Starting::of(runs, &start.step.run)).collect();
        let answer = self.0.store.commit_starts(starts, guards, now).await;
        drop(doubts);
        if answer == Err(Error::Superseded) {
            self.lose_tenure("another daemon took over");
        }
        for (start, version) in starts.iter().zip(answer?) {
            let run = start.step.run.clone();
            runs.index().put(StoredRun { run, version, updated_at: now });
        }
        drop(starting);
        for start in starts {
            self.woken_by(&start.step, false);
        }
        Ok(())
    }

    /// The run as it stands; the store is asked when it is over or in doubt. Good for a decision that is committed: one
    /// that came too late is refused there. What follows without a commit needs [`Engine::read_run`].
    pub(crate) async fn run(&self, id: &RunId) -> Result<Option<Arc<StoredRun>>, Error> {
        match self.0.runs.get(id) {
            Some(known) => Ok(Some(known)),
            None => self.read_run(id).await,
        }
    }

    /// The run as the store has it.
    pub(crate) async fn read_run(&self, id: &RunId) -> Result<Option<Arc<StoredRun>>, Error> {
        let Some(stored) = self.0.store.run(id).await? else {
            self.0.runs.index().settle(id);
            return Ok(None);
        };
        self.0.runs.index().put(stored.clone());
        Ok(Some(Arc::new(stored)))
    }

    /// Asks the store for every run in doubt.
    pub(crate) async fn settle_doubts(&self) -> Result<(), Error> {
        let doubts = self.0.runs.index().doubts();
        for id in doubts {
            self.read_run(&id).await?;
        }
        Ok(())
    }
}

/// A commit under way. Whoever waits for its answer may leave before it comes.
struct Doubt<'a> {
    runs: &'a Runs,
    run: &'a RunId,
}

impl<'a> Doubt<'a> {
    fn begin(runs: &'a Runs, run: &'a RunId) -> Self {
        runs.index().commit_begins(run);
        Self { runs, run }
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        self.runs.index().commit_ends(self.run);
    }
}
