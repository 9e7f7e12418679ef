//! A cgroup v2 directory, held open: a stop is one `write(2)` that cannot fail for want of memory, descriptors or
//! a path.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base::cgroup::keyed;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

/// Directories below the group that are looked through when its processes are counted. An agent may make some.
const MAX_DIRS: usize = 256;
/// `cgroup.events` has two short lines.
const EVENTS_BYTES: usize = 256;
/// `f_type` of a cgroup v2 file system (statfs(2)).
const CGROUP2_MAGIC: i64 = 0x6367_7270;

#[derive(Debug)]
pub(crate) struct Group {
    dir: PathBuf,
    freeze: File,
    kill: File,
    events: File,
}

/// What `cgroup.events` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub populated: bool,
    pub frozen: bool,
}

impl Group {
    /// Opens what a kill needs. Errors: why the directory cannot be used.
    pub fn open(dir: PathBuf) -> Result<Group, String> {
        let shown = dir.display();
        if !dir.is_absolute() {
            return Err(format!("kill_dir {shown} must be an absolute path"));
        }
        let handle = File::open(&dir).map_err(|error| format!("cannot open kill_dir {shown}: {error}"))?;
        let kind = rustix::fs::fstatfs(&handle).map(|stat| stat.f_type);
        if kind != Ok(CGROUP2_MAGIC) {
            return Err(format!("kill_dir {shown} is not a cgroup v2 directory"));
        }
        let open = |name: &str, options: &mut OpenOptions| {
            let path = dir.join(name);
            let flags = OFlags::NOFOLLOW.bits().cast_signed();
            options
                .custom_flags(flags)
                .open(path)
                .map_err(|error| format!("cannot open {shown}/{name}: {error}"))
        };
        let freeze = open("cgroup.freeze", OpenOptions::new().write(true))?;
        let kill = open("cgroup.kill", OpenOptions::new().write(true))?;
        let events = open("cgroup.events", OpenOptions::new().read(true))?;
        let group = Group { dir, freeze, kill, events };
        if group.pids().contains(&std::process::id()) {
            return Err(format!("kill_dir {} contains the kill plane itself", group.dir.display()));
        }
        Ok(group)
    }

    /// Asks the kernel to freeze the group; [`Group::state`] tells when it is. It stays frozen.
    pub fn freeze(&self) {
        // A removed group has nothing to freeze, and whatever else went wrong shows as "not frozen".
        let _ = self.freeze.write_at(b"1", 0);
    }

    /// Kills whatever is in the group, unless nothing is; whether nothing is.
    pub fn kill_and_look(&self) -> bool {
        if !self.state().populated {
            return true;
        }
        // Recursive, and safe against forks; a failure shows as "still populated".
        let _ = self.kill.write_at(b"1", 0);
        !self.state().populated
    }

    /// A group that was removed is empty: the kernel removes no other.
    pub fn state(&self) -> State {
        let mut buffer = [0; EVENTS_BYTES];
        match self.events.read_at(&mut buffer, 0) {
            Ok(length) => {
                let text = str::from_utf8(&buffer[..length]).unwrap_or_default();
                // Whatever cannot be read counts as alive.
                State {
                    populated: keyed(text, "populated") != Some(0),
                    frozen: keyed(text, "frozen") == Some(1),
                }
            }
            Err(error) => State { populated: !is_removed(&error), frozen: false },
        }
    }

    /// The processes in the group and below it.
    pub fn pids(&self) -> Vec<u32> {
        let mut pids = Vec::new();
        let mut dirs = vec![self.dir.clone()];
        for at in 0..MAX_DIRS {
            let Some(dir) = dirs.get(at).cloned() else { break };
            let procs = std::fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
            pids.extend(procs.lines().filter_map(|line| line.parse::<u32>().ok()));
            dirs.extend(children(&dir));
        }
        pids
    }
}

/// Waits until the state of one of `groups` may have changed since it was read, until one of the processes behind
/// `pidfds` has ended, or until `patience` ends.
pub(crate) fn wait_for_change<'a>(
    groups: impl Iterator<Item = &'a Group>,
    pidfds: &[OwnedFd],
    patience: Duration,
) {
    let mut polled: Vec<_> = groups.map(|group| PollFd::new(&group.events, PollFlags::PRI)).collect();
    polled.extend(pidfds.iter().map(|pidfd| PollFd::new(pidfd, PollFlags::IN)));
    let timeout = Timespec { tv_sec: 0, tv_nsec: patience.subsec_nanos().into() };
    // Interrupted or not, the caller looks again; its deadline bounds the loop.
    let _ = poll(&mut polled, Some(&timeout));
}

fn children(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

fn is_removed(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error())
}
