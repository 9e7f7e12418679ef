//! Read-only connections, handed out one reader at a time.

use super::statement::{failure, run};
use super::{BUSY_TIMEOUT, STATEMENT_CACHE};
use crate::db::dialect::Translations;
use crate::db::{Error, READ_TIMEOUT, Result, Row, Value};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::Semaphore;

/// Readers at once. Reads take microseconds; more readers than a small machine has cores gain nothing.
const READERS: usize = 4;
/// Steps of SQLite's machine between two looks at the clock: some microseconds.
const STEPS_PER_CHECK: i32 = 10_000;

/// A pool of read-only connections. A free permit means that a connection is in `idle`.
#[derive(Debug)]
pub(super) struct Readers {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
    translations: Arc<Translations>,
}

impl Readers {
    pub(super) fn open(path: &Path, translations: Arc<Translations>) -> Result<Self> {
        let idle = (0..READERS).map(|_| connect(path)).collect::<Result<_>>()?;
        Ok(Self { idle: Mutex::new(idle), permits: Arc::new(Semaphore::new(READERS)), translations })
    }

    /// The rows of one SELECT, as of the last commit.
    pub(super) async fn read(self: &Arc<Self>, sql: &'static str, params: Vec<Value>) -> Result<Vec<Row>> {
        let own = self.translations.of(sql)?;
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(Error::unavailable)?;
        let readers = Arc::clone(self);
        // The closure owns permit and connection, so both return to the pool even when the caller has left.
        let read = move || {
            let mut connection =
                readers.take().ok_or_else(|| Error::unavailable("a reader was lost; restart the program"))?;
            let rows = limited(&mut connection, sql, &own, &params);
            readers.put_back(connection);
            drop(permit);
            rows
        };
        tokio::task::spawn_blocking(read).await.map_err(Error::unavailable)?
    }

    fn take(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn put_back(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}

fn limited(
    connection: &mut Connection,
    label: &'static str,
    own: &str,
    params: &[Value],
) -> Result<Vec<Row>> {
    let deadline = Instant::now() + READ_TIMEOUT;
    let late = move || Instant::now() > deadline;
    connection.progress_handler(STEPS_PER_CHECK, Some(late)).map_err(|e| failure(label, &e))?;
    run(connection, label, own, params).map(|done| done.rows)
}

fn connect(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| failure("open a reader", &e))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(|e| failure("busy_timeout", &e))?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(connection)
}
