//! The open runs by what is asked of them: by project, by issue, by the time at which they are due.

use domain::issue::normal;
use domain::run::{Phase, Purpose, Run};
use domain::{Fence, IssueId, ProjectName, RunId, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use store::run::StoredRun;

/// Runs that ended lately and are remembered as over, so that an older answer that is heard late does not bring one
/// back. Answers overtake each other by a few at most.
const MAX_OVER: usize = 4_096;

/// Live attempts of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Live {
    /// All of them.
    pub(crate) all: u32,
    /// Authors by the state of their issue, normalised.
    pub(crate) authors_by_state: BTreeMap<String, u32>,
}

impl Live {
    /// `run` is `by` more (or less) of them.
    pub(crate) fn count(&mut self, run: &Run, by: i32) {
        self.all = self.all.saturating_add_signed(by);
        if run.purpose() != Purpose::Author {
            return;
        }
        let state = normal(&run.issue.state);
        let count = self.authors_by_state.entry(state.clone()).or_default();
        *count = count.saturating_add_signed(by);
        if *count == 0 {
            self.authors_by_state.remove(&state);
        }
    }
}

#[derive(Default)]
pub(super) struct Index {
    runs: HashMap<RunId, Arc<StoredRun>>,
    projects: HashMap<ProjectName, OfProject>,
    reviews: BTreeSet<RunId>,
    /// Commits under way.
    commits: HashMap<RunId, u32>,
    /// Runs whose last commit was not kept, or whose answer never came.
    doubts: HashSet<RunId>,
    over: HashSet<RunId>,
    /// `over` in the order in which they ended.
    ended: VecDeque<RunId>,
}

/// The open runs of one project.
#[derive(Default)]
struct OfProject {
    runs: BTreeMap<RunId, Arc<StoredRun>>,
    authors: HashMap<IssueId, RunId>,
    /// Grows when an author's run begins or ends.
    authors_changed: u64,
    due: BTreeSet<(Timestamp, RunId)>,
    /// Runs with no attempt that may want one: they wait, or their reviews do.
    between: BTreeSet<RunId>,
    /// Live attempts, and starts under way.
    live: Live,
}

impl Index {
    /// The run as it is now, unless something later is known.
    pub(super) fn put(&mut self, stored: StoredRun) {
        let id = stored.run.id.clone();
        let known = self.runs.get(&id).map(|known| known.version);
        if self.over.contains(&id) || known.is_some_and(|known| known > stored.version) {
            return;
        }
        self.doubts.remove(&id);
        let was_open = self.take(&id);
        if was_open != stored.run.is_open() && stored.run.review.is_none() {
            self.projects.entry(stored.run.issue.project.clone()).or_default().authors_changed += 1;
        }
        if stored.run.is_open() {
            self.enter(Arc::new(stored));
        } else {
            self.end(id);
        }
    }

    fn enter(&mut self, stored: Arc<StoredRun>) {
        let run = &stored.run;
        let of = self.projects.entry(run.issue.project.clone()).or_default();
        of.runs.insert(run.id.clone(), stored.clone());
        if run.review.is_some() {
            self.reviews.insert(run.id.clone());
        } else {
            of.authors.insert(run.issue.id.clone(), run.id.clone());
        }
        if is_between(run) {
            of.between.insert(run.id.clone());
        }
        if let Some(due) = run.due() {
            of.due.insert((due, run.id.clone()));
        }
        if run.is_live() {
            of.live.count(run, 1);
        }
        self.runs.insert(run.id.clone(), stored);
    }

    /// True: it was there.
    fn take(&mut self, id: &RunId) -> bool {
        let Some(stored) = self.runs.remove(id) else { return false };
        let run = &stored.run;
        self.reviews.remove(id);
        let Some(of) = self.projects.get_mut(&run.issue.project) else { return true };
        of.runs.remove(id);
        of.between.remove(id);
        if of.authors.get(&run.issue.id) == Some(id) {
            of.authors.remove(&run.issue.id);
        }
        if let Some(due) = run.due() {
            of.due.remove(&(due, id.clone()));
        }
        if run.is_live() {
            of.live.count(run, -1);
        }
        true
    }

    fn end(&mut self, id: RunId) {
        if self.over.insert(id.clone()) {
            self.ended.push_back(id);
        }
        if self.ended.len() > MAX_OVER
            && let Some(oldest) = self.ended.pop_front()
        {
            self.over.remove(&oldest);
        }
    }

    /// `run` is `by` more (or less) of the starts under way.
    pub(super) fn starting(&mut self, run: &Run, by: i32) {
        self.projects.entry(run.issue.project.clone()).or_default().live.count(run, by);
    }

    pub(super) fn commit_begins(&mut self, id: &RunId) {
        *self.commits.entry(id.clone()).or_default() += 1;
    }

    /// Its outcome, if it is known, is told next.
    pub(super) fn commit_ends(&mut self, id: &RunId) {
        if let Some(n) = self.commits.get_mut(id) {
            *n -= 1;
            if *n == 0 {
                self.commits.remove(id);
            }
        }
        if !self.over.contains(id) {
            self.doubts.insert(id.clone());
        }
    }

    /// There is no such run.
    pub(super) fn settle(&mut self, id: &RunId) {
        self.doubts.remove(id);
        let project = self.runs.get(id).map(|stored| stored.run.issue.project.clone());
        self.take(id);
        if let Some(of) = project.and_then(|project| self.projects.get_mut(&project)) {
            of.authors_changed += 1;
        }
    }

    pub(super) fn doubts(&self) -> Vec<RunId> {
        self.doubts.iter().cloned().collect()
    }

    pub(super) fn get(&self, id: &RunId) -> Option<Arc<StoredRun>> {
        self.heard(id).filter(|_| !self.doubts.contains(id) && !self.commits.contains_key(id))
    }

    /// The run as it was heard of last.
    pub(super) fn heard(&self, id: &RunId) -> Option<Arc<StoredRun>> {
        self.runs.get(id).cloned()
    }

    pub(super) fn holds(&self, id: &RunId, fence: Fence) -> bool {
        self.runs.get(id).is_some_and(|stored| stored.run.is_live() && stored.run.fence == fence)
    }

    pub(super) fn open(&self) -> Vec<Arc<StoredRun>> {
        self.projects.values().flat_map(|of| of.runs.values()).cloned().collect()
    }

    pub(super) fn of(&self, project: &ProjectName) -> Vec<Arc<StoredRun>> {
        self.projects.get(project).into_iter().flat_map(|of| of.runs.values()).cloned().collect()
    }

    pub(super) fn between(&self, project: &ProjectName) -> Vec<Arc<StoredRun>> {
        let ids = self.projects.get(project).into_iter().flat_map(|of| &of.between);
        ids.filter_map(|id| self.runs.get(id)).cloned().collect()
    }

    pub(super) fn authors_changed(&self, project: &ProjectName) -> u64 {
        self.projects.get(project).map_or(0, |of| of.authors_changed)
    }

    pub(super) fn reviews(&self) -> Vec<Arc<StoredRun>> {
        self.reviews.iter().filter_map(|id| self.runs.get(id)).cloned().collect()
    }

    pub(super) fn author_of(&self, project: &ProjectName, issue: &IssueId) -> Option<RunId> {
        self.projects.get(project)?.authors.get(issue).cloned()
    }

    pub(super) fn live(&self, project: &ProjectName) -> Live {
        self.projects.get(project).map(|of| of.live.clone()).unwrap_or_default()
    }

    pub(super) fn due(&self, project: &ProjectName, now: Timestamp, limit: usize) -> Vec<Arc<StoredRun>> {
        let waiting = self.projects.get(project).into_iter().flat_map(|of| &of.due);
        let due = waiting.take_while(|(due, _)| *due <= now).take(limit);
        due.filter_map(|(_, id)| self.runs.get(id)).cloned().collect()
    }

    pub(super) fn next_due(&self, project: &ProjectName) -> Option<Timestamp> {
        self.projects.get(project)?.due.first().map(|(due, _)| *due)
    }
}

fn is_between(run: &Run) -> bool {
    match &run.phase {
        Phase::Waiting { .. } | Phase::InReview { .. } => true,
        Phase::Starting { .. }
        | Phase::Working { .. }
        | Phase::Blocked { .. }
        | Phase::Collecting
        | Phase::Landing { .. }
        | Phase::Ended { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::issue::{Issue, IssueRef};
    use domain::run::{Outcome, Wait};

    fn run(id: &str, issue: &str, phase: Phase) -> Run {
        let issue = Issue::new(issue.into(), issue, "t", "Todo");
        let reference = IssueRef::of("shop".into(), &issue);
        Run { phase, ..Run::new(id.into(), reference, "author".into(), "pay".into(), Timestamp(1)) }
    }

    fn stored(run: Run, version: u64) -> StoredRun {
        StoredRun { run, version, updated_at: Timestamp(1) }
    }

    fn working() -> Phase {
        Phase::Working { since: Timestamp(1) }
    }

    fn over() -> Phase {
        let outcome = Outcome::Released { why: "done".to_owned() };
        Phase::Ended { outcome, at: Timestamp(2) }
    }

    #[test]
    fn an_older_answer_that_is_heard_late_changes_nothing() {
        let mut index = Index::default();
        index.put(stored(run("a", "1", working()), 2));
        index.put(stored(run("a", "1", Phase::Waiting { due: Timestamp(9), why: Wait::Slot }), 1));
        assert_eq!(index.live(&"shop".into()).all, 1);
        index.put(stored(run("a", "1", over()), 3));
        index.put(stored(run("a", "1", working()), 2));
        assert!(index.open().is_empty());
        assert_eq!(index.live(&"shop".into()), Live::default());
    }

    #[test]
    fn what_is_in_doubt_is_listed_and_asked_for_again() {
        let mut index = Index::default();
        index.put(stored(run("a", "1", working()), 1));
        index.commit_begins(&"a".into());
        assert_eq!((index.get(&"a".into()), index.doubts().len()), (None, 0));
        index.commit_ends(&"a".into());
        assert_eq!((index.get(&"a".into()), index.open().len()), (None, 1));
        assert_eq!(index.doubts(), ["a".into()]);
        index.put(stored(run("a", "1", working()), 1));
        assert!(index.get(&"a".into()).is_some() && index.doubts().is_empty());
    }

    #[test]
    fn due_runs_come_in_the_order_of_their_time_and_only_when_it_is_up() {
        let mut index = Index::default();
        for (id, due) in [("a", 30), ("b", 10), ("c", 20)] {
            index.put(stored(run(id, id, Phase::Waiting { due: Timestamp(due), why: Wait::Slot }), 1));
        }
        let due = index.due(&"shop".into(), Timestamp(20), 9);
        assert_eq!(due.iter().map(|s| s.run.id.as_str()).collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(index.next_due(&"shop".into()), Some(Timestamp(10)));
        assert!(index.due(&"other".into(), Timestamp(99), 9).is_empty());
    }

    #[test]
    fn a_start_under_way_counts_as_live_until_it_is_taken_back() {
        let mut index = Index::default();
        let starting = run("a", "1", working());
        index.starting(&starting, 1);
        assert_eq!(index.live(&"shop".into()).authors_by_state[&normal("Todo")], 1);
        index.starting(&starting, -1);
        assert_eq!(index.live(&"shop".into()), Live::default());
    }
}
