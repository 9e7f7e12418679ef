//! What must hold at the end, read from the remote, the issue files, the process table, and the closed database.

use crate::life::Stopped;
use crate::support::process;
use crate::world::{VICTIM, World};
use domain::call::{Call, Status};
use domain::event::Event;
use domain::failure::FailureKind;
use domain::run::{Outcome, Purpose, Run};
use domain::{RunId, Sha, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use store::Store;
use store::event::StoredEvent;
use store::run::Filter;

/// Read in one go: more than any run has.
const MANY: u32 = 1_000;

/// A commit on the remote's main.
struct Commit {
    sha: String,
    parents: Vec<String>,
    subject: String,
    run: Option<String>,
}

/// Everything the judgement rests on.
pub struct Truth<'a> {
    world: &'a World,
    store: Store,
    commits: Vec<Commit>,
    runs: Vec<Run>,
    events: BTreeMap<RunId, Vec<StoredEvent>>,
    pub calls: Vec<Call>,
}

impl<'a> Truth<'a> {
    /// Reads it after the last daemon has ended.
    pub async fn read(world: &'a World) -> Self {
        let db = world.installation.dir().join("seawall.db");
        let store = Store::open(&format!("sqlite:{}", db.display())).await.unwrap();
        let (mut runs, mut after) = (vec![], None);
        loop {
            let (page, next) = store.list_runs(&Filter::default(), after.as_ref(), MANY).await.unwrap();
            runs.extend(page.into_iter().map(|line| line.stored.run));
            after = next;
            if after.is_none() {
                break;
            }
        }
        let (mut events, mut calls) = (BTreeMap::new(), vec![]);
        for run in &runs {
            events.insert(run.id.clone(), store.events_of(&run.id, MANY).await.unwrap());
            calls.extend(store.calls_of(&run.id, MANY).await.unwrap());
        }
        Self { commits: commits(world), world, store, runs, events, calls }
    }

    /// Exactly one commit, one run that landed, one file, one comment for each issue; and the issue is done.
    pub fn every_issue_landed_once(&self) {
        let installation = &self.world.installation;
        let files = installation.git(&["ls-tree", "-r", "--name-only", "main", "work/"]);
        let expected: Vec<String> = self.world.issues.iter().map(|i| format!("work/{i}.txt")).collect();
        assert_eq!(files.lines().collect::<Vec<_>>(), expected, "the files on main");
        for issue in &self.world.issues {
            let text = installation.git(&["show", &format!("main:work/{issue}.txt")]);
            assert_eq!(&text, issue, "the file of {issue}");
            let subject = format!("{issue}: ");
            let commits: Vec<_> = self.changes().filter(|c| c.subject.starts_with(&subject)).collect();
            let landed: Vec<_> = self.authors(issue).filter(|run| head(run).is_some()).collect();
            assert_eq!((commits.len(), landed.len()), (1, 1), "commits and landed runs of {issue}");
            assert_eq!(commits[0].run.as_deref(), Some(landed[0].id.as_str()), "the trailer of {issue}");
            assert_eq!(installation.issue_state(issue), "Done", "{issue}");
            let file = installation.read(&format!("issues/{issue}.md"));
            assert_eq!(file.matches("> Landed ").count(), 1, "{issue} is told once:\n{file}");
        }
    }

    /// What is on main since the seed is a reviewed head, or a merge of one.
    pub fn nothing_landed_unreviewed(&self) {
        let heads: BTreeSet<&str> = self.runs.iter().filter_map(head).map(Sha::as_str).collect();
        for commit in &self.commits {
            let reviewed = match commit.parents.as_slice() {
                [_, second] => second,
                _ => &commit.sha,
            };
            assert!(heads.contains(reviewed.as_str()), "{} ({}) landed", commit.sha, commit.subject);
        }
        for run in self.runs.iter().filter(|run| head(run).is_some()) {
            let head = head(run).unwrap();
            let mut asked = BTreeMap::new();
            let mut clean = BTreeSet::new();
            for event in self.events(run) {
                match event {
                    Event::ReviewRequested { team, round, head, .. } => {
                        asked.insert((team.clone(), *round), head.clone());
                    }
                    Event::ReviewReported { team, round, findings: 0 } => {
                        clean.insert((team.clone(), *round));
                    }
                    _ => {}
                }
            }
            let last: Vec<_> = asked.iter().filter(|((_, round), _)| *round == run.round).collect();
            assert!(!last.is_empty(), "{} landed without a review", run.id);
            for (asked, of) in last {
                assert!(of == head && clean.contains(asked), "{asked:?} did not find {head} clean");
            }
        }
    }

    /// Attempts of an issue follow each other, and each claim carries a higher fence than the one before.
    pub fn no_issue_was_worked_on_twice_at_once(&self) {
        for run in &self.runs {
            let (mut fence, mut attempt) = (0, 0);
            for event in self.events(run) {
                if let Event::AttemptClaimed { attempt: next, fence: higher } = event {
                    assert!(higher.0 > fence && *next == attempt + 1, "{}: {:?}", run.id, self.lines(run));
                    (fence, attempt) = (higher.0, *next);
                }
            }
            assert_eq!((run.fence.0, run.attempts), (fence, attempt), "{}", run.id);
        }
        for issue in &self.world.issues {
            let mut spans: Vec<_> = self.authors(issue).flat_map(|run| self.spans(run)).collect();
            spans.sort_unstable();
            for pair in spans.windows(2) {
                assert!(pair[0].1 <= pair[1].0, "attempts of {issue} overlap: {spans:?}");
            }
        }
    }

    /// Every call is over, every budget holds nothing back, and what was spent is what the calls did cost.
    pub async fn books_balance(&self) {
        assert_eq!(self.store.owed_effects().await.unwrap(), 0, "something is still owed");
        let open: Vec<_> = self.calls.iter().filter(|call| call.status == Status::Open).collect();
        assert!(open.is_empty(), "calls are left open: {open:?}");
        let now = self.calls.iter().map(|call| call.started_at).max().unwrap();
        let budgets = self.store.budgets(now).await.unwrap();
        assert!(!budgets.is_empty());
        for budget in &budgets {
            assert_eq!(budget.reserved.0, 0, "{budget:?} holds something back");
            // At midnight a call may be booked on the day before; its run's own budget still tells.
            let within = |call: &&Call| {
                let identity = &call.identity;
                let holders = [
                    format!("run/{}", identity.run),
                    format!("agent/{}", identity.agent),
                    format!("team/{}", identity.team),
                ];
                holders.contains(&budget.holder) && call.started_at >= budget.window_start
            };
            let spent: u64 = self.calls.iter().filter(within).map(|call| call.cost.0).sum();
            assert_eq!(budget.settled.0, spent, "{budget:?}");
        }
    }

    /// No process, no control group, no workspace; `kept` are runs whose workspace a person will look at.
    pub fn nothing_is_left_behind(&self, kept: &[&str]) {
        let left: Vec<_> =
            self.world.workspaces().into_iter().filter(|run| !kept.contains(&run.as_str())).collect();
        assert!(left.is_empty(), "workspaces are left: {left:?}");
        let agents: Vec<_> =
            process::with_argument(&format!("{}/workspaces", self.world.installation.state().display()));
        assert!(agents.is_empty(), "processes are left: {agents:?}");
        let groups = groups(Path::new("/sys/fs/cgroup"), 6);
        for run in &self.runs {
            let of: Vec<_> = groups.iter().filter(|name| name.contains(run.id.as_str())).collect();
            assert!(of.is_empty(), "control groups are left: {of:?}");
        }
    }

    /// The stopped run is over, nothing of it landed, and nobody took its issue up again.
    pub fn stayed_stopped(&self, stopped: &Stopped) {
        let runs: Vec<_> = self.authors(VICTIM).collect();
        assert_eq!(runs.len(), 1, "runs for the stopped issue");
        let run = runs[0];
        assert_eq!(run.id.as_str(), stopped.run);
        let outcome = run.outcome();
        assert!(matches!(outcome, Some(Outcome::Stopped { .. })), "{outcome:?}: {:?}", self.lines(run));
        let late = self.events[&run.id].iter().filter(|e| {
            matches!(e.event, Event::AttemptClaimed { .. } | Event::AttemptStarted { .. })
                && e.at > Timestamp(stopped.by_us)
        });
        assert_eq!(late.count(), 0, "{:?}", self.lines(run));
        let called = self.calls.iter().filter(|c| c.identity.run == run.id && c.started_at.0 > stopped.by_us);
        assert_eq!(called.count(), 0, "model calls after the order");
        assert_eq!(self.world.installation.issue_state(VICTIM), "Todo");
    }

    pub fn attempts(&self) -> u32 {
        self.runs.iter().map(|run| run.attempts).sum()
    }

    pub fn lost_attempts(&self) -> usize {
        let lost = |event: &&Event| match event {
            Event::AttemptFailed { failure, .. } => failure.kind == FailureKind::Lost,
            _ => false,
        };
        self.runs.iter().flat_map(|run| self.events(run)).filter(lost).count()
    }

    pub fn lost_calls(&self) -> usize {
        self.calls.iter().filter(|call| call.status == Status::Broken).count()
    }

    fn changes(&self) -> impl Iterator<Item = &Commit> {
        self.commits.iter().filter(|commit| commit.parents.len() < 2)
    }

    fn authors<'b>(&'b self, issue: &'b str) -> impl Iterator<Item = &'b Run> {
        self.runs.iter().filter(move |run| run.purpose() == Purpose::Author && run.issue.id.as_str() == issue)
    }

    fn events(&self, run: &Run) -> impl Iterator<Item = &Event> {
        self.events[&run.id].iter().map(|stored| &stored.event)
    }

    fn lines(&self, run: &Run) -> Vec<String> {
        self.events(run).map(Event::line).collect()
    }

    /// From when to when each attempt of a run was claimed.
    fn spans(&self, run: &Run) -> Vec<(i64, i64)> {
        let (mut spans, mut since) = (vec![], None);
        for stored in &self.events[&run.id] {
            match stored.event {
                Event::AttemptClaimed { .. } => {
                    assert!(since.is_none(), "claimed while claimed: {:?}", self.lines(run));
                    since = Some(stored.at.0);
                }
                Event::AttemptFinished { .. } | Event::AttemptFailed { .. } | Event::Ended { .. } => {
                    spans.extend(since.take().map(|since| (since, stored.at.0)));
                }
                _ => {}
            }
        }
        spans
    }
}

fn head(run: &Run) -> Option<&Sha> {
    match run.outcome() {
        Some(Outcome::Landed { head, .. }) => Some(head),
        _ => None,
    }
}

/// Everything on main since the seed.
fn commits(world: &World) -> Vec<Commit> {
    let range = format!("{}..main", world.installation.seed);
    let format = "--format=%H%x1f%P%x1f%s%x1f%(trailers:key=Seawall-Run,valueonly,separator=%x2c)";
    let log = world.installation.git(&["log", format, &range]);
    let commit = |line: &str| {
        let [sha, parents, subject, run] = line.split('\x1f').collect::<Vec<_>>().try_into().unwrap();
        Commit {
            sha: sha.to_owned(),
            parents: parents.split(' ').map(str::to_owned).collect(),
            subject: subject.to_owned(),
            run: (!run.is_empty()).then(|| run.to_owned()),
        }
    };
    log.lines().map(commit).collect()
}

/// Names of control groups, `depth` levels down.
fn groups(dir: &Path, depth: u32) -> Vec<String> {
    let mut found = vec![];
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if depth > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.push(entry.file_name().to_string_lossy().into_owned());
            found.extend(groups(&entry.path(), depth - 1));
        }
    }
    found
}
