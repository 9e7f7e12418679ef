//! Loads facts and commits steps, on SQLite or PostgreSQL.
//!
//! One file for each noun; [`step`] is the heart: the run's next state, its events and its effects in one
//! transaction, guarded by what the decision had read. [`db`] below knows nothing of the business.
//!
//! Invariants: every write is conditional on what was read; a write that carries an old version, fence or
//! lease changes nothing and says so; lists are bounded.

pub mod activity;
pub mod budget;
pub mod call;
pub mod containment;
pub mod cursor;
pub mod db;
pub mod decision;
pub mod effect;
mod error;
pub mod event;
pub mod issue;
pub mod key;
pub mod lease;
pub mod pause;
mod row;
pub mod run;
mod schema;
pub mod step;

pub use db::{Db, Stats};
pub use error::{Error, Result};

use db::{Batch, Committed, Value};
use lease::Fence;
use std::sync::Arc;
use tokio::sync::watch;

/// The most items one list answers with; a larger limit is lowered to it.
pub const MAX_PAGE: u32 = 1_000;

/// Everything Seawall remembers. Clones share the database.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    fence: Option<Arc<Fence>>,
}

/// Changes of one kind in one transaction; others may write between two of them.
const CHUNK: usize = 500;

/// Events of a database that was restored on another PostgreSQL server carry that server's transaction
/// numbers, which this one has not reached: they would stay hidden.
const REBASE_EVENTS: &str = "UPDATE events SET tx = 0 WHERE tx >= {tx_next}";

impl Store {
    /// Opens `sqlite:FILE` (made when it does not exist) or `postgres://…`, and brings its schema up to date.
    pub async fn open(url: &str) -> Result<Self> {
        let db = Db::open(url).await?;
        let mut batch = Batch::new();
        batch.run("rebase events", REBASE_EVENTS, vec![]);
        db.commit(batch).await?;
        Ok(Self { db, fence: None })
    }

    /// Commits changes that need not be kept together, some hundred in each transaction.
    async fn commit_many(&self, label: &'static str, changes: Vec<(&'static str, Vec<Value>)>) -> Result<()> {
        let mut changes = changes.into_iter().peekable();
        while changes.peek().is_some() {
            let mut batch = Batch::new();
            for (sql, row) in changes.by_ref().take(CHUNK) {
                batch.run(label, sql, row);
            }
            self.db.commit(batch).await?;
        }
        Ok(())
    }

    /// Commits what only the engine of the database may write.
    async fn commit_fenced(&self, mut batch: Batch) -> db::Result<Committed> {
        if let Some(fence) = &self.fence {
            fence.guard(&mut batch);
        }
        self.db.commit(batch).await
    }

    /// The database below.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Changes after commits: a hint that reading again may show something new. See [`Db::changes`].
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.db.changes()
    }

    /// What was written since the start.
    pub fn stats(&self) -> Stats {
        self.db.stats()
    }
}
