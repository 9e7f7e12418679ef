//! The one thread that writes. It takes every batch that waits (up to a limit), gives each its own
//! savepoint inside one transaction, and answers them all after the one COMMIT is on the disk: a hundred
//! waiting callers cost one fsync.

use super::statement::{failure, run};
use crate::db::batch::checked;
use crate::db::dialect::Translations;
use crate::db::{Batch, Committed, Counters, Error, Result};
use base::files::Lock;
use rusqlite::Connection;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// Batches in one COMMIT. More would not save a noticeable part of an fsync, and would make the first wait.
pub(super) const MAX_GROUP: usize = 256;

/// A batch and who waits for it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) batch: Batch,
    pub(super) reply: oneshot::Sender<Result<Committed>>,
}

/// What the writer thread owns.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) translations: Arc<Translations>,
    pub(super) counters: Arc<Counters>,
    pub(super) changes: watch::Sender<u64>,
    /// Held until the connection is closed.
    pub(super) _lock: Lock,
}

impl Writer {
    /// Serves until every sender is gone.
    pub(super) fn serve(self, mut queue: mpsc::Receiver<Job>) {
        let mut group = Vec::with_capacity(MAX_GROUP);
        while let Some(first) = queue.blocking_recv() {
            group.push(first);
            while group.len() < MAX_GROUP
                && let Ok(next) = queue.try_recv()
            {
                group.push(next);
            }
            let answers = self.commit(&group);
            for (job, answer) in group.drain(..).zip(answers) {
                // A caller that left no longer wants to know; what it asked for is done all the same.
                let _ = job.reply.send(answer);
            }
        }
    }

    /// One answer for each job. When the group as a whole cannot be kept, all are told so.
    fn commit(&self, group: &[Job]) -> Vec<Result<Committed>> {
        let answers = self.try_commit(group).unwrap_or_else(|error| {
            if !self.connection.is_autocommit()
                && let Err(error) = self.execute("ROLLBACK")
            {
                tracing::error!(%error, "the store could not roll back");
            }
            vec![Err(error); group.len()]
        });
        self.counters.count(&answers);
        if answers.iter().any(Result::is_ok) {
            self.counters.commit();
            self.changes.send_modify(|n| *n += 1);
        }
        answers
    }

    fn try_commit(&self, group: &[Job]) -> Result<Vec<Result<Committed>>> {
        self.execute("BEGIN IMMEDIATE")?;
        let mut answers = Vec::with_capacity(group.len());
        for job in group {
            self.execute("SAVEPOINT batch")?;
            let answer = self.batch(&job.batch);
            if self.connection.is_autocommit() {
                // SQLite itself undid the whole transaction (disk full, IO error): nobody's batch was kept.
                return Err(answer.err().unwrap_or_else(|| Error::unavailable("SQLite undid the commit")));
            }
            if answer.is_err() {
                self.execute("ROLLBACK TO batch")?;
            }
            self.execute("RELEASE batch")?;
            answers.push(answer);
        }
        let kept = answers.iter().any(Result::is_ok);
        self.execute(if kept { "COMMIT" } else { "ROLLBACK" })?;
        Ok(answers)
    }

    fn batch(&self, batch: &Batch) -> Result<Committed> {
        let mut done = Vec::with_capacity(batch.statements.len());
        for (index, statement) in batch.statements.iter().enumerate() {
            let own = self.translations.of(statement.sql)?;
            let result = run(&self.connection, statement.label, &own, &statement.params);
            done.push(checked(index, statement, result.map_err(|e| e.at(index))?)?);
        }
        Ok(Committed { done })
    }

    fn execute(&self, sql: &'static str) -> Result<()> {
        let prepared = self.connection.prepare_cached(sql);
        prepared.and_then(|mut s| s.raw_execute()).map(|_| ()).map_err(|e| failure(sql, &e))
    }
}
