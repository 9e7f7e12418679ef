//! Control groups of Linux: where they are mounted, which we may use, and groups of processes made in them.
//!
//! Knows v2, v1 and the hybrid of both; nothing about what runs in a group. Invariants:
//! - mounts are found through `/proc/self/mountinfo`, never at a hard-coded path;
//! - a v2 group is always a leaf, below a directory of our own that holds no process itself (the kernel refuses
//!   controllers to a directory that has both processes and children);
//! - a group lies inside the group of whoever makes it, or beside it: a limit put on us holds for it as far as
//!   the kernel allows;
//! - `Group::limited` names only limits that were read back from the kernel;
//! - whoever made a group holds a lock on its directories as long as they live, so a directory without one is a
//!   leftover that may be removed when it is empty.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

mod layout;
mod limits;
mod lock;

use layout::Layout;
pub use limits::Limits;
use lock::Locks;

/// The directory, in every hierarchy, that holds our groups and nothing else.
const HOME: &str = "seawall";
/// Longest name of a group; the kernel allows 255 bytes for a file name.
const MAX_NAME_BYTES: usize = 128;
/// Groups looked at by one sweep: ten times the runs that may be live at once.
const MAX_SWEPT: usize = 100_000;
/// Another process may remove the empty home directory between our making it and using it.
const MAKE_ATTEMPTS: usize = 4;

/// The control groups this process may make.
#[derive(Clone, Debug, Default)]
pub struct Cgroups {
    kill_parent: Option<PathBuf>,
    limit_parents: BTreeMap<String, PathBuf>,
}

/// One group of processes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// The v2 directory with `cgroup.kill`, `cgroup.freeze` and `cgroup.events`; `None` without a usable v2.
    pub kill_dir: Option<PathBuf>,
    /// Directories (v1 or v2) that carry limits.
    pub limit_dirs: Vec<PathBuf>,
    /// The limits truly in force: `memory`, `pids`, `cpu`.
    pub limited: Vec<&'static str>,
    locks: Locks,
}

impl Cgroups {
    /// Looks at this machine. Never fails: what cannot be used is left out. Makes and removes an empty directory
    /// to see whether it may.
    pub fn discover() -> Cgroups {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let layout = Layout::parse(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"));
        let kill_parent =
            layout.unified.as_ref().and_then(|unified| best_kill_parent(&unified.own_and_above()));
        let usable = layout.controllers.into_iter().map(|(name, place)| (name, place.own()));
        let limit_parents = usable.filter(|(_, dir)| may_make_children(dir)).collect();
        Cgroups { kill_parent, limit_parents }
    }

    /// Whether a group made here can be frozen and killed as one: there is a writable v2 parent, and its
    /// children have `cgroup.kill` (Linux 5.14).
    pub fn can_kill(&self) -> bool {
        self.kill_parent.is_some()
    }

    /// Makes a group. `name` is one path component of letters, digits, `.`, `_` and `-`.
    ///
    /// A limit that cannot be enforced here is left out of [`Group::limited`]; the caller decides whether that is
    /// enough. Errors: `AlreadyExists` when a group of that name is there, `Unsupported` when this machine gives
    /// neither a kill directory nor any of the limits, otherwise what the kernel said.
    pub fn create(&self, name: &str, limits: Limits) -> io::Result<Group> {
        check_name(name)?;
        // Nobody sweeps until the group is locked itself.
        let _making: Vec<_> = self.parents().into_iter().map(|parent| lock::making(parent)).collect();
        let mut group = Group::default();
        if let Some(parent) = &self.kill_parent {
            group.kill_dir = Some(make_unified(parent, name)?);
        }
        for limit in limits.wanted() {
            let unified = group.kill_dir.clone().filter(|dir| limit.apply_v2(dir).is_ok());
            if let Some(dir) = unified.or_else(|| self.limit_v1(name, limit)) {
                if !group.limit_dirs.contains(&dir) {
                    group.limit_dirs.push(dir);
                }
                group.limited.push(limit.name());
            }
        }
        if group.kill_dir.is_none() && group.limit_dirs.is_empty() {
            let text = "no control group can be made here; run as root, or in a delegated cgroup (systemd Delegate=yes)";
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        match Locks::take(&group.dirs()) {
            Ok(locks) => Ok(Group { locks, ..group }),
            Err(error) => {
                group.remove();
                Err(error)
            }
        }
    }

    /// Removes the empty groups below our homes whose makers are gone, as a crash leaves them; how many. Groups with
    /// processes, and those of living makers, also of other installations, stay. Where a group is being made at this
    /// moment nothing is removed.
    pub fn sweep(&self) -> usize {
        self.parents().into_iter().map(|parent| sweep_below(parent)).sum()
    }

    /// Removes what is left of the group `name` when the process that made it was lost; whether nothing of it is
    /// there any more. A group that still has processes stays.
    pub fn remove_leftover(&self, name: &str) -> bool {
        let parents = self.kill_parent.iter().chain(self.limit_parents.values());
        check_name(name).is_err()
            || parents.filter(|parent| !remove_dirs(&parent.join(HOME).join(name))).count() == 0
    }

    fn parents(&self) -> BTreeSet<&PathBuf> {
        self.kill_parent.iter().chain(self.limit_parents.values()).collect()
    }

    fn limit_v1(&self, name: &str, limit: limits::Limit) -> Option<PathBuf> {
        let parent = self.limit_parents.get(limit.name())?;
        let dir = make_child(parent, name).or_else(|error| reuse_empty(parent, name, error)).ok()?;
        if limit.apply_v1(&dir).is_ok() {
            return Some(dir);
        }
        remove_dirs(&dir);
        None
    }
}

impl Group {
    /// The `cgroup.procs` files a process writes `0` into to join the group, kill directory first.
    pub fn procs_files(&self) -> Vec<PathBuf> {
        self.dirs().into_iter().map(|dir| dir.join("cgroup.procs")).collect()
    }

    /// Removes the group's directories; whether all are gone. A group that still has processes stays.
    pub fn remove(&self) -> bool {
        self.dirs().into_iter().filter(|dir| !remove_dirs(dir)).count() == 0
    }

    /// Processes the kernel killed because the group was out of memory; 0 when nobody counts.
    pub fn oom_kills(&self) -> u64 {
        let counters = ["memory.events", "memory.oom_control"];
        let texts = self.dirs().into_iter().flat_map(|dir| counters.map(|file| dir.join(file)));
        texts.filter_map(|path| keyed(&fs::read_to_string(path).ok()?, "oom_kill")).sum()
    }

    fn dirs(&self) -> Vec<&Path> {
        let limits = self.limit_dirs.iter().filter(|dir| Some(*dir) != self.kill_dir.as_ref());
        self.kill_dir.iter().chain(limits).map(PathBuf::as_path).collect()
    }
}

/// The number after `key` in a file of `key number` lines, such as `cgroup.events`.
pub fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

/// Of our own group and those above it, the one whose children get the most controllers; the nearest wins.
fn best_kill_parent(candidates: &[PathBuf]) -> Option<PathBuf> {
    let usable = candidates.iter().filter(|dir| may_make_children(dir) && children_can_be_killed(dir));
    // `max_by_key` keeps the last of equals, so the nearest goes last.
    usable.rev().max_by_key(|dir| limits::reachable_controllers(dir).len()).cloned()
}

fn sweep_below(parent: &Path) -> usize {
    let Some(_sweeping) = lock::sweeping(parent) else { return 0 };
    let groups = fs::read_dir(parent.join(HOME)).into_iter().flatten().flatten();
    let groups = groups.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).take(MAX_SWEPT);
    groups.filter(|entry| lock::is_leftover(&entry.path()) && remove_dirs(&entry.path())).count()
}

fn may_make_children(dir: &Path) -> bool {
    // Moving a process needs write access to the procs file of the nearest common parent, which is `dir`.
    let writable = |path: &Path| rustix::fs::access(path, Access::WRITE_OK).is_ok();
    writable(dir) && writable(&dir.join("cgroup.procs"))
}

fn children_can_be_killed(dir: &Path) -> bool {
    let probe = format!("probe-{}", crate::ids::Ids::random().next());
    let _making = lock::making(dir);
    let Ok(made) = make_child(dir, &probe) else { return false };
    let can = made.join("cgroup.kill").exists() && made.join("cgroup.freeze").exists();
    remove_dirs(&made);
    can
}

fn make_unified(parent: &Path, name: &str) -> io::Result<PathBuf> {
    make_in_home(parent, name, |home| {
        limits::enable_controllers(parent);
        limits::enable_controllers(home);
    })
}

fn make_child(parent: &Path, name: &str) -> io::Result<PathBuf> {
    make_in_home(parent, name, |_home| {})
}

fn make_in_home(parent: &Path, name: &str, prepare: impl Fn(&Path)) -> io::Result<PathBuf> {
    let home = parent.join(HOME);
    for _ in 0..MAKE_ATTEMPTS {
        make_dir_if_missing(&home)?;
        prepare(&home);
        match fs::create_dir(home.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            made => return made.map(|()| home.join(name)),
        }
    }
    Err(io::Error::new(io::ErrorKind::NotFound, "the directory for our control groups keeps disappearing"))
}

/// A v1 directory left over by a crash is as good as a new one, if nobody is in it.
fn reuse_empty(parent: &Path, name: &str, error: io::Error) -> io::Result<PathBuf> {
    let dir = parent.join(HOME).join(name);
    let empty = fs::read_to_string(dir.join("cgroup.procs")).is_ok_and(|procs| procs.is_empty());
    if error.kind() == io::ErrorKind::AlreadyExists && empty { Ok(dir) } else { Err(error) }
}

fn make_dir_if_missing(dir: &Path) -> io::Result<()> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Removes `dir`, and our home above it once that is empty; whether `dir` is gone.
fn remove_dirs(dir: &Path) -> bool {
    let gone = match fs::remove_dir(dir) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if let Some(home) = dir.parent().filter(|home| home.ends_with(HOME)) {
        // Refused while other groups are in it, which is what we want.
        let _ = fs::remove_dir(home);
    }
    gone
}

fn check_name(name: &str) -> io::Result<()> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    // Names that start with a dot, or look like the kernel's own files, could collide with them.
    let reserved = name.starts_with('.') || name.starts_with("cgroup.");
    if plain && !reserved && !name.is_empty() && name.len() <= MAX_NAME_BYTES {
        return Ok(());
    }
    let text = "a control group's name must be 1 to 128 letters, digits, '.', '_' or '-'";
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}

#[cfg(test)]
mod tests;
