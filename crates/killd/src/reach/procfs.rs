//! `/proc/<pid>/stat` of everybody (proc_pid_stat(5)).

use std::fs;

/// One process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub pid: u32,
    pub parent: u32,
    pub state: char,
    /// Clock ticks after boot; with the pid, names a process for good.
    pub started: u64,
}

impl Process {
    /// Whether it can do nothing until it is continued.
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }

    /// Whether it only waits for its parent to notice. A main thread that ended before the other threads looks the
    /// same, so those are counted.
    pub fn is_dead(&self) -> bool {
        let threads = || fs::read_dir(format!("/proc/{}/task", self.pid)).map_or(0, Iterator::count);
        matches!(self.state, 'Z' | 'X') && threads() <= 1
    }
}

/// Every process there is. Not a moment in time: processes come and go while it is taken.
pub(crate) fn snapshot() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(read).collect()
}

/// One process, if it is there.
pub(crate) fn read(pid: u32) -> Option<Process> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse(stat: &str) -> Option<Process> {
    // The name is in parentheses and may contain anything, parentheses too.
    let (pid, rest) = stat.split_once(" (")?;
    let (_, rest) = rest.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    // Field 22; state is the third and parent the fourth.
    let started = fields.nth(17)?.parse().ok()?;
    Some(Process { pid: pid.parse().ok()?, parent, state, started })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        let stat = "12 (a) b (c) T 7 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 2 3";
        assert_eq!(parse(stat), Some(Process { pid: 12, parent: 7, state: 'T', started: 4711 }));
    }

    #[test]
    fn this_process_is_in_the_snapshot() {
        let own = std::process::id();
        let parent = std::os::unix::process::parent_id();
        assert!(snapshot().iter().any(|process| process.pid == own && process.parent == parent));
    }
}
