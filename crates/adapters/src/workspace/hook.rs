//! Runs a hook: a shell script of the workflow, in the workspace (Symphony's specification, 9.4).
//!
//! Hooks are the workflow author's own words and run outside the walls, because fetching code is what they are for.
//! What they run may be an agent's words, though: a repository that an agent wrote has git hooks and settings of its
//! own. So git is told to run none of them, no secret that is named is inherited, and a hook that runs where an agent
//! has been runs as the agents' user when Seawall is root.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base::env::Env;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

/// Of what a hook prints, the end that is kept, bytes.
const MAX_OUTPUT: usize = 4 * 1024;
/// How long the output of a hook that ended is waited for: a child that it left behind may hold the pipe.
const OUTPUT_PATIENCE: Duration = Duration::from_millis(500);
/// git, told to run nothing that the repository names.
const GIT: [(&str, &str); 7] = [
    ("GIT_CONFIG_COUNT", "3"),
    ("GIT_CONFIG_KEY_0", "safe.directory"),
    ("GIT_CONFIG_VALUE_0", "*"),
    ("GIT_CONFIG_KEY_1", "core.hooksPath"),
    ("GIT_CONFIG_VALUE_1", "/dev/null"),
    ("GIT_CONFIG_KEY_2", "core.fsmonitor"),
    ("GIT_CONFIG_VALUE_2", "false"),
];

/// One run of a hook.
#[derive(Clone, Debug)]
pub struct Hook<'a> {
    /// `after_create`, `before_run`, `after_run` or `before_remove`.
    pub name: &'static str,
    /// The script.
    pub script: &'a str,
    /// The workspace.
    pub cwd: &'a Path,
    /// The most time it may take.
    pub timeout: Duration,
    /// Environment variables that it must not inherit.
    pub secrets: &'a [String],
    /// What it inherits, besides.
    pub env: &'a Env,
    /// What it is told besides: `SEAWALL_RUN` and the like.
    pub told: Vec<(String, String)>,
    /// The user and group to run as, when another one than ours.
    pub user: Option<(u32, u32)>,
}

/// Why a hook failed. The output is the end of what it printed, without control characters.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its shell could not be started.
    #[error("hook {name} could not be started")]
    Start {
        /// Which.
        name: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// It ended with a code that is not 0, or by a signal.
    #[error("hook {name} failed ({how}){}", after(.output))]
    Failed {
        /// Which.
        name: &'static str,
        /// `exit 1` or `signal 9`.
        how: String,
        /// The end of its output.
        output: String,
    },
    /// It took too long and was ended.
    #[error("workspace_hook_timeout: hook {name} did not end within {} ms{}", .timeout.as_millis(), after(.output))]
    TimedOut {
        /// Which.
        name: &'static str,
        /// The most time it may take.
        timeout: Duration,
        /// The end of its output.
        output: String,
    },
}

fn after(output: &str) -> String {
    if output.is_empty() { String::new() } else { format!("; it said: {output}") }
}

impl Hook<'_> {
    /// Runs it to its end and answers with the end of its output. Dropping the future ends it.
    pub async fn run(&self) -> Result<String, Error> {
        let mut command = Command::new("/bin/sh");
        command.arg("-lc").arg(self.script).current_dir(self.cwd);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_clear();
        command.envs(self.env.vars().filter(|(name, _)| !self.secrets.iter().any(|secret| secret == name)));
        command.envs(GIT).envs(self.told.iter().map(|(name, value)| (name, value)));
        // A group of its own, so that what it started is ended with it.
        command.process_group(0).kill_on_drop(true);
        if let Some((uid, gid)) = self.user {
            command.gid(gid).uid(uid);
        }
        let mut child = command.spawn().map_err(|source| Error::Start { name: self.name, source })?;
        let group = Group(child.id());
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let reading = tokio::spawn(async move { tokio::join!(tail(stdout), tail(stderr)) });
        let waited = tokio::time::timeout(self.timeout, child.wait()).await;
        drop(group);
        let output = async {
            let (out, err) = tokio::time::timeout(OUTPUT_PATIENCE, reading).await.ok()?.ok()?;
            Some(visible(&[out, err].concat()))
        };
        let output = output.await.unwrap_or_default();
        match waited {
            Ok(Ok(status)) if status.success() => Ok(output),
            Ok(Ok(status)) => Err(Error::Failed { name: self.name, how: how(status), output }),
            Ok(Err(source)) => Err(Error::Start { name: self.name, source }),
            Err(_) => Err(Error::TimedOut { name: self.name, timeout: self.timeout, output }),
        }
    }
}

/// The hook's process group; ended when dropped, however the hook ended: what it left running would outlive its
/// workspace.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let leader = self.0.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(leader) = leader {
            // Gone already is what is wanted.
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

async fn tail(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let Some(mut stream) = stream else { return vec![] };
    let (mut kept, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..read]);
        let excess = kept.len().saturating_sub(MAX_OUTPUT);
        kept.drain(..excess);
    }
    kept
}

/// One line, without what could draw on a terminal.
fn visible(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn how(status: std::process::ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "for no reason that the system tells".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook<'a>(script: &'a str, cwd: &'a Path, env: &'a Env, secrets: &'a [String]) -> Hook<'a> {
        let timeout = Duration::from_secs(20);
        Hook { name: "before_run", script, cwd, timeout, secrets, env, told: vec![], user: None }
    }

    #[tokio::test]
    async fn a_hook_runs_in_the_workspace_without_the_secrets() {
        let dir = tempfile::tempdir().unwrap();
        let env = Env::fixed([("PATH", "/usr/bin:/bin"), ("LINEAR_API_KEY", "lin_x"), ("KEPT", "yes")]);
        let secrets = ["LINEAR_API_KEY".to_owned()];
        let script = "pwd; echo key=$LINEAR_API_KEY kept=$KEPT";
        let said = hook(script, dir.path(), &env, &secrets).run().await.unwrap();
        assert_eq!(said, format!("{} key= kept=yes", dir.path().canonicalize().unwrap().display()));
    }

    #[tokio::test]
    async fn a_failure_tells_its_code_and_the_end_of_a_long_output() {
        let dir = tempfile::tempdir().unwrap();
        let env = Env::fixed([("PATH", "/usr/bin:/bin")]);
        let script = "i=0; while [ $i -lt 3000 ]; do printf 'line%s ' $i; i=$((i+1)); done; exit 3";
        let error = hook(script, dir.path(), &env, &[]).run().await.unwrap_err();
        let Error::Failed { how, output, .. } = error else { panic!("{error}") };
        assert_eq!(how, "exit 3");
        assert!(output.len() <= MAX_OUTPUT && output.ends_with("line2999"));
    }

    #[tokio::test]
    async fn one_that_takes_too_long_is_ended_with_what_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let env = Env::fixed([("PATH", "/usr/bin:/bin")]);
        let timeout = Duration::from_millis(300);
        let script = "(sleep 60; touch late) & echo $! > child; wait";
        let slow = Hook { timeout, ..hook(script, dir.path(), &env, &[]) };
        assert!(matches!(slow.run().await, Err(Error::TimedOut { .. })));
        let child = std::fs::read_to_string(dir.path().join("child")).unwrap();
        let state = std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z "), "it lives: {state}");
    }
}
