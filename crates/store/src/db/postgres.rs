//! PostgreSQL, 15 or newer: a pool of connections, shared by any number of replicas.
//!
//! Invariants: every transaction is short and bounded by the server's own timeouts; a batch that lost a
//! deadlock or serialization race is tried again (it is pure data, so it may be), a bounded number of times;
//! a lost connection during COMMIT is reported as unknown, never guessed.
//!
//! Connections are not encrypted yet: use a private network, a unix socket, or a local TLS proxy.

mod failure;
mod hints;
mod statement;

use super::batch::checked;
use super::dialect::{Engine, Translations};
use super::migrate::{self, Migration};
use super::{Batch, Committed, Counters, Error, READ_TIMEOUT, Result, Row, Value};
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Transaction};
use failure::{Failure, from_pool};
use futures_util::future::join_all;
use hints::Hints;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};

/// Connections of one replica. PostgreSQL gains nothing from more writers than it has cores and disks.
const CONNECTIONS: usize = 16;
/// How long a caller waits for a connection before the store counts as unavailable.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a statement or batch is tried before its cause is given up: some 120 ms of waiting in all, in
/// which dead connections are noticed and deadlocked neighbours get through.
const MAX_TRIES: u32 = 7;
/// The wait before the second try; doubles.
const FIRST_WAIT: Duration = Duration::from_millis(2);
/// Statements sent without waiting for the answer of the one before. `join_all` starts up to thirty futures
/// in their order, and the order of the statements must hold.
const PIPELINE: usize = 16;
/// The oldest server that this SQL was tested on.
const MIN_VERSION: i64 = 150_000;
/// Keeps two replicas that start together from migrating at once. An arbitrary number, the same for all.
const MIGRATION_LOCK: i64 = 0x5EA_3A11;

/// An open PostgreSQL database.
#[derive(Debug)]
pub(super) struct Postgres {
    pool: Pool,
    translations: Translations,
    counters: Arc<Counters>,
    hints: Hints,
}

impl Postgres {
    /// Connects, checks the version, migrates, and starts listening for other replicas.
    pub(super) async fn open(
        url: &str,
        migrations: &'static [Migration],
        counters: Arc<Counters>,
        changes: watch::Sender<u64>,
    ) -> Result<Self> {
        let config = configure(url)?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config.clone(), NoTls, recycling);
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .recycle_timeout(Some(PATIENCE))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(Error::unavailable)?;
        let mut client = pool.get().await.map_err(|e| from_pool(&e))?;
        migrate_server(&mut client, migrations).await?;
        let hints = Hints::start(config, changes);
        Ok(Self { pool, translations: Translations::new(Engine::Postgres), counters, hints })
    }

    pub(super) async fn read(&self, sql: &'static str, params: Vec<Value>) -> Result<Vec<Row>> {
        let mut tries = Tries::new();
        loop {
            match self.try_read(sql, &params).await {
                Ok(rows) => return Ok(rows),
                Err(failure) => tries.again(failure).await?,
            }
        }
    }

    async fn try_read(&self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, Failure> {
        let client = self.pool.get().await.map_err(|e| from_pool(&e))?;
        let prepared = client.prepare_cached(&self.translations.of(sql)?).await;
        let prepared = prepared.map_err(|e| Failure::of(sql, &e))?;
        statement::run(&client, &prepared, sql, params).await.map(|done| done.rows)
    }

    pub(super) async fn commit(&self, batch: Batch) -> Result<Committed> {
        let answer = self.commit_uncounted(&batch).await;
        self.counters.count(std::slice::from_ref(&answer));
        if answer.is_ok() {
            self.counters.commit();
        }
        // Also after a refusal: what the undone transaction held back (see `{tx_settled}`) shows now.
        self.hints.ended();
        answer
    }

    async fn commit_uncounted(&self, batch: &Batch) -> Result<Committed> {
        let mut tries = Tries::new();
        loop {
            match self.try_commit(batch).await {
                Ok(committed) => return Ok(committed),
                Err(failure) => tries.again(failure).await?,
            }
        }
    }

    async fn try_commit(&self, batch: &Batch) -> Result<Committed, Failure> {
        let mut client = self.pool.get().await.map_err(|e| from_pool(&e))?;
        let transaction = client.transaction().await.map_err(|e| Failure::of("begin", &e))?;
        let mut done = Vec::with_capacity(batch.len());
        for (chunk_index, chunk) in batch.statements.chunks(PIPELINE).enumerate() {
            let mut prepared = Vec::with_capacity(chunk.len());
            for statement in chunk {
                let own = self.translations.of(statement.sql)?;
                let one = transaction.prepare_cached(&own).await;
                prepared.push(one.map_err(|e| Failure::of(statement.label, &e))?);
            }
            let runs = chunk.iter().zip(&prepared).map(|(statement, prepared)| {
                statement::run(&transaction, prepared, statement.label, &statement.params)
            });
            for (offset, result) in join_all(runs).await.into_iter().enumerate() {
                let index = chunk_index * PIPELINE + offset;
                let statement = &chunk[offset];
                done.push(checked(index, statement, result.map_err(|f| f.at(index))?)?);
            }
        }
        transaction.commit().await.map_err(|e| Failure::of_commit(&e))?;
        Ok(Committed { done })
    }
}

/// Tries that are left after a lost race, or when a connection that sat in the pool had died there.
struct Tries {
    left: u32,
    wait: Duration,
}

impl Tries {
    fn new() -> Self {
        Self { left: MAX_TRIES - 1, wait: FIRST_WAIT }
    }

    /// Waits a little, or gives the error back when `failure` is no reason to try again, or the last.
    async fn again(&mut self, failure: Failure) -> Result<()> {
        if self.left == 0 || !failure.retry() {
            return Err(failure.error);
        }
        tokio::time::sleep(self.wait).await;
        (self.left, self.wait) = (self.left - 1, self.wait * 2);
        Ok(())
    }
}

fn configure(url: &str) -> Result<Config> {
    let without_password = || {
        let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
        format!("{scheme}://{}", rest.rsplit_once('@').map_or(rest, |(_, host)| host))
    };
    let wrong = |what: String| Error::Address { url: without_password(), what };
    let mut config: Config = url.parse().map_err(|e| wrong(failure::words(&e)))?;
    if config.get_ssl_mode() == SslMode::Require {
        return Err(wrong("TLS is not supported yet; use a private network or a local TLS proxy".into()));
    }
    let limit_ms = READ_TIMEOUT.as_millis();
    let limits = format!("-c statement_timeout={limit_ms} -c idle_in_transaction_session_timeout={limit_ms}");
    let options = config.get_options().map_or(limits.clone(), |given| format!("{given} {limits}"));
    // A server that vanished without a word is noticed within seconds, not hours.
    config
        .options(options)
        .connect_timeout(PATIENCE)
        .tcp_user_timeout(READ_TIMEOUT)
        .keepalives_idle(PATIENCE);
    if config.get_application_name().is_none() {
        config.application_name("seawall");
    }
    Ok(config)
}

async fn migrate_server(client: &mut Object, migrations: &'static [Migration]) -> Result<()> {
    let version = "SELECT CAST(current_setting('server_version_num') AS BIGINT) AS version";
    let rows = query(client, "version", version, &[]).await?;
    let version = rows.first().map_or(Ok(0), |row| row.int("version"))?;
    if version < MIN_VERSION {
        let major = version / 10_000;
        return Err(Error::schema(format!("the server is PostgreSQL {major}; 15 or newer is needed")));
    }
    let failed = |label| move |e| Failure::of(label, &e).error;
    let transaction = client.transaction().await.map_err(failed("begin"))?;
    let lock = format!("SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
    transaction.batch_execute(&lock).await.map_err(failed("migration lock"))?;
    let table = Engine::Postgres.translate(migrate::TABLE)?;
    transaction.batch_execute(&table).await.map_err(failed("migrations"))?;
    apply(&transaction, migrations).await?;
    transaction.commit().await.map_err(failed("commit migrations"))
}

async fn apply(transaction: &Transaction<'_>, migrations: &'static [Migration]) -> Result<()> {
    let applied = query(transaction, "migrations", migrate::APPLIED, &[]).await?;
    for migration in migrate::missing(migrations, &applied)? {
        let sql = Engine::Postgres.translate(migration.sql)?;
        let made = transaction.batch_execute(&sql).await;
        made.map_err(|e| Failure::of(migration.name, &e).error)?;
        let record = Engine::Postgres.translate(migrate::RECORD)?;
        query(transaction, "record", &record, &migration.row()).await?;
    }
    Ok(())
}

async fn query(
    client: &impl deadpool_postgres::GenericClient,
    label: &'static str,
    sql: &str,
    params: &[Value],
) -> Result<Vec<Row>> {
    let prepared = client.prepare(sql).await.map_err(|e| Failure::of(label, &e).error)?;
    let done = statement::run(client, &prepared, label, params).await;
    done.map(|done| done.rows).map_err(|f| f.error)
}
