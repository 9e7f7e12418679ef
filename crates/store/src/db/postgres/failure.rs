//! What a failure of PostgreSQL means to a caller.

use crate::db::Error;
use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

/// An error, and what may be done about it before the caller hears of it.
#[derive(Debug)]
pub(super) struct Failure {
    /// What the caller hears in the end.
    pub(super) error: Error,
    /// The connection is gone, and nothing was committed on it.
    lost: bool,
    /// The server undid the transaction because of a race with another.
    raced: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, lost: false, raced: false }
    }
}

impl Failure {
    /// The meaning of `error`, which came before any COMMIT was sent.
    pub(super) fn of(label: &'static str, error: &tokio_postgres::Error) -> Self {
        let raced = matches!(
            error.code(),
            Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED)
        );
        Self { error: meaning(label, error), lost: is_lost(error), raced }
    }

    /// The meaning of `error`, which came in answer to a COMMIT.
    pub(super) fn of_commit(error: &tokio_postgres::Error) -> Self {
        if is_lost(error) {
            return Error::Unknown { what: words(error) }.into();
        }
        Self::of("commit", error)
    }

    /// Whether the same batch may be tried again: nothing of it was kept, and the cause is gone.
    pub(super) fn retry(&self) -> bool {
        self.lost || self.raced
    }

    /// The same, at statement number `index` of the batch.
    pub(super) fn at(self, index: usize) -> Self {
        Self { error: self.error.at(index), ..self }
    }
}

/// The pool gave no connection.
pub(super) fn from_pool(error: &PoolError) -> Error {
    match error {
        PoolError::Backend(e) => Error::unavailable(words(e)),
        PoolError::Timeout(_) => {
            Error::unavailable("every connection is in use, or the server does not answer")
        }
        PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
            Error::unavailable(error)
        }
    }
}

/// The connection ended, or the server is about to end it (class 57P: shut down by its operator, crashed).
fn is_lost(error: &tokio_postgres::Error) -> bool {
    error.is_closed()
        || error.code().is_some_and(|c| c.code().starts_with("57P") || c.code().starts_with("08"))
        || std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}

fn meaning(label: &'static str, error: &tokio_postgres::Error) -> Error {
    let Some(code) = error.code() else {
        return if is_lost(error) {
            Error::unavailable(words(error))
        } else {
            Error::Sql { label: label.to_owned(), what: words(error) }
        };
    };
    match (code, code.code().get(..2)) {
        (&SqlState::UNIQUE_VIOLATION, _) => Error::Conflict { statement: 0, label, rows: 0 },
        (&SqlState::QUERY_CANCELED, _) => Error::unavailable(format!("{label} took too long")),
        (&SqlState::READ_ONLY_SQL_TRANSACTION, _) => {
            Error::unavailable("the server is a read-only standby; connect to the primary")
        }
        // Connection, races, resources (disk, memory, connections), operator, system.
        (_, Some("08" | "40" | "53" | "57" | "58")) => Error::unavailable(words(error)),
        (&SqlState::LOCK_NOT_AVAILABLE, _) => Error::unavailable(words(error)),
        (_, Some("XX")) => Error::Corrupt { what: words(error) },
        (_, Some(_) | None) => Error::Sql { label: label.to_owned(), what: words(error) },
    }
}

/// The server's message with its code, or the whole chain of causes. Never the detail, which quotes values.
pub(super) fn words(error: &tokio_postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        return format!("{} ({})", db.message(), db.code().code());
    }
    base::error::chain(error)
}
