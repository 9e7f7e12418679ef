//! One project's issues against its runs, tick by tick: read the tracker, let go of what left, start what may start.
//!
//! Invariant: a tracker that cannot be read keeps what was known; nothing is let go because of a blip.

mod claim;
mod read;
mod reasons;
mod retries;
mod seen;
mod startup;

use crate::{Engine, Registered};
use domain::fleet::Delivery;
use domain::issue::Issue;
use domain::{IssueId, ProjectName, Timestamp};
use reasons::Reasons;
use seen::Seen;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// The shortest time between two looks at what may start; wake-ups in between are taken together.
const SHORTEST: Duration = Duration::from_millis(25);
/// How often what is due and cannot start yet is looked at again without a wake-up.
const OVERDUE: Duration = Duration::from_millis(500);

/// One project's issues as they were read last.
struct Board {
    project: ProjectName,
    issues: Vec<Issue>,
    /// Issues of open runs that the last reading did not find.
    missing: HashSet<IssueId>,
    /// When the reading began: what was settled later may not show in it.
    observed_at: Timestamp,
    /// Counts the readings.
    reading: u64,
    /// What the store remembers of the tracker's issues.
    seen: Seen,
    /// Why issues are not worked on.
    reasons: Reasons,
    /// The issues that nobody works on, while nothing that they follow from has changed.
    unclaimed: Option<Unclaimed>,
    /// Workspaces of issues that are over were looked for.
    cleaned_up: bool,
}

/// The active issues that nobody works on, and what that follows from.
struct Unclaimed {
    authors: u64,
    reading: u64,
    registered: Arc<Registered>,
    /// Their places among the board's issues.
    places: Arc<Vec<usize>>,
}

impl Board {
    fn new(project: ProjectName) -> Self {
        Self {
            project,
            issues: vec![],
            missing: HashSet::new(),
            observed_at: Timestamp::default(),
            reading: 0,
            seen: Seen::default(),
            reasons: Reasons::default(),
            unclaimed: None,
            cleaned_up: false,
        }
    }
}

impl Engine {
    /// Reads one project's tracker and claims what may be worked on, until the engine is drained.
    pub(crate) async fn reconcile_issues_forever(&self, project: ProjectName) {
        let over = self.0.tasks.token();
        let (mut refresh, mut schedule) = (self.0.refresh.listen(), self.0.schedule.listen());
        let mut due = self.0.due.listen();
        let mut board = Board::new(project.clone());
        let mut last_poll: Option<tokio::time::Instant> = None;
        while !over.is_cancelled() {
            let registered = self.registered();
            let poll =
                registered.source(&project).map_or(OVERDUE, |source| Duration::from_millis(source.poll.0));
            let now = tokio::time::Instant::now();
            if last_poll.is_none_or(|last| last + poll <= now) {
                // Counted from the beginning of the reading: the next tick does not wait for a slow answer.
                last_poll = Some(now);
                self.0.refresh_asked.store(false, std::sync::atomic::Ordering::SeqCst);
                board.clean_up(self).await;
                board.read(self).await;
            }
            let hands_off =
                registered.project(&project).is_some_and(|project| project.delivery == Delivery::Handoff);
            let next_due = if hands_off { board.take_up_due(self).await } else { None };
            board.claim(self).await;
            let next_poll = last_poll.map_or(now, |last| last + poll);
            let wake = next_due.map_or(next_poll, |wait| next_poll.min(tokio::time::Instant::now() + wait));
            tokio::select! {
                () = tokio::time::sleep_until(wake) => {}
                () = refresh.woken() => last_poll = None,
                () = schedule.woken() => tokio::time::sleep(SHORTEST).await,
                () = due.woken(), if hands_off => tokio::time::sleep(SHORTEST).await,
                () = over.cancelled() => {}
            }
        }
    }

    /// Remembers what is wrong with a tracker, and says so when it begins and when it ends.
    fn trouble(&self, project: &ProjectName, trouble: Option<String>) {
        let mut troubles = self.0.troubles.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match trouble {
            Some(trouble) => {
                if troubles.get(project) != Some(&trouble) {
                    tracing::warn!(%project, trouble, "tracker trouble; what runs goes on, and it is read again");
                    troubles.insert(project.clone(), trouble);
                }
            }
            None => {
                if troubles.remove(project).is_some() {
                    tracing::info!(%project, "the tracker can be read whole again");
                }
            }
        }
    }
}
