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
use tree::{Look, Tree};

/// How long to wait for "frozen" before killing anyway. A process in uninterruptible IO may not freeze at all.
const FREEZE_PATIENCE: Duration = Duration::from_millis(250);
/// How long to wait for the last process to be gone.
const DEATH_PATIENCE: Duration = Duration::from_secs(2);
/// The longest sleep between two looks; also what a missed notification costs at most.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Descendants give no notice when they die, so they are looked at this often.
const LOOK_AT_TREES: Duration = Duration::from_millis(5);

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
    pub fn tree(pid: u32) -> Result<Target, String> {
        Tree::open(pid).map(Target::Tree)
    }

    pub fn is_alive(&self) -> bool {
        match self {
            Target::Group(group) => group.state().populated,
            Target::Tree(tree) => tree.root_is_alive(),
        }
    }
}

/// Kills all processes of all `runs` and says of each what was proved. Blocks for at most some three seconds.
pub(crate) fn kill(runs: &[Arc<Run>]) -> Vec<RunReceipt> {
    let start = Instant::now();
    let mut victims: Vec<Victim<'_>> = runs.iter().map(|run| Victim::new(run)).collect();
    freeze(&mut victims, start);
    let deadline = Instant::now() + DEATH_PATIENCE;
    loop {
        strike(&mut victims, start);
        let living = || victims.iter().filter(|victim| victim.receipt.dead_us.is_none());
        let hopeless = living().all(|victim| victim.receipt.why.is_some());
        if hopeless || Instant::now() >= deadline {
            break;
        }
        let trees = living().any(|victim| victim.tree().is_some());
        let pause = if trees { LOOK_AT_TREES } else { LOOK_AGAIN };
        group::wait_for_change(living().filter_map(|victim| victim.group()), pause);
    }
    victims.into_iter().map(Victim::finish).collect()
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
        match &self.run.target {
            Target::Tree(tree) => Some(tree),
            Target::Group(_) => None,
        }
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
        group::wait_for_change(groups.into_iter(), LOOK_AGAIN);
    }
}

fn freeze_trees(victims: &mut [Victim<'_>], start: Instant) {
    let mut open: Vec<_> =
        victims.iter_mut().filter(|victim| victim.is_open() && victim.tree().is_some()).collect();
    if open.is_empty() {
        return;
    }
    for (round, deadline) in std::iter::repeat(start + FREEZE_PATIENCE).enumerate() {
        let processes = procfs::snapshot();
        let mut moving = false;
        for victim in &mut open {
            let Some(tree) = victim.tree() else { continue };
            let seen = tree.freeze(&processes);
            if round == 0 {
                victim.receipt.processes_before = seen.alive;
                victim.receipt.why = seen.lost.then(|| tree::LOST.to_owned());
            }
            if seen.moving == 0 && seen.alive > 0 && victim.receipt.frozen_us.is_none() {
                victim.receipt.frozen_us = Some(micros(start));
            }
            moving |= seen.moving > 0;
        }
        if !moving || Instant::now() >= deadline {
            return;
        }
    }
}

/// One blow at everything that is not proved dead, and one look at what came of the last.
fn strike(victims: &mut [Victim<'_>], start: Instant) {
    let trees = victims.iter().any(|victim| victim.is_open() && victim.tree().is_some());
    let processes = if trees { procfs::snapshot() } else { Vec::new() };
    for victim in victims.iter_mut().filter(|victim| victim.receipt.dead_us.is_none()) {
        let look = match &victim.run.target {
            Target::Group(group) if group.kill_and_look() => Look::Dead,
            Target::Group(_) => Look::Alive,
            Target::Tree(_) if victim.receipt.why.is_some() => Look::Lost,
            Target::Tree(tree) => tree.kill_and_look(&processes),
        };
        match look {
            Look::Alive => {}
            Look::Dead => victim.died(start),
            Look::Lost => victim.receipt.why = Some(tree::LOST.to_owned()),
        }
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
