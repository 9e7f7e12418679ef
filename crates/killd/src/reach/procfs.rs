//! `/proc/<pid>/stat` of everybody (proc_pid_stat(5)).

use std::fs;

/// One process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub pid: u32,
    pub parent: u32,
    /// Of its main thread.
    pub state: char,
    pub threads: u32,
    /// Clock ticks after boot; with the pid, names a process for good.
    pub started: u64,
}

impl Process {
    /// Whether it can do nothing until it is continued. Its threads stop one after the other.
    pub fn is_stopped(&self) -> bool {
        let stopped = |state: char| matches!(state, 'T' | 't');
        if !stopped(self.state) || self.threads <= 1 {
            return stopped(self.state);
        }
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid)).into_iter().flatten().flatten();
        let states = tasks.filter_map(|task| parse(&fs::read_to_string(task.path().join("stat")).ok()?));
        states.into_iter().all(|task| stopped(task.state) || matches!(task.state, 'Z' | 'X'))
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

/// Whether process `pid` is the first of a pid namespace below ours: its numbers, from ours inwards, end in 1.
pub(crate) fn is_init(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|status| is_inner_init(&status))
}

fn is_inner_init(status: &str) -> bool {
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
    let numbers: Vec<_> = numbers.split_whitespace().collect();
    numbers.len() > 1 && numbers.last() == Some(&"1")
}

fn parse(stat: &str) -> Option<Process> {
    // The name is in parentheses and may contain anything, parentheses too.
    let (pid, rest) = stat.split_once(" (")?;
    let (_, rest) = rest.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    // Fields 20 and 22; state is the third and parent the fourth.
    let threads = fields.nth(15)?.parse().ok()?;
    let started = fields.nth(1)?.parse().ok()?;
    Some(Process { pid: pid.parse().ok()?, parent, state, threads, started })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        let stat = "12 (a) b (c) T 7 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 3 0 4711 1 2 3";
        assert_eq!(parse(stat), Some(Process { pid: 12, parent: 7, state: 'T', threads: 3, started: 4711 }));
    }

    #[test]
    fn only_the_first_process_of_an_inner_namespace_is_its_init() {
        let status =
            |numbers: &str| format!("Name:\tbwrap\nNStgid:\t77\t1\nNSpid:\t{numbers}\nNSpgid:\t77\t1\n");
        assert!(is_inner_init(&status("77\t1")));
        assert!(is_inner_init(&status("77\t12\t1")));
        assert!(!is_inner_init(&status("1")));
        assert!(!is_inner_init(&status("77\t2")));
        assert!(!is_init(std::process::id()));
    }

    #[test]
    fn this_process_is_in_the_snapshot() {
        let own = std::process::id();
        let parent = std::os::unix::process::parent_id();
        assert!(snapshot().iter().any(|process| process.pid == own && process.parent == parent));
    }
}
