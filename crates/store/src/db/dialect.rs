//! Everything that differs between the two engines. SQL is written once, in a common dialect:
//!
//! | written | SQLite | PostgreSQL |
//! |---|---|---|
//! | `$1` | `?1` | `$1` |
//! | `{now}` | the clock of the writer, microseconds | the clock of the server, microseconds |
//! | `{int}`, `{blob}` | `INTEGER`, `BLOB` | `BIGINT`, `BYTEA` |
//! | `{text}` | `TEXT`, compared by bytes | `TEXT`, compared by bytes, whatever the server's locale |
//! | `{serial}` | an integer primary key that is never reused | the same |
//! | `{strict}` | `STRICT` | nothing |
//! | `{tx}` | `0` | the number of the writing transaction |
//! | `{tx_settled}` | `1` | every transaction below this number has ended |
//! | `{tx_next}` | `1` | no transaction has this number or a higher one yet |
//! | `{skip_locked}` | nothing | rows that another transaction has locked are left out |
//! | `{share}` | nothing | the rows read stay as they are until the commit |
//! | `{key_share}` | nothing | nobody who wants them `{exclusive}` has the rows read before the commit |
//! | `{exclusive}` | nothing | waits for every `{key_share}` on the rows read, and keeps new ones waiting |
//!
//! `{tx}` and `{tx_settled}` exist because PostgreSQL gives out serial numbers before the commit: a reader
//! who remembers the highest number it saw would miss a row that was numbered earlier and committed later.
//! Ordering by `(tx, number)` below `{tx_settled}` misses nothing.
//!
//! Traps that the dialect does not hide, and that statements must mind: NULLs sort first in SQLite and last
//! in PostgreSQL (say `NULLS LAST`); `sum()` and division give NUMERIC in PostgreSQL (`CAST(… AS BIGINT)`);
//! RETURNING has no order; a bare parameter in arithmetic needs a CAST to BIGINT for PostgreSQL to know it.

use super::{Error, Result};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file on this machine.
    Sqlite,
    /// A server, shared by any number of replicas.
    Postgres,
}

impl Engine {
    fn expand(self, name: &str) -> Option<&'static str> {
        Some(match (self, name) {
            // The subsecond clock of SQLite counts milliseconds, as a float: rounded before it is scaled.
            (Self::Sqlite, "now") => "(CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000)",
            (Self::Postgres, "now") => "(CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT))",
            (Self::Sqlite, "int") => "INTEGER",
            (Self::Postgres, "int") => "BIGINT",
            (Self::Sqlite, "blob") => "BLOB",
            (Self::Postgres, "blob") => "BYTEA",
            (Self::Sqlite, "text") => "TEXT",
            (Self::Postgres, "text") => "TEXT COLLATE \"C\"",
            (Self::Sqlite, "serial") => "INTEGER PRIMARY KEY AUTOINCREMENT",
            (Self::Postgres, "serial") => "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
            (Self::Sqlite, "strict") => "STRICT",
            (Self::Postgres, "strict") => "",
            (Self::Sqlite, "tx") => "0",
            (Self::Postgres, "tx") => "(CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT))",
            (Self::Sqlite, "tx_settled" | "tx_next") => "1",
            (Self::Postgres, "tx_settled") => {
                "(CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT))"
            }
            (Self::Postgres, "tx_next") => {
                "(CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS TEXT) AS BIGINT))"
            }
            // The one writer of SQLite locks everything.
            (Self::Sqlite, "skip_locked" | "share" | "key_share" | "exclusive") => "",
            (Self::Postgres, "skip_locked") => "FOR UPDATE SKIP LOCKED",
            (Self::Postgres, "share") => "FOR SHARE",
            (Self::Postgres, "key_share") => "FOR KEY SHARE",
            (Self::Postgres, "exclusive") => "FOR UPDATE",
            (Self::Sqlite | Self::Postgres, _) => return None,
        })
    }

    fn placeholder(self) -> char {
        match self {
            Self::Sqlite => '?',
            Self::Postgres => '$',
        }
    }

    /// `sql` of the common dialect in the engine's own; text between single quotes stays as it is, comments go.
    pub fn translate(self, sql: &str) -> Result<String> {
        let mut own = String::with_capacity(sql.len() + 64);
        let mut rest = sql;
        while let Some(at) = rest.find(['$', '{', '\'', '-']) {
            let (before, from) = rest.split_at(at);
            own.push_str(before);
            if let Some(comment) = from.strip_prefix("--") {
                rest = comment.find('\n').map_or("", |end| comment.split_at(end).1);
            } else if let Some(text) = from.strip_prefix('\'') {
                let (text, after) = text.split_once('\'').unwrap_or((text, ""));
                own.extend(["'", text, "'"]);
                rest = after;
            } else if let Some(named) = from.strip_prefix('{') {
                let (name, after) = named.split_once('}').ok_or_else(|| unknown_macro(sql, named))?;
                own.push_str(self.expand(name).ok_or_else(|| unknown_macro(sql, name))?);
                rest = after;
            } else {
                let is_parameter = from.starts_with('$');
                own.push(if is_parameter { self.placeholder() } else { '-' });
                rest = from.get(1..).unwrap_or_default();
            }
        }
        own.push_str(rest);
        Ok(own)
    }
}

fn unknown_macro(sql: &str, name: &str) -> Error {
    Error::Sql { label: sql.to_owned(), what: format!("the dialect knows no {{{name}}}") }
}

/// Translations made so far. Statements are constants of the program, so it stays small.
#[derive(Debug)]
pub(super) struct Translations {
    engine: Engine,
    known: RwLock<HashMap<&'static str, Arc<str>>>,
}

impl Translations {
    pub(super) fn new(engine: Engine) -> Self {
        Self { engine, known: RwLock::default() }
    }

    /// `sql` in the engine's own words.
    pub(super) fn of(&self, sql: &'static str) -> Result<Arc<str>> {
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(sql) {
            return Ok(Arc::clone(known));
        }
        let own: Arc<str> = self.engine.translate(sql)?.into();
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(sql, Arc::clone(&own));
        Ok(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_and_macros_are_rewritten_outside_of_texts() {
        let sql = "UPDATE t SET a = $1, b = '{int} $2 it''s' WHERE c = $12";
        assert_eq!(
            Engine::Sqlite.translate(sql).unwrap(),
            "UPDATE t SET a = ?1, b = '{int} $2 it''s' WHERE c = ?12"
        );
        assert_eq!(Engine::Postgres.translate(sql).unwrap(), sql);
        assert_eq!(Engine::Postgres.translate("x {int}, y {blob} {strict}").unwrap(), "x BIGINT, y BYTEA ");
        assert_eq!(Engine::Sqlite.translate("x {int}) {strict}").unwrap(), "x INTEGER) STRICT");
    }

    #[test]
    fn a_comment_is_left_out_whatever_it_says() {
        let sql = "a - $1 -- it's {not} $2\n- b -- end";
        assert_eq!(Engine::Sqlite.translate(sql).unwrap(), "a - ?1 \n- b ");
    }

    #[test]
    fn a_macro_that_does_not_exist_is_an_error() {
        for sql in ["{nwo}", "{now", "{}"] {
            assert!(Engine::Sqlite.translate(sql).is_err(), "{sql}");
        }
    }
}
