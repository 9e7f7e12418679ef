//! A program without walls: run under a supervisor that no descendant outlives.
//!
//! The supervisor is a child subreaper, so a daemon that forks twice and leaves its session still has it as its
//! ancestor. It ends when the program ends, when it is asked to (SIGTERM), or when the thread that started it dies.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use super::plan::Plan;
use super::running::code_of;

/// Between two looks for descendants: short, because a fork bomb races with it.
const SWEEP_PAUSE: Duration = Duration::from_millis(5);
/// Sweeps before giving up on a process that the kernel will not let die (disk sleep).
const MAX_SWEEPS: u32 = 400;

/// Runs the plan's program; exits this process with its code once every descendant is dead.
pub(super) fn main(plan: &Plan) -> io::Result<Infallible> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let code = runtime.block_on(run(plan))?;
    std::process::exit(code)
}

async fn run(plan: &Plan) -> io::Result<i32> {
    let mut asked = signal(SignalKind::terminate())?;
    let missing = || io::Error::other("the program is empty");
    let (name, arguments) = plan.program.split_first().ok_or_else(missing)?;
    let mut command = Command::new(name);
    command.args(arguments).env_clear().envs(plan.env.iter().cloned()).current_dir(&plan.cwd);
    rustix::thread::set_no_new_privs(true)?;
    let mut child = command.spawn()?;
    let status = tokio::select! {
        status = child.wait() => Some(status?),
        _ = asked.recv() => None,
    };
    sweep().await;
    Ok(status.map_or(128 + Signal::TERM.as_raw(), ended))
}

fn ended(status: ExitStatus) -> i32 {
    code_of(status)
}

/// Kills descendants until none is left.
async fn sweep() {
    for _ in 0..MAX_SWEEPS {
        let descendants = descendants(rustix::process::getpid());
        for pid in &descendants {
            let _ = rustix::process::kill_process(*pid, Signal::KILL);
        }
        while let Ok(Some(_)) = rustix::process::waitpid(None, WaitOptions::NOHANG) {}
        if descendants.is_empty() {
            return;
        }
        tokio::time::sleep(SWEEP_PAUSE).await;
    }
}

/// Every live process below `root`, by walking `/proc`.
pub(super) fn descendants(root: Pid) -> Vec<Pid> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some(parent) = parent_of(&stat) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut open = vec![root.as_raw_nonzero().get()];
    while let Some(pid) = open.pop() {
        let below = children.remove(&pid).unwrap_or_default();
        found.extend(below.iter().filter_map(|pid| Pid::from_raw(*pid)));
        open.extend(below);
    }
    found
}

/// The parent in `pid (name) state parent …`; `None` for zombies, which are already dead. A name may hold anything,
/// so what counts follows the last `)`.
fn parent_of(stat: &str) -> Option<i32> {
    let mut rest = stat.rsplit_once(')')?.1.split_whitespace();
    let state = rest.next()?;
    let parent = rest.next()?.parse().ok()?;
    (state != "Z").then_some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parent_is_read_after_the_last_bracket() {
        assert_eq!(parent_of("12 (a) b) S 7 12 12 0"), Some(7));
        assert_eq!(parent_of("12 (a) Z 7 12 12 0"), None);
    }
}
