//! A process and its descendants, where there is no cgroup.
//!
//! The first process must be a child subreaper, so that a child that loses its parent becomes its child whatever
//! session it opened, or else the parent of a pid namespace that holds all others ([`Shape`]). Invariants:
//! - the first process is stopped first and killed last, so no descendant leaves the tree by our hand;
//! - a process is signalled and waited for through a pidfd opened for exactly it, so a reused pid is never hit, and
//!   whoever reaps it takes no proof away;
//! - the tree is proved dead when it was closed (nobody in it could start another process any more) and every pidfd
//!   says that its process has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::procfs::{self, Process};

/// Said of a tree whose first process ended before the kill.
pub(crate) const LOST: &str = "the run's first process had already ended, so children it left cannot be found; \
                               look for them by hand, and use a cgroup to make this impossible";

/// Looks in a row that must find nobody new and nobody moving before a tree is closed: a single one is not of one
/// moment. In the second, everybody known stood still from before its start, so whoever they started is found.
const QUIET_LOOKS: u8 = 2;

/// What the first process is to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A child subreaper.
    Subreaper,
    /// The trusted parent of the init of a pid namespace, in which everything else is: when that init is dead, the
    /// kernel has killed all of them.
    Namespace,
}

#[derive(Debug)]
pub(crate) struct Tree {
    root: u32,
    pidfd: OwnedFd,
    shape: Shape,
    members: Mutex<Members>,
    released: AtomicBool,
}

/// The first process and when it started are not in here: they have a pidfd of their own.
#[derive(Debug, Default)]
struct Members {
    /// By pid and start.
    held: BTreeMap<(u32, u64), Member>,
    /// Whether the init of the namespace was ever held.
    init_seen: bool,
    quiet: u8,
    closed: bool,
}

#[derive(Debug)]
struct Member {
    pidfd: OwnedFd,
    killed: bool,
}

/// What a blow came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Alive,
    Dead,
    /// The first process ended by another hand before the others could be held.
    Lost,
}

/// What a round of freezing saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub alive: u64,
    /// Nobody in it can start another process.
    pub closed: bool,
    /// The first process is gone, and with it the way to find the others.
    pub lost: bool,
}

impl Tree {
    /// Opens a descriptor of process `pid`. Errors: why it cannot be used.
    pub fn open(pid: u32, shape: Shape) -> Result<Tree, String> {
        let own = [0, 1, std::process::id()];
        let known = raw(pid).filter(|_| !own.contains(&pid));
        let known = known.ok_or_else(|| format!("pid {pid} cannot be the first process of a run"))?;
        let pidfd = pidfd_open(known, PidfdFlags::empty())
            .map_err(|error| format!("cannot open process {pid}: {error}; register it while it lives"))?;
        let (members, released) = (Mutex::default(), AtomicBool::new(false));
        let tree = Tree { root: pid, pidfd, shape, members, released };
        let processes = procfs::snapshot();
        if tree.below(&processes, &Members::default()).iter().any(|process| process.pid == std::process::id())
        {
            return Err(format!("process {pid} is an ancestor of the kill plane itself"));
        }
        Ok(tree)
    }

    /// Whether any process known of it lives.
    pub fn is_alive(&self) -> bool {
        self.root_is_alive() || self.members().held.values().any(Member::is_alive)
    }

    /// Its supervisor says that its processes are gone: whoever supervises a subreaper has seen how it ended.
    pub fn release(&self) {
        self.released.store(true, Ordering::Release);
    }

    /// Looks for the init of the namespace, to hold it from early on: its parent may die before a kill. Whether
    /// there is nothing to look for any more.
    pub fn find_init(&self) -> bool {
        let mut members = self.members();
        if self.shape == Shape::Subreaper || members.init_seen || !self.root_is_alive() {
            return true;
        }
        let processes = procfs::snapshot();
        let inits = processes.iter().filter(|process| process.parent == self.root);
        for process in inits.filter(|process| procfs::is_init(process.pid)) {
            members.hold(process);
            members.init_seen = true;
        }
        members.init_seen
    }

    /// Stops everything in `processes` that belongs to the tree and is not stopped.
    pub fn freeze(&self, processes: &[Process]) -> Seen {
        let mut members = self.members();
        self.look(&mut members, processes, Signal::STOP);
        let root = u64::from(self.root_is_alive());
        let lost = root == 0 && !self.is_closed(&members);
        Seen { alive: root + members.living(), closed: self.is_closed(&members), lost }
    }

    /// Kills the descendants in `processes`, and the first process with the last of them.
    pub fn kill_and_look(&self, processes: &[Process]) -> Look {
        let mut members = self.members();
        if !self.is_closed(&members) {
            self.look(&mut members, processes, Signal::KILL);
        }
        members.kill();
        if self.is_closed(&members) {
            let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
        }
        let over = !self.root_is_alive() && members.living() == 0;
        match (over, self.is_closed(&members)) {
            (false, _) => Look::Alive,
            (true, true) => Look::Dead,
            // Its supervisor saw it end in order, and nothing that we held is left.
            (true, false) if self.released.load(Ordering::Acquire) => Look::Dead,
            (true, false) => Look::Lost,
        }
    }

    /// Whether nobody in it can start another process, so that a look at all processes has nothing to find.
    pub fn closed(&self) -> bool {
        self.is_closed(&self.members())
    }

    /// A process of it that is not known to be dead. Its descriptor becomes readable when it has ended.
    pub fn someone_alive(&self) -> Option<OwnedFd> {
        let members = self.members();
        let mut held = members.held.values().filter(|member| member.is_alive()).map(|member| &member.pidfd);
        let someone = held.next().or_else(|| self.root_is_alive().then_some(&self.pidfd))?;
        someone.try_clone().ok()
    }

    /// Holds and stops whoever is new, and finds out whether the tree is closed.
    fn look(&self, members: &mut Members, processes: &[Process], blow: Signal) {
        if self.root_is_alive() {
            // It goes first: while it stands still, it starts nothing and leaves nobody behind.
            let _ = pidfd_send_signal(&self.pidfd, Signal::STOP);
        }
        let is_stopped = |pid: u32| {
            let found = processes.iter().find(|process| process.pid == pid);
            found.is_some_and(Process::is_stopped)
        };
        let mut quiet = is_stopped(self.root);
        for process in self.below(processes, members).into_iter().filter(|process| !process.is_dead()) {
            let key = (process.pid, process.started);
            if !members.held.contains_key(&key) {
                quiet = false;
                // Not held: it has just ended, or we are short of descriptors; a later look tells.
                members.hold(process);
            }
            let Some(member) = members.held.get_mut(&key) else { continue };
            // Whoever has a deadly signal pending can start nobody either.
            quiet &= process.is_stopped() || member.killed;
            member.send(blow);
        }
        // A death moves children from one parent to another, so this look may have missed some.
        quiet &= members.forget_dead() == 0;
        members.init_seen |= self.shape == Shape::Namespace
            && processes.iter().any(|process| {
                process.parent == self.root
                    && members.held.contains_key(&(process.pid, process.started))
                    && procfs::is_init(process.pid)
            });
        // Only if the first process lived through it all did nobody leave the tree.
        members.quiet = if quiet && self.root_is_alive() { members.quiet.saturating_add(1) } else { 0 };
        members.closed |= members.quiet >= QUIET_LOOKS;
    }

    fn is_closed(&self, members: &Members) -> bool {
        // The parent of the namespace starts nobody else, so dead it leaves nobody but the init.
        members.closed || members.init_seen && !self.root_is_alive()
    }

    /// Everything below the first process and below those that are held, dead or alive.
    fn below<'a>(&self, processes: &'a [Process], members: &Members) -> Vec<&'a Process> {
        let mut children: BTreeMap<u32, Vec<&Process>> = BTreeMap::new();
        for process in processes {
            children.entry(process.parent).or_default().push(process);
        }
        let is_held = |process: &&Process| members.held.contains_key(&(process.pid, process.started));
        let mut found: Vec<&Process> = processes.iter().filter(is_held).collect();
        if self.root_is_alive() {
            // Alive after the snapshot was taken, so the pid in it was no other process's.
            found.extend(children.get(&self.root).into_iter().flatten());
        }
        let mut seen = BTreeSet::new();
        found.retain(|process| seen.insert(process.pid));
        let mut at = 0;
        while let Some(parent) = found.get(at) {
            let next = children.get(&parent.pid).into_iter().flatten();
            // The snapshot is not of one moment: with reused pids it could contain a circle.
            found.extend(next.filter(|process| seen.insert(process.pid)).copied().collect::<Vec<_>>());
            at += 1;
        }
        found
    }

    fn root_is_alive(&self) -> bool {
        !has_ended(&self.pidfd)
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    fn hold(&mut self, process: &Process) {
        let own = std::process::id();
        let Some(pid) = raw(process.pid).filter(|_| process.pid != own) else { return };
        let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return };
        // Between the look and the open the pid may have gone to somebody else.
        if procfs::read(process.pid).is_some_and(|now| now.started == process.started) {
            let member = Member { pidfd, killed: false };
            self.held.entry((process.pid, process.started)).or_insert(member);
        }
    }

    fn kill(&mut self) {
        self.held.values_mut().for_each(|member| member.send(Signal::KILL));
    }

    /// Lets go of those that have ended; how many.
    fn forget_dead(&mut self) -> usize {
        let before = self.held.len();
        self.held.retain(|_, member| member.is_alive());
        before - self.held.len()
    }

    fn living(&self) -> u64 {
        self.held.values().filter(|member| member.is_alive()).count() as u64
    }
}

impl Member {
    fn is_alive(&self) -> bool {
        !has_ended(&self.pidfd)
    }

    fn send(&mut self, signal: Signal) {
        // A failure shows as "still alive".
        let sent = pidfd_send_signal(&self.pidfd, signal).is_ok();
        self.killed |= sent && signal == Signal::KILL;
    }
}

/// A pidfd becomes readable when its process, all its threads, have ended; reaped or not.
fn has_ended(pidfd: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(pidfd, PollFlags::IN)];
    matches!(poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(1..))
}

fn raw(pid: u32) -> Option<Pid> {
    pid.try_into().ok().and_then(Pid::from_raw)
}
