//! Writes down what an agent does, and puts it under the kill plane when its process appears.

use super::telemetry::Telemetry;
use crate::Engine;
use adapters::agent::Activity;
use adapters::sandbox::Level;
use domain::Timestamp;
use domain::failure::{Failure, FailureKind};
use domain::run::{Input, Run};
use killd::protocol::Registration;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::activity::Activity as Line;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Activities that may wait to be written; a fuller queue holds the agent back.
pub(super) const QUEUE: usize = 256;
/// Lines written at once.
const BATCH: usize = 64;
/// How long a line may wait for company before it is written.
const LINGER: Duration = Duration::from_millis(200);
/// The most bytes of a line; the rest is in the agent's own session file, if anywhere.
const MAX_LINE: usize = 8 * 1024;
/// The most lines of one attempt; an agent that does more is looping, and its calls are recorded anyway.
const MAX_LINES: u64 = 20_000;

pub(super) struct Recorder {
    engine: Engine,
    run: Run,
    cancel: CancellationToken,
    telemetry: Arc<Mutex<Telemetry>>,
    written: u64,
}

impl Recorder {
    pub(super) fn new(
        engine: Engine,
        run: Run,
        cancel: CancellationToken,
        telemetry: Arc<Mutex<Telemetry>>,
    ) -> Self {
        Self { engine, run, cancel, telemetry, written: 0 }
    }

    /// Records until the agent is gone. An error means the attempt must not count, whatever the agent says.
    pub(super) async fn record(self, mut seen: mpsc::Receiver<Activity>) -> Result<(), Failure> {
        let (stamped, waiting) = mpsc::channel(QUEUE);
        let (engine, telemetry, run) = (self.engine.clone(), self.telemetry.clone(), self.run.clone());
        // Stamped as it comes, not when the store has time for it: a trace is told by these instants.
        let stamping = async move {
            while let Some(activity) = seen.recv().await {
                let now = engine.now();
                if let Activity::RateLimits { limits } = &activity {
                    *engine.0.rate_limits.lock().unwrap_or_else(PoisonError::into_inner) =
                        Some(limits.clone());
                }
                let session = {
                    let mut telemetry = telemetry.lock().unwrap_or_else(PoisonError::into_inner);
                    telemetry.note(&activity, now);
                    telemetry.session()
                };
                log_turn(&run, session.as_deref(), &activity);
                if stamped.send((now, activity)).await.is_err() {
                    return;
                }
            }
        };
        tokio::join!(stamping, self.write_down(waiting)).1
    }

    async fn write_down(mut self, mut seen: mpsc::Receiver<(Timestamp, Activity)>) -> Result<(), Failure> {
        let mut outcome = Ok(());
        let mut batch = Vec::with_capacity(BATCH);
        while let Some((at, first)) = seen.recv().await {
            if let Activity::Spawned { pid, cgroup, level } = &first
                && let Err(failure) = self.spawned(*pid, cgroup.clone(), level.as_str()).await
            {
                self.cancel.cancel();
                outcome = Err(failure);
            }
            if let Activity::Started { session } = &first {
                self.named(session).await;
            }
            batch.push(self.line(at, &first));
            let linger = tokio::time::sleep(LINGER);
            tokio::pin!(linger);
            while batch.len() < BATCH {
                tokio::select! {
                    next = seen.recv() => match next {
                        Some((at, activity)) => {
                            if let Activity::Started { session } = &activity {
                                self.named(session).await;
                            }
                            batch.push(self.line(at, &activity));
                        }
                        None => break,
                    },
                    () = &mut linger => break,
                }
            }
            self.write(std::mem::take(&mut batch)).await;
        }
        outcome
    }

    /// The process runs: under the kill plane with it first, then the run is told.
    async fn spawned(
        &self,
        pid: u32,
        cgroup: Option<std::path::PathBuf>,
        level: &str,
    ) -> Result<(), Failure> {
        let run = &self.run;
        let registration = Registration {
            run: run.id.to_string(),
            fence: run.fence.0,
            labels: run.identity().scopes().iter().map(ToString::to_string).collect(),
            pid: cgroup.is_none().then_some(pid),
            kill_dir: cgroup.clone(),
            walled: level != Level::Bare.as_str(),
        };
        let plane = &self.engine.0.kill_plane;
        if let Err(error) = plane.register(registration).await {
            // An agent that ended at once took its control group with it: nothing is left that could be stopped,
            // and its own end says why better than the refusal of a group that is gone.
            let gone = cgroup.as_ref().is_some_and(|group| matches!(group.try_exists(), Ok(false)));
            if !gone {
                return Err(Failure::new(FailureKind::Lost, error.to_string()));
            }
        }
        let started = Input::AttemptStarted { fence: run.fence, isolation: level.to_owned() };
        match self.engine.submit(&run.id, started).await {
            Ok(Some(_)) => Ok(()),
            // Stopped, cancelled or superseded while it was being started.
            Ok(None) => Err(Failure::new(FailureKind::Lost, "the claim was over before the agent ran")),
            Err(error) => Err(Failure::new(FailureKind::Engine, base::error::chain(&error))),
        }
    }

    /// The thread is remembered before anything happens in it, so that no crash loses it.
    async fn named(&self, thread: &str) {
        let (run, session_id) = (&self.run, thread);
        let (issue_id, issue_identifier) = (&run.issue.id, &run.issue.identifier);
        tracing::info!(%issue_id, %issue_identifier, session_id, run = %run.id, "session started");
        let started = Input::ThreadStarted { fence: run.fence, thread: thread.to_owned() };
        if let Err(error) = self.engine.submit(&run.id, started).await {
            tracing::warn!(run = %run.id, error = base::error::chain(&error), "the thread's name is not remembered");
        }
    }

    fn line(&self, at: Timestamp, activity: &Activity) -> Line {
        let text = serde_json::to_string(activity).unwrap_or_default();
        let text = if text.len() > MAX_LINE { shortened(activity) } else { text };
        Line { seq: 0, attempt: self.run.attempts, at, kind: kind(activity).to_owned(), text }
    }

    async fn write(&mut self, lines: Vec<Line>) {
        let room = usize::try_from(MAX_LINES.saturating_sub(self.written)).unwrap_or(usize::MAX);
        let lines: Vec<_> = lines.into_iter().take(room).collect();
        if lines.is_empty() {
            return;
        }
        self.written += lines.len() as u64;
        if let Err(error) = self.engine.0.store.add_activity(&self.run.id, &lines).await {
            // The log of an agent's doings is for people; losing a line must not cost the attempt.
            tracing::warn!(run = %self.run.id, error = base::error::chain(&error), "activity not recorded");
        }
    }
}

/// The beginning and end of a turn, by the session's own name (Symphony 13.1).
fn log_turn(run: &Run, session_id: Option<&str>, activity: &Activity) {
    let (issue_id, issue_identifier) = (&run.issue.id, &run.issue.identifier);
    match activity {
        Activity::TurnStarted { n, .. } => {
            tracing::info!(%issue_id, issue_identifier, session_id, run = %run.id, turn = n, "turn started");
        }
        Activity::TurnEnded { n, status } => {
            tracing::info!(%issue_id, issue_identifier, session_id, run = %run.id, turn = n, outcome = status, "turn ended");
        }
        Activity::Spawned { .. }
        | Activity::Started { .. }
        | Activity::RateLimits { .. }
        | Activity::Noticed { .. }
        | Activity::Turn { .. }
        | Activity::Said { .. }
        | Activity::Ran { .. }
        | Activity::Edited { .. }
        | Activity::ToolCalled { .. }
        | Activity::Usage { .. }
        | Activity::Retrying { .. }
        | Activity::Declined { .. }
        | Activity::Garbage { .. } => {}
    }
}

/// The activity with its long texts cut.
fn shortened(activity: &Activity) -> String {
    let cut = |text: &String| format!("{}…", super::prompt::clip(text, 2_000));
    let short = match activity.clone() {
        Activity::Said { text } => Activity::Said { text: cut(&text) },
        Activity::Ran { command, exit, ms, output_tail } => {
            Activity::Ran { command: cut(&command), exit, ms, output_tail: cut(&output_tail) }
        }
        Activity::Edited { mut files } => {
            files.truncate(50);
            Activity::Edited { files }
        }
        Activity::Garbage { total_bytes, start } => Activity::Garbage { total_bytes, start: cut(&start) },
        Activity::Retrying { why } => Activity::Retrying { why: cut(&why) },
        Activity::Declined { what } => Activity::Declined { what: cut(&what) },
        Activity::Noticed { event, text } => Activity::Noticed { event, text: cut(&text) },
        // Too large to be of use; the next one may not be.
        Activity::RateLimits { .. } => Activity::RateLimits { limits: serde_json::Value::Null },
        other @ (Activity::Spawned { .. }
        | Activity::Started { .. }
        | Activity::TurnStarted { .. }
        | Activity::TurnEnded { .. }
        | Activity::Turn { .. }
        | Activity::ToolCalled { .. }
        | Activity::Usage { .. }) => other,
    };
    serde_json::to_string(&short).unwrap_or_default()
}

fn kind(activity: &Activity) -> &'static str {
    match activity {
        Activity::Spawned { .. } => "spawned",
        Activity::Started { .. } => "started",
        Activity::TurnStarted { .. } => "turn_started",
        Activity::TurnEnded { .. } => "turn_ended",
        Activity::RateLimits { .. } => "rate_limits",
        Activity::Noticed { .. } => "noticed",
        Activity::Turn { .. } => "turn",
        Activity::Said { .. } => "said",
        Activity::Ran { .. } => "ran",
        Activity::Edited { .. } => "edited",
        Activity::ToolCalled { .. } => "tool_called",
        Activity::Usage { .. } => "usage",
        Activity::Retrying { .. } => "retrying",
        Activity::Declined { .. } => "declined",
        Activity::Garbage { .. } => "garbage",
    }
}
