//! Limits of a group, in the words of v1 and v2.

use std::fs;
use std::io;
use std::path::Path;

/// Length of one CPU accounting period in microseconds: the kernel's default.
const CPU_PERIOD_US: u64 = 100_000;
/// The kernel rounds memory down to whole pages; the largest page size of a supported machine is 64 KiB.
const MEMORY_ROUNDING_BYTES: u64 = 64 * 1024;
const CONTROLLERS: [&str; 3] = ["memory", "pids", "cpu"];

/// What a group may use. `None`: no limit of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Memory, swap included, in bytes.
    pub memory_bytes: Option<u64>,
    /// Processes and threads alive at once.
    pub pids: Option<u32>,
    /// CPU time in percent of one CPU: 150 is one and a half.
    pub cpu_percent: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    MemoryBytes(u64),
    Pids(u32),
    CpuPercent(u32),
}

impl Limits {
    pub(super) fn wanted(self) -> impl Iterator<Item = Limit> {
        let memory = self.memory_bytes.map(Limit::MemoryBytes);
        let pids = self.pids.map(Limit::Pids);
        let cpu = self.cpu_percent.map(Limit::CpuPercent);
        [memory, pids, cpu].into_iter().flatten()
    }
}

impl Limit {
    /// The controller that enforces it, in both versions.
    pub fn name(self) -> &'static str {
        match self {
            Limit::MemoryBytes(_) => "memory",
            Limit::Pids(_) => "pids",
            Limit::CpuPercent(_) => "cpu",
        }
    }

    /// Sets and reads back the limit in a v2 directory; an error when its controller is not enabled there.
    pub fn apply_v2(self, dir: &Path) -> io::Result<()> {
        match self {
            Limit::MemoryBytes(bytes) => {
                set(dir, "memory.max", bytes)?;
                // Without this, memory beyond the limit only moves to swap. Absent when there is no swap.
                let _ = set(dir, "memory.swap.max", 0);
                in_force(dir, "memory.max", bytes, MEMORY_ROUNDING_BYTES)
            }
            Limit::Pids(pids) => pids_limit(dir, pids),
            Limit::CpuPercent(percent) => {
                let wanted = format!("{} {CPU_PERIOD_US}", quota_us(percent));
                set(dir, "cpu.max", &wanted)?;
                same(read(dir, "cpu.max")?.as_str() == wanted)
            }
        }
    }

    /// Sets and reads back the limit in a directory of its v1 controller.
    pub fn apply_v1(self, dir: &Path) -> io::Result<()> {
        match self {
            Limit::MemoryBytes(bytes) => {
                set(dir, "memory.limit_in_bytes", bytes)?;
                // Memory and swap together; absent when the kernel does not account swap.
                let _ = set(dir, "memory.memsw.limit_in_bytes", bytes);
                in_force(dir, "memory.limit_in_bytes", bytes, MEMORY_ROUNDING_BYTES)
            }
            Limit::Pids(pids) => pids_limit(dir, pids),
            Limit::CpuPercent(percent) => {
                set(dir, "cpu.cfs_period_us", CPU_PERIOD_US)?;
                set(dir, "cpu.cfs_quota_us", quota_us(percent))?;
                in_force(dir, "cpu.cfs_quota_us", quota_us(percent), 0)
            }
        }
    }
}

/// The controllers that children of `dir` have, or would have after [`enable_controllers`].
pub(super) fn reachable_controllers(dir: &Path) -> Vec<&'static str> {
    let enabled = read(dir, "cgroup.subtree_control").unwrap_or_default();
    // The kernel's root is the only v2 group without `cgroup.type`, and the only one that may have both
    // processes and controllers for its children.
    let is_root = !dir.join("cgroup.type").exists();
    let empty = read(dir, "cgroup.procs").is_ok_and(|procs| procs.is_empty());
    let available = read(dir, "cgroup.controllers").unwrap_or_default();
    let has = |text: &str, name: &str| text.split_whitespace().any(|one| one == name);
    let reachable = |name: &&str| has(&enabled, name) || (is_root || empty) && has(&available, name);
    CONTROLLERS.into_iter().filter(|name| reachable(name)).collect()
}

/// Asks for our controllers in the children of the v2 directory `dir`. One that is refused is simply not there
/// when a limit is set, and then reported as not in force.
pub(super) fn enable_controllers(dir: &Path) {
    let enabled = read(dir, "cgroup.subtree_control").unwrap_or_default();
    for name in CONTROLLERS.iter().filter(|name| !enabled.split_whitespace().any(|one| one == **name)) {
        let _ = set(dir, "cgroup.subtree_control", format!("+{name}"));
    }
}

fn pids_limit(dir: &Path, pids: u32) -> io::Result<()> {
    set(dir, "pids.max", pids)?;
    in_force(dir, "pids.max", u64::from(pids), 0)
}

fn quota_us(percent: u32) -> u64 {
    // The kernel refuses less than a millisecond per period.
    (u64::from(percent) * CPU_PERIOD_US / 100).max(1_000)
}

fn in_force(dir: &Path, file: &str, wanted: u64, rounding: u64) -> io::Result<()> {
    let got: u64 = read(dir, file)?.parse().map_err(io::Error::other)?;
    same(got <= wanted && wanted - got <= rounding)
}

fn same(holds: bool) -> io::Result<()> {
    if holds { Ok(()) } else { Err(io::Error::other("the kernel did not keep the limit")) }
}

fn read(dir: &Path, file: &str) -> io::Result<String> {
    fs::read_to_string(dir.join(file)).map(|text| text.trim().to_owned())
}

fn set(dir: &Path, file: &str, value: impl ToString) -> io::Result<()> {
    // Opened without create: a missing control file is an error, not a new file.
    let mut open = fs::OpenOptions::new();
    let mut control = open.write(true).open(dir.join(file))?;
    io::Write::write_all(&mut control, value.to_string().as_bytes())
}
