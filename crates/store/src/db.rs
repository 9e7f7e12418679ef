//! The database: one SQL for SQLite and PostgreSQL, and one way to write.
//!
//! Invariants: a read is one statement; a write is one [`Batch`] in one transaction; no caller's code runs
//! inside a transaction. Statements are constants of the program, values are always parameters.

mod batch;
mod dialect;
mod error;
mod migrate;
mod postgres;
mod sqlite;
mod value;

pub use batch::{Batch, Committed, Done, Expect, MAX_STATEMENTS, Statement};
pub use dialect::Engine;
pub use error::{Error, Result};
pub use migrate::Migration;
pub use value::{Row, Value};

use postgres::Postgres;
use sqlite::Sqlite;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// The most rows one statement may answer with; a list is paged long before.
pub const MAX_ROWS: usize = 100_000;
/// A statement that takes longer is interrupted: a dashboard must never hold the store up.
pub const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// A database. Clones share it.
#[derive(Clone, Debug)]
pub struct Db {
    backend: Backend,
    counters: Arc<Counters>,
    changes: watch::Receiver<u64>,
}

#[derive(Clone, Debug)]
enum Backend {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}

/// What was written since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Transactions that were made durable. On SQLite one of them carries many batches.
    pub commits: u64,
    /// Batches that were kept.
    pub batches: u64,
    /// Batches that were refused because an expectation did not hold.
    pub conflicts: u64,
    /// Reads and batches that wait for their answer now.
    pub under_way: u64,
}

impl Db {
    /// Opens `sqlite:FILE` (made when it does not exist) or `postgres://…`, and brings its schema up to date.
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_with(url, crate::schema::MIGRATIONS).await
    }

    /// Opens a database whose schema has another history than this crate's; for tests of the database itself.
    pub async fn open_with(url: &str, migrations: &'static [Migration]) -> Result<Self> {
        let counters = Arc::new(Counters::default());
        let (bump, changes) = watch::channel(0);
        let backend = if let Some(path) = url.strip_prefix("sqlite:") {
            if path.is_empty() {
                return Err(Error::Address { url: url.into(), what: "it names no file".into() });
            }
            let counters = Arc::clone(&counters);
            Backend::Sqlite(Arc::new(Sqlite::open(PathBuf::from(path), migrations, counters, bump).await?))
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Backend::Postgres(Arc::new(Postgres::open(url, migrations, Arc::clone(&counters), bump).await?))
        } else {
            let scheme = url.split(':').next().unwrap_or_default();
            return Err(Error::Address { url: format!("{scheme}:…"), what: "unknown scheme".into() });
        };
        Ok(Self { backend, counters, changes })
    }

    /// Which database it is.
    pub fn engine(&self) -> Engine {
        match self.backend {
            Backend::Sqlite(_) => Engine::Sqlite,
            Backend::Postgres(_) => Engine::Postgres,
        }
    }

    /// The rows of one SELECT, as of the last commit. At most [`MAX_ROWS`], within [`READ_TIMEOUT`].
    pub async fn read(&self, sql: &'static str, params: Vec<Value>) -> Result<Vec<Row>> {
        let _asked = self.counters.ask();
        match &self.backend {
            Backend::Sqlite(db) => db.read(sql, params).await,
            Backend::Postgres(db) => db.read(sql, params).await,
        }
    }

    /// Executes `batch` in one transaction, and answers when it is durable. An expectation that does not
    /// hold undoes all of it: [`Error::Conflict`]. A caller that stops waiting learns nothing: the batch may
    /// or may not be kept.
    pub async fn commit(&self, batch: Batch) -> Result<Committed> {
        if batch.is_empty() {
            return Ok(Committed::default());
        }
        if batch.len() > MAX_STATEMENTS {
            let what = format!("{} statements are more than {MAX_STATEMENTS}", batch.len());
            return Err(Error::Sql { label: "commit".into(), what });
        }
        let _asked = self.counters.ask();
        match &self.backend {
            Backend::Sqlite(db) => db.commit(batch).await,
            Backend::Postgres(db) => db.commit(batch).await,
        }
    }

    /// Changes after commits: a hint that reading again may show something new. Many commits may make one
    /// change; on PostgreSQL it also changes for other replicas' commits, and now and then for nothing.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    /// What was written since the start.
    pub fn stats(&self) -> Stats {
        self.counters.stats()
    }
}

/// The living [`Stats`].
#[derive(Debug, Default)]
struct Counters {
    commits: AtomicU64,
    batches: AtomicU64,
    conflicts: AtomicU64,
    under_way: AtomicU64,
}

/// A question under way; dropping it, also when whoever asked has left, ends it.
struct Asked<'a>(&'a Counters);

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Counters {
    fn ask(&self) -> Asked<'_> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        Asked(self)
    }

    fn commit(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self, answers: &[Result<Committed>]) {
        for answer in answers {
            match answer {
                Ok(_) => self.batches.fetch_add(1, Ordering::Relaxed),
                Err(Error::Conflict { .. }) => self.conflicts.fetch_add(1, Ordering::Relaxed),
                Err(_) => 0,
            };
        }
    }

    fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            commits: read(&self.commits),
            batches: read(&self.batches),
            conflicts: read(&self.conflicts),
            under_way: read(&self.under_way),
        }
    }
}
