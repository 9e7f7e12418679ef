//! The runs under the kill plane, in memory.
//!
//! Invariant: a run is found under its id and claim until its supervisor releases it, or until it is proved dead
//! after its supervisor has gone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::protocol::{ALL, MAX_LABELS, MAX_NAME_BYTES, MAX_RUNS, Registration, RunStatus};
use crate::reach::{Shape, Target, Tree};

/// Number of a connection.
pub(crate) type ConnectionId = u64;

/// A registered run with everything open that a kill needs.
#[derive(Debug)]
pub(crate) struct Run {
    pub id: String,
    pub fence: u64,
    pub labels: Vec<String>,
    pub target: Target,
    supervisor: ConnectionId,
    proved_dead: AtomicBool,
}

/// All of them, by id and claim.
#[derive(Debug, Default)]
pub(crate) struct Runs(BTreeMap<(String, u64), Arc<Run>>);

impl Run {
    /// Opens what a kill needs. Errors: what is wrong with the registration.
    pub fn open(registration: Registration, supervisor: ConnectionId) -> Result<Run, String> {
        let Registration { run, fence, labels, kill_dir, pid, walled } = registration;
        let shape = if walled { Shape::Namespace } else { Shape::Subreaper };
        if labels.len() > MAX_LABELS {
            return Err(format!("a run may have {MAX_LABELS} labels"));
        }
        let fits = |name: &String| !name.is_empty() && name.len() <= MAX_NAME_BYTES;
        if !fits(&run) || !labels.iter().all(fits) {
            return Err(format!("a run's id and labels must have 1 to {MAX_NAME_BYTES} bytes"));
        }
        let target = match (kill_dir, pid) {
            (Some(dir), _) => Target::group(dir)?,
            (None, Some(pid)) => Target::tree(pid, shape)?,
            (None, None) => return Err("a registration needs kill_dir or pid".into()),
        };
        Ok(Run { id: run, fence, labels, target, supervisor, proved_dead: AtomicBool::new(false) })
    }

    /// Whether it is dead for good. A group never is: a process may join it late, so it is looked at every time.
    pub fn is_proved_dead(&self) -> bool {
        matches!(self.target, Target::Tree(_)) && self.proved_dead.load(Ordering::Acquire)
    }

    pub fn mark_dead(&self) {
        self.proved_dead.store(true, Ordering::Release);
    }

    /// What it is without a cgroup.
    pub fn tree(&self) -> Option<&Tree> {
        match &self.target {
            Target::Tree(tree) => Some(tree),
            Target::Group(_) => None,
        }
    }

    fn covered_by(&self, scope: &str) -> bool {
        scope == ALL || self.labels.iter().any(|label| label == scope)
    }

    fn status(&self) -> RunStatus {
        let alive = !self.is_proved_dead() && self.target.is_alive();
        RunStatus { run: self.id.clone(), fence: self.fence, labels: self.labels.clone(), alive }
    }
}

impl Runs {
    /// Adds a run and gives back the older claims of it, which must die. Errors: why it is not added.
    pub fn add(&mut self, run: Arc<Run>) -> Result<Vec<Arc<Run>>, String> {
        let known: Vec<_> = self.claims(&run.id).cloned().collect();
        if let Some(newest) = known.last().filter(|newest| newest.fence >= run.fence) {
            return Err(format!("run {} is registered with fence {}; claim it anew", run.id, newest.fence));
        }
        if self.0.len() >= MAX_RUNS {
            return Err(format!("{MAX_RUNS} runs are registered; release some first"));
        }
        self.0.insert((run.id.clone(), run.fence), run);
        Ok(known)
    }

    pub fn remove(&mut self, run: &str, fence: u64) {
        self.0.remove(&(run.to_owned(), fence));
    }

    pub fn find(&self, run: &str, fence: u64) -> Option<Arc<Run>> {
        self.0.get(&(run.to_owned(), fence)).cloned()
    }

    pub fn covered_by(&self, scope: &str) -> Vec<Arc<Run>> {
        self.0.values().filter(|run| run.covered_by(scope)).cloned().collect()
    }

    pub fn supervised_by(&self, connection: ConnectionId) -> Vec<Arc<Run>> {
        self.0.values().filter(|run| run.supervisor == connection).cloned().collect()
    }

    pub fn all(&self) -> Vec<Arc<Run>> {
        self.0.values().cloned().collect()
    }

    fn claims(&self, run: &str) -> impl Iterator<Item = &Arc<Run>> {
        self.0.range((run.to_owned(), 0)..=(run.to_owned(), u64::MAX)).map(|(_, run)| run)
    }
}

/// The state of each run; asks the kernel, so not for the async thread.
pub(crate) fn statuses(runs: &[Arc<Run>]) -> Vec<RunStatus> {
    runs.iter().map(|run| run.status()).collect()
}
