//! JSON lines with an untrusted program in a sandbox: every wait in here ends.

use std::time::Duration;

use base::error::chain;
use base::lines::{BoundedLines, Line};
use base::secret::Secret;
use domain::failure::{Failure, FailureKind};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStdin, ChildStdout};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::exit::explain;
use super::stderr::Stderr;
use super::waiting::{Patience, Waiting};
use super::{Activity, End, Host, SessionLimits, Then, ToolAnswer};
use crate::sandbox::watch::{self, OverQuota};
use crate::sandbox::{Inside, Running, Sandbox, Spec};

/// How long an interrupted or finished agent may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);
/// Of a piece of garbage, the start that is told, characters.
const GARBAGE_START: usize = 200;
/// What stands where the run token stood.
const BLOT: &str = "[secret]";

/// A running agent and the talk with it.
pub(super) struct Conversation {
    running: Running,
    stdin: Option<ChildStdin>,
    lines: BoundedLines<ChildStdout>,
    stderr: Stderr,
    inside: Inside,
    host: Host,
    token: Secret,
    limits: SessionLimits,
    deadline: Instant,
    patience: Patience,
    garbage: u64,
    spoke: bool,
    interrupted: bool,
    quota: AbortOnDropHandle<OverQuota>,
}

/// How an agent's work came to its end without a failure.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// Its last words.
    Finished(String),
    /// What a person must answer first.
    Blocked(String),
}

/// What came next.
pub(super) enum Next {
    /// A JSON object from the agent.
    Message(Value),
    /// The host wants the session to end. Said once; then the agent has a moment to end politely.
    Interrupt,
}

impl Conversation {
    pub async fn start(
        sandbox: &Sandbox,
        spec: &Spec,
        host: Host,
        token: Secret,
        limits: SessionLimits,
    ) -> Result<Conversation, Failure> {
        let inside = sandbox.inside(spec);
        let failed = |error| Failure::new(FailureKind::Sandbox, chain(&error));
        let mut running = sandbox.spawn(spec).await.map_err(failed)?;
        let no_pipe = || Failure::new(FailureKind::Sandbox, "the agent's process has no pipes");
        let stdout = running.stdout.take().ok_or_else(no_pipe)?;
        let stderr = running.stderr.take().ok_or_else(no_pipe)?;
        let kept = vec![spec.workspace_tree.clone(), spec.home.clone()];
        let quota_bytes = spec.limits.workspace_bytes;
        let quota = tokio::spawn(async move {
            match quota_bytes {
                Some(bytes) => watch::over_quota(kept, bytes).await,
                None => std::future::pending().await,
            }
        });
        let now = Instant::now();
        let conversation = Conversation {
            stdin: running.stdin.take(),
            lines: BoundedLines::new(stdout, limits.max_line),
            stderr: Stderr::keep(stderr),
            running,
            inside,
            host,
            token,
            limits,
            deadline: now + limits.deadline,
            patience: Patience::new(&limits, now),
            garbage: 0,
            spoke: false,
            interrupted: false,
            quota: AbortOnDropHandle::new(quota),
        };
        let cgroup = conversation.running.group.as_ref().and_then(|group| group.kill_dir.clone());
        let (pid, level) = (conversation.running.pid, conversation.running.level);
        conversation.tell(Activity::Spawned { pid, cgroup, level }).await;
        Ok(conversation)
    }

    /// Where things are for the agent.
    pub fn inside(&self) -> &Inside {
        &self.inside
    }

    /// Sends one message.
    pub async fn send(&mut self, message: &Value) -> Result<(), Failure> {
        let Some(stdin) = self.stdin.as_mut() else { return Err(protocol("its stdin is closed")) };
        let line = format!("{message}\n");
        let sent = async {
            stdin.write_all(line.as_bytes()).await?;
            stdin.flush().await
        };
        let patience = Patience::new(&self.limits, Instant::now());
        let given_up = patience.ends().map_or(self.deadline, |(at, _)| at.min(self.deadline));
        match timeout_at(given_up, sent).await {
            Ok(Ok(())) => Ok(()),
            // Its end is the better explanation.
            Ok(Err(_)) => Err(self.ended().await),
            Err(_) => Err(Failure::new(FailureKind::Stalled, "it stopped reading its input")),
        }
    }

    /// The next message, or why there is none.
    pub async fn next(&mut self) -> Result<Next, Failure> {
        loop {
            let (silent, why) = self.patience.ends().unwrap_or((self.deadline, Waiting::Nothing));
            let line = tokio::select! {
                biased;
                () = self.host.interrupt.cancelled(), if !self.interrupted => {
                    self.interrupted = true;
                    self.deadline = self.deadline.min(Instant::now() + GRACE);
                    return Ok(Next::Interrupt);
                }
                () = tokio::time::sleep_until(self.deadline) => return Err(self.timed_out()),
                Ok(over) = &mut self.quota => return Err(over_quota(over)),
                line = self.lines.next() => line,
                () = tokio::time::sleep_until(silent) => return Err(self.patience.spent(why, &self.limits)),
            };
            self.patience.heard_output(Instant::now());
            match line {
                Ok(Some(line)) => {
                    if let Some(message) = self.parse(line).await? {
                        self.patience.heard_message(Instant::now());
                        self.spoke = true;
                        return Ok(Next::Message(message));
                    }
                }
                Ok(None) => return Err(self.ended().await),
                Err(error) => return Err(protocol(&format!("its output cannot be read: {error}"))),
            }
        }
    }

    /// Has the host answer a tool call; gives up when the session's time is over or it is interrupted.
    pub async fn call_tool(&mut self, name: &str, arguments: Value) -> Result<ToolAnswer, Failure> {
        let answer = tokio::select! {
            answer = timeout_at(self.deadline, self.host.tools.call(name, arguments)) => answer.ok(),
            () = self.host.interrupt.cancelled(), if !self.interrupted => {
                Some(ToolAnswer { ok: false, text: "interrupted".to_owned() })
            }
        };
        let answer = answer.ok_or_else(|| self.timed_out())?;
        self.patience.heard_message(Instant::now());
        self.tell(Activity::ToolCalled { name: name.to_owned(), ok: answer.ok }).await;
        Ok(answer)
    }

    /// From now on this is what is waited for.
    pub fn wait_for(&mut self, what: Waiting) {
        self.patience.wait_for(what, Instant::now());
    }

    /// Asks the host what follows, `finished` turns being over. An interrupt, or the end of the session's time, is an
    /// answer too.
    pub async fn after(&mut self, finished: u32) -> Result<Then, Failure> {
        if self.interrupted {
            return Ok(Then::Finish);
        }
        let then = tokio::select! {
            then = timeout_at(self.deadline, self.host.turns.after(finished)) => then.map_err(|_| self.timed_out()),
            () = self.host.interrupt.cancelled(), if !self.interrupted => {
                self.interrupted = true;
                Ok(Then::Finish)
            }
        };
        self.patience.heard_message(Instant::now());
        then
    }

    /// Tells the host. Waits while its channel is full, but not beyond the session's deadline.
    pub async fn tell(&self, activity: Activity) {
        // An owner that no longer listens, or too late, changes nothing for the agent.
        let _ = timeout_at(self.deadline, self.host.activity.send(activity)).await;
    }

    /// Ends the agent, politely if its work is done, and says how the session ended.
    pub async fn finish(mut self, end: Result<Done, Failure>) -> End {
        if matches!(end, Ok(Done::Finished(_))) {
            // Closing stdin asks it to end.
            self.stdin = None;
            let _ = tokio::time::timeout(GRACE, self.running.wait()).await;
        }
        if let Err(error) = self.running.kill().await {
            tracing::warn!(%error, pid = self.running.pid, "an agent's end could not be awaited");
        }
        match end {
            _ if self.interrupted => End::Interrupted,
            Ok(Done::Finished(summary)) => End::Finished { summary },
            Ok(Done::Blocked(question)) => End::Blocked { question },
            Err(failure) => End::Failed(self.blotted(failure)),
        }
    }

    /// A line as a message; anything else is garbage, of which there may be only so much.
    async fn parse(&mut self, line: Line) -> Result<Option<Value>, Failure> {
        let (bytes, start) = match line {
            Line::Whole(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => {
                (bytes.len() as u64 + 1, bytes)
            }
            Line::Whole(bytes) => {
                let text = self.blot(String::from_utf8_lossy(&bytes).into_owned());
                match serde_json::from_str::<Value>(&text) {
                    Ok(message) if message.is_object() => return Ok(Some(message)),
                    Ok(_) | Err(_) => (bytes.len() as u64 + 1, bytes),
                }
            }
            Line::TooLong { bytes, start } => (bytes + 1, start),
        };
        self.garbage = self.garbage.saturating_add(bytes);
        let start = String::from_utf8_lossy(&start[..start.len().min(4 * GARBAGE_START)]).into_owned();
        let start = self.blot(start.chars().take(GARBAGE_START).collect());
        if start.starts_with('{') {
            self.tell(Activity::Noticed { event: "malformed".to_owned(), text: start.clone() }).await;
        }
        self.tell(Activity::Garbage { total_bytes: self.garbage, start }).await;
        if self.garbage > self.limits.max_garbage_bytes {
            let limit = self.limits.max_garbage_bytes;
            let detail =
                format!("it wrote {} bytes that are not its protocol; the limit is {limit}", self.garbage);
            return Err(Failure::new(FailureKind::Flooded, detail));
        }
        Ok(None)
    }

    /// Why the agent is gone.
    async fn ended(&mut self) -> Failure {
        let waited = tokio::time::timeout(GRACE, self.running.wait()).await;
        let exit = match waited {
            Ok(Ok(exit)) => exit,
            Ok(Err(error)) => return protocol(&format!("its end cannot be awaited: {error}")),
            Err(_) => return protocol("it closed its output but did not end"),
        };
        let stderr = self.stderr.last_words().await;
        self.blotted(explain(exit, self.spoke, stderr.trim()))
    }

    fn timed_out(&self) -> Failure {
        let seconds = self.limits.deadline.as_secs();
        Failure::new(
            FailureKind::TimedOut,
            format!("not done after {seconds} s; give it more time or less work"),
        )
    }

    fn blot(&self, text: String) -> String {
        let token = self.token.expose();
        if token.is_empty() || !text.contains(token) { text } else { text.replace(token, BLOT) }
    }

    fn blotted(&self, failure: Failure) -> Failure {
        Failure { kind: failure.kind, detail: self.blot(failure.detail) }
    }
}

fn over_quota(over: OverQuota) -> Failure {
    let OverQuota { bytes, quota_bytes } = over;
    let detail = if bytes > quota_bytes {
        format!("its workspace and home hold more than {quota_bytes} bytes ({bytes} and counting)")
    } else {
        "its workspace or home has directories that nobody can look into or that lie too deep".to_owned()
    };
    Failure::new(FailureKind::DiskQuota, detail)
}

pub(super) fn protocol(text: &str) -> Failure {
    Failure::new(FailureKind::Protocol, text)
}
