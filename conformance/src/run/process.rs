//! The implementation as a process: started in the case's folder, ended with the case.
//!
//! Invariant: only processes of this case are ended: the one that was started here, its process group, and those that
//! carry the case's nonce in their command line.

use crate::case::step::Signal;
use crate::target::{Target, from_env};
use crate::timeline::{Source, Timeline};
use rustix::process::{Pid, kill_process, kill_process_group};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};

/// What one start needs.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    pub(crate) target: &'a Target,
    /// The workflow file, when it is named on the command line.
    pub(crate) workflow: Option<&'a Path>,
    pub(crate) port: Option<u16>,
    pub(crate) cwd: &'a Path,
    pub(crate) dir: &'a Path,
    pub(crate) env: &'a BTreeMap<String, Option<String>>,
}

/// A running implementation.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pid: Pid,
    timeline: Timeline,
    ended: Option<ExitStatus>,
}

impl Process {
    pub(crate) fn start(start: &Start<'_>, timeline: Timeline) -> Result<Self, String> {
        let arguments = command_line(start)?;
        let (program, rest) = arguments.split_first().ok_or("the command is empty")?;
        let out = |name: &str| {
            let path = start.dir.join("out").join(name);
            File::options()
                .create(true)
                .append(true)
                .open(&path)
                .map_err(|e| format!("{}: {e}", path.display()))
        };
        let mut command = Command::new(program);
        command.args(rest).current_dir(start.cwd).stdin(Stdio::null());
        command.stdout(out("stdout.txt")?).stderr(out("stderr.txt")?).process_group(0).kill_on_drop(true);
        for (name, value) in &start.target.env {
            command.env(name, from_env(value)?);
        }
        for (name, value) in start.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let child = command.spawn().map_err(|error| format!("cannot start {program}: {error}"))?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let pid = pid.ok_or("it ended before it had begun")?;
        timeline.note(Source::Target, "start", "", json!({"command": arguments}));
        Ok(Self { child, pid, timeline, ended: None })
    }

    /// Whether it has ended, and how; tells the timeline once.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none()
            && let Ok(Some(status)) = self.child.try_wait()
        {
            self.ended = Some(status);
            self.timeline.note(Source::Target, "exit", "", json!({"code": status.code()}));
        }
        self.ended
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let signal = match signal {
            Signal::Term => rustix::process::Signal::TERM,
            Signal::Int => rustix::process::Signal::INT,
            Signal::Kill => rustix::process::Signal::KILL,
        };
        // It may be gone already, which is what is wanted.
        let _ = kill_process(self.pid, signal);
    }

    pub(crate) async fn wait(&mut self, within: Duration) -> Option<ExitStatus> {
        let waited = tokio::time::timeout(within, self.child.wait()).await;
        match waited {
            Ok(Ok(_)) => self.ended(),
            Ok(Err(_)) | Err(_) => None,
        }
    }

    /// Ends whatever is left of its process group.
    pub(crate) fn kill_group(&self) {
        let _ = kill_process_group(self.pid, rustix::process::Signal::KILL);
    }
}

fn command_line(start: &Start<'_>) -> Result<Vec<String>, String> {
    let mut arguments = vec![];
    for part in &start.target.command {
        if part.contains("{workflow}") {
            let Some(workflow) = start.workflow else { continue };
            arguments.push(part.replace("{workflow}", &workflow.to_string_lossy()));
        } else {
            arguments.push(from_env(&part.replace("{dir}", &start.dir.to_string_lossy()))?);
        }
    }
    if let Some(port) = start.port {
        arguments
            .extend(start.target.port_arguments.iter().map(|part| part.replace("{port}", &port.to_string())));
    }
    Ok(arguments)
}

/// Processes that carry this nonce in their command line: fakes, and shells that started them.
pub(crate) fn kill_leftovers(nonce: &str) {
    let Ok(entries) = std::fs::read_dir("/proc") else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if let Some(pid) = carrier(&path, nonce) {
            let _ = kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

fn carrier(proc: &Path, nonce: &str) -> Option<Pid> {
    let pid: i32 = proc.file_name()?.to_str()?.parse().ok()?;
    let line = std::fs::read(proc.join("cmdline")).ok()?;
    let carries = line.windows(nonce.len()).any(|part| part == nonce.as_bytes());
    if carries { Pid::from_raw(pid) } else { None }
}
