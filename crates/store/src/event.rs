//! Events: append-only, read by the live feed and the timelines.

use crate::db::Row;
use crate::row::{at, json, name, page};
use crate::{Result, Store, params};
use domain::event::Event;
use domain::{ProjectName, RunId, Timestamp};

pub use crate::cursor::EventCursor;

/// An event as it stands in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its place; reading after it goes on with the next.
    pub cursor: EventCursor,
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub run: RunId,
    /// In which project.
    pub project: ProjectName,
    /// What.
    pub event: Event,
}

const SINCE: &str = "SELECT tx, seq, at, run, project, data FROM events
    WHERE (tx, seq) > ($1, $2) AND tx < {tx_settled} ORDER BY tx, seq LIMIT $3";
const NEWEST: &str = "SELECT tx, seq FROM events WHERE tx < {tx_settled} ORDER BY tx DESC, seq DESC LIMIT 1";
const BY_RUN: &str =
    "SELECT tx, seq, at, run, project, data FROM events WHERE run = $1 ORDER BY seq LIMIT $2";

impl Store {
    /// Up to `limit` events after `cursor`, in an order in which none ever appears before one that was read.
    /// An event shows up once every transaction that began before its own has ended: at once, as a rule.
    pub async fn events_since(&self, cursor: EventCursor, limit: u32) -> Result<Vec<StoredEvent>> {
        let rows = self.db.read(SINCE, params![cursor.tx, cursor.seq, page(limit)]).await?;
        rows.iter().map(event).collect()
    }

    /// The place after the newest event: a feed that begins here shows only what is new.
    pub async fn newest_event(&self) -> Result<EventCursor> {
        let rows = self.db.read(NEWEST, vec![]).await?;
        rows.first().map_or(Ok(EventCursor::default()), cursor)
    }

    /// The first `limit` events of `run`, oldest first.
    pub async fn events_of(&self, run: &RunId, limit: u32) -> Result<Vec<StoredEvent>> {
        let rows = self.db.read(BY_RUN, params![run.as_str(), page(limit)]).await?;
        rows.iter().map(event).collect()
    }
}

fn cursor(row: &Row) -> Result<EventCursor> {
    Ok(EventCursor { tx: row.int("tx")?, seq: row.int("seq")? })
}

fn event(row: &Row) -> Result<StoredEvent> {
    Ok(StoredEvent {
        cursor: cursor(row)?,
        at: at(row, "at")?,
        run: name(row, "run")?,
        project: name(row, "project")?,
        event: json(row, "data")?,
    })
}
