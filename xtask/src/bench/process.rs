//! Processes as /proc shows them.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// Ticks of a second in /proc/PID/stat; fixed in Linux's interface to programs.
const TICKS: u64 = 100;

/// One process.
pub(super) struct Process {
    pub(super) pid: u32,
    parent: u32,
    /// Its command line, with blanks.
    pub(super) command: String,
}

/// Processor time.
#[derive(Clone, Copy, Default)]
pub(super) struct Cpu {
    /// Spent by the process itself.
    pub(super) own: Duration,
    /// Spent by children that ended and were waited for, and theirs.
    pub(super) children: Duration,
}

/// Every descendant of `root`.
pub(super) fn descendants(root: u32) -> Vec<Process> {
    let mut by_parent: BTreeMap<u32, Vec<Process>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Some(fields) = stat(pid) else { continue };
        let Some(parent) = fields.get(1).and_then(|field| field.parse().ok()) else { continue };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&line).replace('\0', " ");
        by_parent.entry(parent).or_default().push(Process { pid, parent, command });
    }
    let (mut found, mut roots) = (vec![], vec![root]);
    while let Some(parent) = roots.pop() {
        for child in by_parent.remove(&parent).unwrap_or_default() {
            roots.push(child.pid);
            found.push(child);
        }
    }
    found
}

impl Process {
    /// Whether `other` started it.
    pub(super) fn is_child_of(&self, other: u32) -> bool {
        self.parent == other
    }
}

/// Resident memory now, KiB; 0 for a process that is gone.
pub(super) fn resident(pid: u32) -> u64 {
    status(pid, "VmRSS:")
}

/// The most memory that was resident, KiB.
pub(super) fn peak(pid: u32) -> u64 {
    status(pid, "VmHWM:")
}

/// Memory that would be free without the process, KiB: pages shared with others do not count.
pub(super) fn private(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    ["Private_Clean:", "Private_Dirty:"].iter().map(|key| field(&text, key)).sum()
}

pub(super) fn cpu(pid: u32) -> Cpu {
    let Some(fields) = stat(pid) else { return Cpu::default() };
    let ticks = |n: usize| fields.get(n).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    let time = |ticks: u64| Duration::from_millis(ticks * 1000 / TICKS);
    // utime, stime, cutime, cstime: fields 14 to 17 of proc(5), counted here from the state, field 3.
    Cpu { own: time(ticks(11) + ticks(12)), children: time(ticks(13) + ticks(14)) }
}

/// The fields of /proc/PID/stat that follow the name, which may hold anything.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn status(pid: u32, key: &str) -> u64 {
    field(&fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default(), key)
}

fn field(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
