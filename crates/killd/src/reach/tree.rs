//! A process and its descendants, where there is no cgroup.
//!
//! The first process must be a child subreaper: a child that loses its parent becomes its child, whatever session
//! it opened. Invariants:
//! - the first process is stopped first and killed last, so no descendant ever leaves the tree;
//! - a process is signalled through a pidfd opened for exactly it, so a reused pid is never hit.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::procfs::{self, Process};

/// Said of a tree whose first process ended before the kill.
pub(crate) const LOST: &str = "the run's first process had already ended, so children it left cannot be found; \
                               look for them by hand, and use a cgroup to make this impossible";

/// Looks in a row that must find no descendant before the first process dies: a single one is not of one moment and
/// may miss a process that was just started.
const EMPTY_LOOKS: u8 = 2;

#[derive(Debug)]
pub(crate) struct Tree {
    root: u32,
    pidfd: OwnedFd,
    empty_looks: AtomicU8,
    root_killed: AtomicBool,
}

/// What a blow came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Alive,
    Dead,
    /// The first process ended by another hand: its descendants cannot be found any more.
    Lost,
}

/// What a round of freezing saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub alive: u64,
    /// Of these, those that were not stopped yet.
    pub moving: u64,
    /// The first process is gone, and with it the way to find the others.
    pub lost: bool,
}

impl Tree {
    /// Opens a descriptor of process `pid`. Errors: why it cannot be used.
    pub fn open(pid: u32) -> Result<Tree, String> {
        let own = [0, 1, std::process::id()];
        let known = pid.try_into().ok().and_then(Pid::from_raw).filter(|_| !own.contains(&pid));
        let known = known.ok_or_else(|| format!("pid {pid} cannot be the first process of a run"))?;
        let pidfd = pidfd_open(known, PidfdFlags::empty())
            .map_err(|error| format!("cannot open process {pid}: {error}; register it while it lives"))?;
        let tree =
            Tree { root: pid, pidfd, empty_looks: AtomicU8::new(0), root_killed: AtomicBool::new(false) };
        if tree.descendants(&procfs::snapshot()).iter().any(|process| process.pid == std::process::id()) {
            return Err(format!("process {pid} is an ancestor of the kill plane itself"));
        }
        Ok(tree)
    }

    /// Whether the first process lives. A pidfd becomes readable when its process has ended.
    pub fn root_is_alive(&self) -> bool {
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
        !matches!(poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(1..))
    }

    /// Stops everything in `processes` that belongs to the tree and is not stopped.
    pub fn freeze(&self, processes: &[Process]) -> Seen {
        if !self.root_is_alive() {
            return Seen { lost: !self.root_killed.load(Ordering::Acquire), ..Seen::default() };
        }
        // It goes first: while it stands still, it starts nothing and leaves nobody behind.
        let _ = pidfd_send_signal(&self.pidfd, Signal::STOP);
        let root = processes.iter().find(|process| process.pid == self.root);
        let mut seen =
            Seen { alive: 1, moving: root.is_none_or(|root| !root.is_stopped()).into(), lost: false };
        for process in self.descendants(processes).iter().filter(|process| !process.is_dead()) {
            seen.alive += 1;
            if !process.is_stopped() {
                seen.moving += 1;
                signal(process, Signal::STOP);
            }
        }
        seen
    }

    /// Kills the descendants in `processes`, and the first process once there are none.
    pub fn kill_and_look(&self, processes: &[Process]) -> Look {
        if !self.root_is_alive() {
            let ours = self.root_killed.load(Ordering::Acquire);
            return if ours { Look::Dead } else { Look::Lost };
        }
        let _ = pidfd_send_signal(&self.pidfd, Signal::STOP);
        let living: Vec<_> =
            self.descendants(processes).into_iter().filter(|process| !process.is_dead()).collect();
        if !living.is_empty() {
            self.empty_looks.store(0, Ordering::Release);
            living.into_iter().for_each(|process| signal(process, Signal::KILL));
        } else if self.empty_looks.fetch_add(1, Ordering::AcqRel).saturating_add(1) >= EMPTY_LOOKS {
            self.root_killed.store(true, Ordering::Release);
            let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
        }
        Look::Alive
    }

    /// Everything below the first process, dead or alive.
    fn descendants<'a>(&self, processes: &'a [Process]) -> Vec<&'a Process> {
        let mut children: BTreeMap<u32, Vec<&Process>> = BTreeMap::new();
        for process in processes {
            children.entry(process.parent).or_default().push(process);
        }
        let mut found: Vec<&Process> = children.get(&self.root).cloned().unwrap_or_default();
        let mut seen: BTreeSet<u32> = found.iter().map(|process| process.pid).collect();
        let mut at = 0;
        while let Some(parent) = found.get(at) {
            let next = children.get(&parent.pid).into_iter().flatten();
            // The snapshot is not of one moment: with reused pids it could contain a circle.
            found.extend(next.filter(|process| seen.insert(process.pid)).copied().collect::<Vec<_>>());
            at += 1;
        }
        found
    }
}

fn signal(process: &Process, signal: Signal) {
    let own = std::process::id();
    let Some(pid) = process.pid.try_into().ok().and_then(Pid::from_raw).filter(|_| process.pid != own) else {
        return;
    };
    let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return };
    // Between the look and the open the pid may have gone to somebody else.
    if procfs::read(process.pid).is_some_and(|now| now.started == process.started) {
        // A failure shows as "still alive".
        let _ = pidfd_send_signal(&pidfd, signal);
    }
}
