//! The live feed: events by their place in the records, gathered for a quarter of a second, resumable.
//!
//! Every feed follows the records by itself and remembers only the last place it sent, so a slow reader costs
//! nothing but its own place and a reader that comes back misses nothing.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event as Sse, KeepAlive, Sse as SseAnswer};
use domain::RunId;
use futures_util::Stream;
use futures_util::stream::unfold;
use store::cursor::EventCursor;
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::app::App;
use crate::error::ApiError;
use crate::records::EventRow;

/// Feeds at once. Each reads after every commit, at most four times a second; a team's tabs stay below it.
pub const MAX_FEEDS: usize = 64;
/// How long events are gathered before they are sent, so that a burst is one repaint.
const GATHER: Duration = Duration::from_millis(250);
/// A feed looks this often even when nobody says that something was written.
const LOOK_ANYWAY: Duration = Duration::from_secs(2);
/// A proxy closes a connection that is silent for longer than about 30 s.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events read at once; a feed that is far behind catches up in pages of this.
const BATCH: u32 = 200;

struct Follower {
    app: App,
    run: Option<RunId>,
    after: EventCursor,
    ready: VecDeque<EventRow>,
    changes: watch::Receiver<u64>,
    behind: bool,
    _place: OwnedSemaphorePermit,
}

/// A feed from after `after` on; of one run or of all.
pub(crate) fn feed(
    app: App,
    run: Option<RunId>,
    after: EventCursor,
) -> Result<SseAnswer<impl Stream<Item = Result<Sse, Infallible>>>, ApiError> {
    let place = app.feeds.clone().try_acquire_owned().map_err(|_| ApiError::too_many_feeds(MAX_FEEDS))?;
    let changes = app.records.changes();
    let follower = Follower { app, run, after, ready: VecDeque::new(), changes, behind: true, _place: place };
    let stream = unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(frame(&event)), follower))
    });
    Ok(SseAnswer::new(stream).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("still here")))
}

impl Follower {
    /// The next event; `None` when the server ends.
    async fn next(&mut self) -> Option<EventRow> {
        while self.ready.is_empty() {
            let ending = self.app.ending.clone();
            tokio::select! {
                () = ending.cancelled() => return None,
                () = self.something_new() => {}
            }
            self.gather().await;
        }
        self.ready.pop_front()
    }

    /// Waits for a commit, then for those that come with it. The hint may fail to come from another replica.
    async fn something_new(&mut self) {
        if self.behind {
            return;
        }
        // An error means that the store is closed, and so soon are we.
        let _hint = tokio::time::timeout(LOOK_ANYWAY, self.changes.changed()).await;
        tokio::time::sleep(GATHER).await;
    }

    async fn gather(&mut self) {
        self.changes.mark_unchanged();
        // The store may be back in a moment, and the reader resumes where it was; the error is logged below.
        let Ok(rows) = self.app.records.events_since(self.after, BATCH).await else {
            self.behind = false;
            return;
        };
        self.behind = rows.len() == BATCH as usize;
        self.after = rows.last().map_or(self.after, |row| row.cursor);
        let wanted = |row: &EventRow| self.run.as_ref().is_none_or(|run| run == &row.run);
        self.ready.extend(rows.into_iter().filter(wanted));
    }
}

fn frame(event: &EventRow) -> Sse {
    let frame = Sse::default().id(event.cursor.to_string());
    match frame.clone().json_data(event.view()) {
        Ok(full) => full,
        Err(_) => frame.data("{}"),
    }
}
