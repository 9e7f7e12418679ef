//! SQLite: one file, exactly one writer thread, a few readers.
//!
//! Invariants: only the writer thread writes, so nobody ever waits for another writer's lock; a batch is
//! answered after the COMMIT that holds it is on the disk (WAL, synchronous FULL); a lock file keeps a
//! second process out, because it would be a second writer.

mod reader;
mod statement;
mod writer;

use super::dialect::{Engine, Translations};
use super::migrate::{self, Migration};
use super::{Batch, Committed, Counters, Error, Result, Row, Value};
use base::files::{Lock, LockError};
use reader::Readers;
use rusqlite::{Connection, OpenFlags};
use statement::{failure, pragma};
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};
use writer::{Job, Writer};

/// Statements each connection keeps prepared; more than this crate has.
const STATEMENT_CACHE: usize = 256;
/// How long a connection waits for a lock held from outside, such as a backup tool's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an opener waits for the process before it to let the file go: a restart overlaps a little.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);
/// The wait between two tries to get the lock.
const LOCK_RETRY: Duration = Duration::from_millis(20);
/// Batches that may wait for the writer; beyond it, callers wait to be let in. Four full groups.
const QUEUE: usize = 4 * writer::MAX_GROUP;

/// An open SQLite database.
#[derive(Debug)]
pub(super) struct Sqlite {
    jobs: mpsc::Sender<Job>,
    readers: Arc<Readers>,
}

impl Sqlite {
    /// Opens (or creates) the file at `path`, migrates it, and starts its writer.
    pub(super) async fn open(
        path: PathBuf,
        migrations: &'static [Migration],
        counters: Arc<Counters>,
        changes: watch::Sender<u64>,
    ) -> Result<Self> {
        let blocking = move || {
            let lock = lock(&path)?;
            let connection = connect(&path)?;
            migrate_file(&connection, migrations)?;
            let translations = Arc::new(Translations::new(Engine::Sqlite));
            let readers = Readers::open(&path, Arc::clone(&translations))?;
            let writer = Writer { connection, translations, counters, changes, _lock: lock };
            let (jobs, queue) = mpsc::channel(QUEUE);
            let spawned = std::thread::Builder::new().name("store-writer".into());
            spawned.spawn(move || writer.serve(queue)).map_err(Error::unavailable)?;
            Ok(Self { jobs, readers: Arc::new(readers) })
        };
        tokio::task::spawn_blocking(blocking).await.map_err(Error::unavailable)?
    }

    pub(super) async fn read(&self, sql: &'static str, params: Vec<Value>) -> Result<Vec<Row>> {
        self.readers.read(sql, params).await
    }

    pub(super) async fn commit(&self, batch: Batch) -> Result<Committed> {
        let stopped = |()| Error::unavailable("its writer has stopped; restart the program");
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job { batch, reply }).await.map_err(|_| stopped(()))?;
        answer.await.map_err(|_| stopped(()))?
    }
}

/// Keeps every other process out of the database for as long as the answer lives.
fn lock(path: &Path) -> Result<Lock> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match Lock::acquire(Path::new(&name)) {
            Ok(lock) => return Ok(lock),
            Err(LockError::Held { .. }) if Instant::now() < deadline => std::thread::sleep(LOCK_RETRY),
            Err(held @ LockError::Held { .. }) => {
                return Err(Error::unavailable(format!(
                    "{held}; several processes need a PostgreSQL database"
                )));
            }
            Err(LockError::Io { source, .. }) => return Err(cannot_create(path, &source)),
        }
    }
}

fn cannot_create(path: &Path, error: &std::io::Error) -> Error {
    Error::Address { url: format!("sqlite:{}", path.display()), what: format!("cannot open it: {error}") }
}

/// The writer's connection. The file is made readable by its owner only: it holds prompts' whereabouts,
/// keys' names and costs.
fn connect(path: &Path) -> Result<Connection> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|e| cannot_create(path, &e))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| failure("open", &e))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(|e| failure("busy_timeout", &e))?;
    let mode = pragma(&connection, "journal_mode", "WAL")?;
    if mode.as_deref() != Some("wal") {
        return Err(Error::unavailable(format!("{} is on a file system without WAL", path.display())));
    }
    pragma(&connection, "synchronous", "FULL")?;
    pragma(&connection, "foreign_keys", "ON")?;
    pragma(&connection, "trusted_schema", "OFF")?;
    // Bytes that the WAL keeps after a checkpoint, so that one burst does not occupy the disk for ever.
    pragma(&connection, "journal_size_limit", "67108864")?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(connection)
}

fn migrate_file(connection: &Connection, migrations: &'static [Migration]) -> Result<()> {
    let run = |label: &'static str, sql: &str| connection.execute_batch(sql).map_err(|e| failure(label, &e));
    run("begin", "BEGIN IMMEDIATE")?;
    run("migrations", &Engine::Sqlite.translate(migrate::TABLE)?)?;
    let applied = statement::all(connection, "migrations", migrate::APPLIED, &[])?;
    for migration in migrate::missing(migrations, &applied)? {
        run(migration.name, &Engine::Sqlite.translate(migration.sql)?)?;
        let record = Engine::Sqlite.translate(migrate::RECORD)?;
        statement::all(connection, "record", &record, &migration.row())?;
    }
    run("commit", "COMMIT")
}
