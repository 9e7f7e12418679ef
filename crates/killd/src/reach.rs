//! Freezing, killing, and proving it.
//!
//! All runs are frozen before the first is killed, so that none can react to the death of another. Invariants:
//! - everything here is bounded in time and blocks: call it from a blocking thread;
//! - `dead_us` is set only when the kernel said that no process of the run is left.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::protocol::RunReceipt;
use crate::runs::Run;

mod group;
mod procfs;
mod tree;

use group::Group;
use tree::Look;
pub(crate) use tree::{Shape, Tree};

/// How long to wait for "frozen" before killing anyway. A process in uninterruptible IO may not freeze at all.
const FREEZE_PATIENCE: Duration = Duration::from_millis(250);
/// The same for trees. Longer, because a tree that did not stand still can lose its first process to another hand,
/// and with it the proof; on a machine with far too much to do a stop takes its turn on a CPU.
const FREEZE_TREES_PATIENCE: Duration = Duration::from_secs(1);
/// A stop takes effect when its process is next on a CPU: left to it between two looks.
const STOP_PAUSE: Duration = Duration::from_millis(1);
/// How long to wait for the last process to be gone.
const DEATH_PATIENCE: Duration = Duration::from_secs(2);
/// The longest sleep between two looks; also what a missed notification costs at most.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Until nobody in a tree can start another process, it is looked at this often.
const LOOK_AT_TREES: Duration = Duration::from_millis(5);
/// A run's first process may end in order just before a stop; how long its supervisor may take to say so.
const RELEASE_PATIENCE: Duration = Duration::from_millis(500);

/// How the processes of a run are reached.
#[derive(Debug)]
pub(crate) enum Target {
    Group(Group),
    Tree(Tree),
}

impl Target {
    /// A cgroup v2 directory. Errors: why it cannot be used.
    pub fn group(dir: PathBuf) -> Result<Target, String> {
        Group::open(dir).map(Target::Group)
    }

    /// A process and its descendants. Errors: why it cannot be used.
    pub fn tree(pid: u32, shape: Shape) -> Result<Target, String> {
        Tree::open(pid, shape).map(Target::Tree)
    }

    pub fn is_alive(&self) -> bool {
        match self {
            Target::Group(group) => group.state().populated,
            Target::Tree(tree) => tree.is_alive(),
        }
    }
}

/// Kills all processes of all `runs` and says of each what was proved. Blocks for at most some four seconds.
pub(crate) fn kill(runs: &[Arc<Run>]) -> Vec<RunReceipt> {
    let start = Instant::now();
    let mut victims: Vec<Victim<'_>> = runs.iter().map(|run| Victim::new(run)).collect();
    freeze(&mut victims, start);
    let deadline = Instant::now() + DEATH_PATIENCE;
    loop {
        strike(&mut victims, start);
        let living = || victims.iter().filter(|victim| victim.is_open());
        if living().next().is_none() || Instant::now() >= deadline {
            break;
        }
        wait_for_change(living());
    }
    victims.into_iter().map(Victim::finish).collect()
}

/// Waits until a look at one of them may see something new.
fn wait_for_change<'a, 'b: 'a>(living: impl Iterator<Item = &'a Victim<'b>> + Clone) {
    let open_tree = living.clone().filter_map(|victim| victim.tree()).any(|tree| !tree.closed());
    let pause = if open_tree { LOOK_AT_TREES } else { LOOK_AGAIN };
    let deaths: Vec<_> =
        living.clone().filter_map(|victim| victim.tree()).filter_map(Tree::someone_alive).collect();
    group::wait_for_change(living.filter_map(|victim| victim.group()), &deaths, pause);
}

struct Victim<'a> {
    run: &'a Run,
    receipt: RunReceipt,
}

impl<'a> Victim<'a> {
    fn new(run: &'a Run) -> Victim<'a> {
        let receipt = RunReceipt {
            run: run.id.clone(),
            fence: run.fence,
            processes_before: 0,
            frozen_us: None,
            dead_us: run.is_proved_dead().then_some(0),
            why: None,
        };
        Victim { run, receipt }
    }

    fn group(&self) -> Option<&'a Group> {
        match &self.run.target {
            Target::Group(group) => Some(group),
            Target::Tree(_) => None,
        }
    }

    fn tree(&self) -> Option<&'a Tree> {
        self.run.tree()
    }

    fn is_open(&self) -> bool {
        self.receipt.dead_us.is_none() && self.receipt.why.is_none()
    }

    fn died(&mut self, start: Instant) {
        self.receipt.dead_us = Some(micros(start));
        self.run.mark_dead();
    }

    fn finish(mut self) -> RunReceipt {
        if self.receipt.dead_us.is_none() && self.receipt.why.is_none() {
            let patience = DEATH_PATIENCE.as_secs();
            self.receipt.why =
                Some(format!("processes were still alive {patience} s after the kill; stop it again"));
        }
        self.receipt
    }
}

fn freeze(victims: &mut [Victim<'_>], start: Instant) {
    // First the one write per group that stops most, then everything that takes a look.
    for group in victims.iter().filter(|victim| victim.is_open()).filter_map(|victim| victim.group()) {
        group.freeze();
    }
    freeze_trees(victims, start);
    for victim in victims.iter_mut().filter(|victim| victim.is_open()) {
        if let Some(group) = victim.group() {
            victim.receipt.processes_before = group.pids().len() as u64;
        }
    }
    let deadline = start + FREEZE_PATIENCE;
    loop {
        for victim in victims.iter_mut().filter(|victim| victim.is_open()) {
            let Some(state) = victim.group().map(Group::state) else { continue };
            if state.frozen && state.populated && victim.receipt.frozen_us.is_none() {
                victim.receipt.frozen_us = Some(micros(start));
            }
            if !state.populated {
                victim.died(start);
            }
        }
        let moving =
            || victims.iter().filter(|victim| victim.is_open() && victim.receipt.frozen_us.is_none());
        let groups: Vec<_> = moving().filter_map(|victim| victim.group()).collect();
        if groups.is_empty() || Instant::now() >= deadline {
            return;
        }
        group::wait_for_change(groups.into_iter(), &[], LOOK_AGAIN);
    }
}

fn freeze_trees(victims: &mut [Victim<'_>], start: Instant) {
    let mut open: Vec<_> =
        victims.iter_mut().filter(|victim| victim.is_open() && victim.tree().is_some()).collect();
    if open.is_empty() {
        return;
    }
    let deadline = start + FREEZE_TREES_PATIENCE;
    loop {
        let processes = procfs::snapshot();
        let mut moving = false;
        for victim in &mut open {
            let Some(tree) = victim.tree() else { continue };
            let seen = tree.freeze(&processes);
            victim.receipt.processes_before = victim.receipt.processes_before.max(seen.alive);
            if seen.closed && seen.alive > 0 && victim.receipt.frozen_us.is_none() {
                victim.receipt.frozen_us = Some(micros(start));
            }
            moving |= !seen.closed && !seen.lost;
        }
        if !moving || Instant::now() >= deadline {
            return;
        }
        std::thread::sleep(STOP_PAUSE);
    }
}

/// One blow at everything that is not proved dead, and one look at what came of the last.
fn strike(victims: &mut [Victim<'_>], start: Instant) {
    let open_tree =
        |victim: &Victim<'_>| victim.is_open() && victim.tree().is_some_and(|tree| !tree.closed());
    let processes = if victims.iter().any(open_tree) { procfs::snapshot() } else { Vec::new() };
    for victim in victims.iter_mut().filter(|victim| victim.is_open()) {
        let look = match &victim.run.target {
            Target::Group(group) if group.kill_and_look() => Look::Dead,
            Target::Group(_) => Look::Alive,
            Target::Tree(tree) => tree.kill_and_look(&processes),
        };
        match look {
            Look::Dead => victim.died(start),
            Look::Lost if start.elapsed() >= RELEASE_PATIENCE => {
                victim.receipt.why = Some(tree::LOST.to_owned());
            }
            Look::Alive | Look::Lost => {}
        }
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
