//! The process table, as the kernel tells it.

use rustix::process::{Pid, Signal, kill_process};

/// Whether the process exists and is not just waiting to be reaped.
pub fn alive(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    // The name may hold anything; the state follows its closing bracket.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Processes of a run: those in a control group named after it, and those that were started for it. Of a run that is
/// over, there must be none.
pub fn of_run(run: &str) -> Vec<u32> {
    all().filter(|pid| told(*pid, "cgroup").contains(run) || told(*pid, "cmdline").contains(run)).collect()
}

/// Processes whose command line holds `text`.
pub fn with_argument(text: &str) -> Vec<u32> {
    all().filter(|pid| told(*pid, "cmdline").contains(text)).collect()
}

/// Every process but this one.
fn all() -> impl Iterator<Item = u32> {
    let own = std::process::id();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(move |pid| *pid != own && alive(*pid))
}

fn told(pid: u32, file: &str) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Sends `signal`; a process that is gone is no error.
pub fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}
