//! Runs `git` so that nothing an agent can write decides what is run.
//!
//! Invariants: the environment is ours and complete; no system or user configuration, hook, monitor, filter,
//! external diff, askpass or editor is ever started; every call has a time limit and bounded output; when a
//! call is given up, its whole process group is ended; nothing secret is in the arguments.

use super::error::Error;
use super::redact::redacted;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

/// A clone of a large repository over a slow disk still ends within this.
const TIME_LIMIT: Duration = Duration::from_secs(300);
/// The most bytes of output that any caller but a bounded one may get.
pub(super) const OUTPUT_LIMIT: usize = 32 * 1024 * 1024;
/// Enough of stderr to say what went wrong.
const STDERR_LIMIT: usize = 4 * 1024;

/// Settings that win over every file. A repository's own configuration could only come from us, but a nested
/// one (a submodule) could come from the agent.
const SETTINGS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.symlinks=true",
    "core.fileMode=true",
    "core.quotePath=false",
    "core.autocrlf=false",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "safe.directory=*",
    "protocol.ext.allow=never",
    "gc.autoDetach=false",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "push.recurseSubmodules=no",
    "diff.ignoreSubmodules=all",
    "commit.gpgSign=false",
    "push.gpgSign=false",
    "merge.renames=true",
    "credential.helper=",
    "advice.detachedHead=false",
];

/// Where the git program and our own global configuration are.
#[derive(Clone, Debug)]
pub(super) struct Git {
    /// The program.
    pub program: PathBuf,
    /// `PATH` for git's own helpers.
    pub path: String,
    /// A file of ours that says nothing but `safe.directory = *`: helpers on the other side of a local
    /// transport are started without our `-c` settings, and the operator chose that remote.
    pub config: PathBuf,
}

/// One call, complete.
#[derive(Debug)]
pub(super) struct Call<'a> {
    git: &'a Git,
    args: Vec<OsString>,
    what: String,
    env: Vec<(&'static str, OsString)>,
    input: Vec<u8>,
    limit: usize,
}

/// How a call ended.
#[derive(Debug)]
pub(super) struct Output {
    /// Exit code; 128 + signal when there was none.
    pub code: i32,
    /// All of stdout, or its first bytes when it was cut.
    pub stdout: Vec<u8>,
    /// Whether stdout was cut at the limit.
    pub cut: bool,
    /// The first bytes of stderr.
    pub stderr: String,
    what: String,
    limit: usize,
}

impl Git {
    /// A call that looks at `dir` as a git directory without a work tree.
    pub fn bare(&self, dir: &Path) -> Call<'_> {
        let mut call = self.call();
        call.args.extend([OsString::from("-c"), "core.bare=true".into(), "--git-dir".into(), dir.into()]);
        call
    }

    /// A call on `dir` with the agent's tree as its work tree.
    pub fn with_tree(&self, dir: &Path, tree: &Path) -> Call<'_> {
        let mut call = self.call();
        call.args.extend([OsString::from("-c"), "core.bare=false".into()]);
        call.args.extend([OsString::from("--git-dir"), dir.into(), "--work-tree".into(), tree.into()]);
        call.args.extend([OsString::from("-C"), tree.into()]);
        call
    }

    /// A call outside any repository.
    pub fn call(&self) -> Call<'_> {
        let settings = SETTINGS.iter().flat_map(|s| ["-c", s]).map(OsString::from);
        Call {
            git: self,
            args: settings.collect(),
            what: String::new(),
            env: Vec::new(),
            input: Vec::new(),
            limit: OUTPUT_LIMIT,
        }
    }
}

impl Call<'_> {
    /// The subcommand and its arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        for arg in args {
            if self.what.is_empty() {
                self.what = arg.as_ref().to_string_lossy().into_owned();
            }
            self.args.push(arg.as_ref().to_owned());
        }
        self
    }

    /// One more variable of the environment.
    pub fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// One more setting, `name=value`, before the subcommand is given.
    pub fn setting(mut self, setting: &str) -> Self {
        self.args.extend([OsString::from("-c"), setting.into()]);
        self
    }

    /// What to write to its stdin.
    pub fn input(mut self, bytes: Vec<u8>) -> Self {
        self.input = bytes;
        self
    }

    /// Cut stdout at this many bytes and end the call there.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Runs it; an exit code other than 0 is an error.
    pub async fn ok(self) -> Result<Vec<u8>, Error> {
        let output = self.run().await?;
        if output.code == 0 && !output.cut { Ok(output.stdout) } else { Err(output.failure()) }
    }

    /// Runs it and gives its trimmed first line.
    pub async fn line(self) -> Result<String, Error> {
        let stdout = self.ok().await?;
        Ok(String::from_utf8_lossy(&stdout).lines().next().unwrap_or_default().trim().to_owned())
    }

    /// Runs it; the caller judges the exit code.
    pub async fn run(self) -> Result<Output, Error> {
        let mut child = self.spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        // Ends helpers of git too (a transport's other side), also when the caller drops this future.
        let mut guard = GroupGuard(group);
        let ended = tokio::time::timeout(TIME_LIMIT, drive(&mut child, self.input, self.limit)).await;
        if matches!(ended, Ok(Ok(_))) {
            // Waited for: the number may soon be another process's.
            guard.0 = None;
        }
        let what = self.what;
        match ended {
            Err(_) => Err(Error::Timeout { what, seconds: TIME_LIMIT.as_secs() }),
            Ok(Err(source)) => Err(Error::Io { what: "talk to", path: self.git.program.clone(), source }),
            Ok(Ok((code, stdout, cut, stderr))) => {
                let stderr = String::from_utf8_lossy(&stderr).trim().to_owned();
                Ok(Output { code, stdout, cut, stderr, what, limit: self.limit })
            }
        }
    }

    fn spawn(&self) -> Result<Child, Error> {
        let mut command = Command::new(&self.git.program);
        command
            .args(&self.args)
            .env_clear()
            .envs(self.fixed_env())
            .envs(self.env.iter().map(|(name, value)| (*name, value.clone())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command.spawn().map_err(|source| {
            if source.kind() == std::io::ErrorKind::NotFound {
                return Error::GitMissing;
            }
            Error::Io { what: "start", path: self.git.program.clone(), source }
        })
    }

    fn fixed_env(&self) -> [(&'static str, OsString); 13] {
        [
            ("PATH", (&self.git.path).into()),
            ("HOME", "/nonexistent".into()),
            ("LC_ALL", "C".into()),
            ("TZ", "UTC".into()),
            ("GIT_CONFIG_GLOBAL", self.git.config.clone().into()),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("GIT_ATTR_NOSYSTEM", "1".into()),
            ("GIT_TERMINAL_PROMPT", "0".into()),
            ("GIT_ASKPASS", "/bin/false".into()),
            ("GIT_SSH_COMMAND", "ssh -oBatchMode=yes".into()),
            ("GIT_LITERAL_PATHSPECS", "1".into()),
            ("GIT_NO_REPLACE_OBJECTS", "1".into()),
            ("GIT_ALLOW_PROTOCOL", "file:https:ssh".into()),
        ]
    }
}

impl Output {
    /// This output as an error.
    pub fn failure(self) -> Error {
        if self.cut {
            return Error::TooMuchOutput { what: self.what, limit: self.limit };
        }
        Error::Git {
            what: self.what,
            code: format!("exit {}", self.code),
            stderr: redacted(&printable(&self.stderr)),
        }
    }
}

/// Ends a process group when dropped, unless disarmed.
struct GroupGuard(Option<rustix::process::Pid>);

impl Drop for GroupGuard {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Asked, not killed: the other side of a local push then takes its lock off the remote's branch.
            // Git itself is killed right after, when its `Child` is dropped. An empty group is no error.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
        }
    }
}

type Ended = (i32, Vec<u8>, bool, Vec<u8>);

async fn drive(child: &mut Child, input: Vec<u8>, limit: usize) -> std::io::Result<Ended> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async move {
        if let Some(mut stdin) = stdin {
            // A git that ends early closes its stdin; its exit code tells.
            let _ = stdin.write_all(&input).await;
        }
    };
    let (_, out, err) = tokio::join!(feed, read_up_to(stdout, limit, Rest::Stop), async {
        read_up_to(stderr, STDERR_LIMIT, Rest::Drain).await
    });
    let ((stdout, cut), (stderr, _)) = (out?, err?);
    if cut {
        child.start_kill()?;
    }
    let status = child.wait().await?;
    Ok((exit_code(status), stdout, cut, stderr))
}

#[derive(Clone, Copy, PartialEq)]
enum Rest {
    Stop,
    Drain,
}

async fn read_up_to(
    from: Option<impl AsyncRead + Unpin>,
    limit: usize,
    rest: Rest,
) -> std::io::Result<(Vec<u8>, bool)> {
    let Some(mut from) = from else { return Ok((Vec::new(), false)) };
    let mut kept = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut chunk).await?;
        if read == 0 {
            return Ok((kept, false));
        }
        let room = limit - kept.len();
        kept.extend_from_slice(&chunk[..read.min(room)]);
        // Dropping the pipe ends a git that goes on writing.
        if read > room && rest == Rest::Stop {
            return Ok((kept, true));
        }
    }
}

fn exit_code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Text for people: control characters escaped, so that a file name cannot draw on a terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() && c != '\n' { c.escape_default().collect() } else { vec![c] })
        .collect()
}
