//! Activity: what agents said and did while they worked. Bounded for each run; nothing is decided on it.

use crate::db::{Batch, Row};
use crate::row::{at, page, small};
use crate::{Result, Store, params};
use domain::{RunId, Timestamp};

/// Lines kept of each run: hours of work; the oldest go first.
pub const MAX_LINES: u32 = 5_000;
/// Bytes kept of one line; longer ones are cut.
pub const MAX_TEXT: usize = 16 * 1024;

/// One thing an agent said or did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Its place; given by the store, grows within a run.
    pub seq: i64,
    /// In which attempt.
    pub attempt: u32,
    /// When.
    pub at: Timestamp,
    /// `message`, `command`, `stderr` and the like.
    pub kind: String,
    /// The line itself, or JSON, as the kind says.
    pub text: String,
}

const INSERT: &str = "INSERT INTO activity (run, attempt, at, kind, text) VALUES ($1, $2, $3, $4, $5)";
const TRIM: &str = "DELETE FROM activity WHERE run = $1
    AND seq <= (SELECT seq FROM activity WHERE run = $1 ORDER BY seq DESC LIMIT 1 OFFSET $2)";
const AFTER: &str =
    "SELECT seq, attempt, at, kind, text FROM activity WHERE run = $1 AND seq > $2 ORDER BY seq LIMIT $3";
const LAST: &str =
    "SELECT seq, attempt, at, kind, text FROM activity WHERE run = $1 ORDER BY seq DESC LIMIT $2";

impl Store {
    /// Adds `lines` (their `seq` is not read) to what `run` did, in their order.
    pub async fn add_activity(&self, run: &RunId, lines: &[Activity]) -> Result<()> {
        for chunk in lines.chunks(CHUNK) {
            let mut batch = Batch::new();
            for line in chunk {
                let text = cut(&line.text);
                batch.run(
                    "activity",
                    INSERT,
                    params![run.as_str(), line.attempt, line.at.0, line.kind.as_str(), text],
                );
            }
            batch.run("trim activity", TRIM, params![run.as_str(), MAX_LINES]);
            self.db.commit(batch).await?;
        }
        Ok(())
    }

    /// Up to `limit` lines of `run` after `seq` (0 is before the first), oldest first.
    pub async fn activity_since(&self, run: &RunId, seq: i64, limit: u32) -> Result<Vec<Activity>> {
        let rows = self.db.read(AFTER, params![run.as_str(), seq, page(limit)]).await?;
        rows.iter().map(activity).collect()
    }

    /// The last `limit` lines of `run`, oldest first.
    pub async fn last_activity(&self, run: &RunId, limit: u32) -> Result<Vec<Activity>> {
        let rows = self.db.read(LAST, params![run.as_str(), page(limit)]).await?;
        rows.iter().rev().map(activity).collect()
    }
}

/// Lines in one transaction.
const CHUNK: usize = 500;

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or_default()
}

fn activity(row: &Row) -> Result<Activity> {
    Ok(Activity {
        seq: row.int("seq")?,
        attempt: small(row, "attempt")?,
        at: at(row, "at")?,
        kind: row.text("kind")?.to_owned(),
        text: row.text("text")?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let long = "ä".repeat(MAX_TEXT);
        assert_eq!(cut(&long).len(), MAX_TEXT);
        assert_eq!(cut(&format!("x{long}")).len(), MAX_TEXT - 1);
        assert_eq!(cut("short"), "short");
    }
}
