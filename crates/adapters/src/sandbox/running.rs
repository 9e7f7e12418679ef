//! A live sandbox: its pipes, its end, and the certain way to end it.
//!
//! Invariant: dropping a [`Running`] kills everything it started.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use base::cgroup::{Group, keyed};
use rustix::process::{Pid, Signal};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use super::Level;

/// Shells and bwrap report a program that a signal ended as this plus the signal's number.
const SIGNAL_BASE: i32 = 128;
/// How long a supervisor without walls may take to kill what is below it.
const SUPERVISOR_GRACE: Duration = Duration::from_secs(3);
/// Between two tries to remove a group whose last processes are being reaped.
const REMOVE_PAUSE: Duration = Duration::from_millis(10);
/// Tries before a group that will not empty is left behind, and said so.
const REMOVE_TRIES: u32 = 200;

/// A program running in a sandbox.
#[derive(Debug)]
pub struct Running {
    /// Process id on the host of the outermost process of the sandbox.
    pub pid: u32,
    /// To the program. Taken by whoever talks to it.
    pub stdin: Option<ChildStdin>,
    /// From the program.
    pub stdout: Option<ChildStdout>,
    /// From the program, and from the walls when they fail.
    pub stderr: Option<ChildStderr>,
    /// Its control group, when this machine has one for it.
    pub group: Option<Group>,
    /// The level it truly has: the machine's, or less when a limit could not be put in force.
    pub level: Level,
    child: Child,
    oom: bool,
    done: bool,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code, if it exited.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The kernel killed a process of the group because its memory was spent.
    pub oom: bool,
}

impl Running {
    pub(super) fn new(mut child: Child, group: Option<Group>, level: Level) -> Running {
        Running {
            pid: child.id().unwrap_or_default(),
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            group,
            level,
            child,
            oom: false,
            done: false,
        }
    }

    /// Waits for the program's end, then removes what is left of the sandbox. Cancel-safe; may be called again.
    pub async fn wait(&mut self) -> io::Result<Exit> {
        let status = self.child.wait().await?;
        let group = self.group.as_ref();
        // Asked once: the counters go with the group.
        self.oom |= group.is_some_and(|group| group.oom_kills() > 0);
        self.kill_group();
        if let Some(group) = self.group.clone().filter(|_| !self.done) {
            remove(group).await;
        }
        self.done = true;
        Ok(Exit::of(status, self.oom))
    }

    /// Kills every process of the sandbox and waits for its end.
    pub async fn kill(&mut self) -> io::Result<Exit> {
        if !self.kill_group() && self.level == Level::Bare {
            self.ask_supervisor();
            if let Ok(exit) = tokio::time::timeout(SUPERVISOR_GRACE, self.wait()).await {
                return exit;
            }
        }
        // With walls this ends the pid namespace, and with it everything inside.
        let _ = self.child.start_kill();
        self.wait().await
    }

    /// Whether the whole group was killed at once.
    fn kill_group(&self) -> bool {
        let dir = self.group.as_ref().and_then(|group| group.kill_dir.as_ref());
        dir.is_some_and(|dir| std::fs::write(dir.join("cgroup.kill"), "1").is_ok())
    }

    fn ask_supervisor(&self) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        if !self.kill_group() && self.level == Level::Bare {
            // The supervisor kills what is below it and ends; killing it at once would orphan them.
            self.ask_supervisor();
        } else {
            let _ = self.child.start_kill();
        }
        let (Some(group), Ok(runtime)) = (self.group.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        runtime.spawn(remove(group));
    }
}

impl Exit {
    fn of(status: ExitStatus, oom: bool) -> Exit {
        let code = code_of(status);
        let signal = Some(code - SIGNAL_BASE).filter(|signal| (1..=64).contains(signal));
        Exit { code: signal.is_none().then_some(code), signal, oom }
    }
}

/// The code a shell would report: 128 and more for a signal.
pub(crate) fn code_of(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| SIGNAL_BASE + status.signal().unwrap_or_default())
}

async fn remove(group: Group) {
    for _ in 0..REMOVE_TRIES {
        if group.remove() {
            return;
        }
        tokio::time::sleep(REMOVE_PAUSE).await;
    }
    let dir = group.kill_dir.as_ref().or(group.limit_dirs.first());
    let events = dir.and_then(|dir| std::fs::read_to_string(dir.join("cgroup.events")).ok());
    let populated = events.and_then(|text| keyed(&text, "populated"));
    tracing::warn!(?dir, ?populated, "a control group could not be removed");
}

/// The one thread that starts sandboxes. bwrap dies with the *thread* that started it, and threads of a runtime come
/// and go; this one lives as long as its owner, so its sandboxes die with their owner and not before.
#[derive(Debug)]
pub(super) struct Spawner {
    requests: std::sync::mpsc::Sender<Request>,
}

struct Request {
    launcher: PathBuf,
    runtime: tokio::runtime::Handle,
    answer: tokio::sync::oneshot::Sender<io::Result<Child>>,
}

impl Spawner {
    pub fn start() -> io::Result<Spawner> {
        // Unbounded, but each waiting request has its caller waiting: the engine's slots are the limit.
        let (requests, inbox) = std::sync::mpsc::channel::<Request>();
        std::thread::Builder::new().name("sandbox-spawner".to_owned()).spawn(move || {
            for request in inbox {
                let _runtime = request.runtime.enter();
                // The caller may have gone; the child then dies as it is dropped.
                let _ = request.answer.send(command(&request.launcher).spawn());
            }
        })?;
        Ok(Spawner { requests })
    }

    /// Starts `launcher sandbox-enter` with pipes.
    pub async fn spawn(&self, launcher: PathBuf) -> io::Result<Child> {
        let (answer, child) = tokio::sync::oneshot::channel();
        let gone = || io::Error::other("the thread that starts sandboxes has ended");
        let runtime = tokio::runtime::Handle::current();
        self.requests.send(Request { launcher, runtime, answer }).map_err(|_| gone())?;
        child.await.map_err(|_| gone())?
    }
}

fn command(launcher: &PathBuf) -> Command {
    let mut command = Command::new(launcher);
    command.arg("sandbox-enter").env_clear().current_dir("/").process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}
