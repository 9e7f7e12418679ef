//! One statement on one SQLite connection, and what its failure means.

use crate::db::batch::Done;
use crate::db::{Error, MAX_ROWS, Result, Row, Value};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql};
use std::sync::Arc;

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Runs `sql` (SQLite's own words) to its end.
pub(super) fn run(connection: &Connection, label: &'static str, sql: &str, params: &[Value]) -> Result<Done> {
    let fail = |e: rusqlite::Error| failure(label, &e);
    let mut statement = connection.prepare_cached(sql).map_err(fail)?;
    if statement.parameter_count() != params.len() {
        let what = format!("{} parameters wanted, {} given", statement.parameter_count(), params.len());
        return Err(Error::Sql { label: label.to_owned(), what });
    }
    for (index, value) in params.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, value).map_err(fail)?;
    }
    if statement.column_count() == 0 {
        let affected = statement.raw_execute().map_err(fail)? as u64;
        return Ok(Done { rows: Vec::new(), affected });
    }
    let columns: Arc<[String]> = statement.column_names().map(String::from).collect();
    let mut rows = Vec::new();
    let mut found = statement.raw_query();
    while let Some(row) = found.next().map_err(fail)? {
        if rows.len() == MAX_ROWS {
            return Err(too_many(label));
        }
        let values = (0..columns.len()).map(|i| value(label, row.get_ref(i).map_err(fail)?));
        rows.push(Row::new(Arc::clone(&columns), values.collect::<Result<_>>()?));
    }
    Ok(Done { affected: rows.len() as u64, rows })
}

/// The rows of `sql` (SQLite's own words).
pub(super) fn all(
    connection: &Connection,
    label: &'static str,
    sql: &str,
    params: &[Value],
) -> Result<Vec<Row>> {
    run(connection, label, sql, params).map(|done| done.rows)
}

/// Sets a pragma and returns what it answers.
pub(super) fn pragma(connection: &Connection, name: &'static str, value: &str) -> Result<Option<String>> {
    let mut answer = None;
    let read = |row: &rusqlite::Row<'_>| {
        answer = row.get::<_, String>(0).ok();
        Ok(())
    };
    let set = connection.pragma_update_and_check(None, name, value, read);
    if let Err(error) = set
        && !matches!(error, rusqlite::Error::QueryReturnedNoRows)
    {
        return Err(failure(name, &error));
    }
    Ok(answer)
}

fn value(label: &'static str, value: ValueRef<'_>) -> Result<Value> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Text(bytes) => Value::Text(
            String::from_utf8(bytes.to_vec())
                .map_err(|_| Error::Corrupt { what: format!("{label}: a text is not UTF-8") })?,
        ),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
        ValueRef::Real(_) => {
            let what = "a column is a float; CAST it to INTEGER".to_owned();
            return Err(Error::Sql { label: label.to_owned(), what });
        }
    })
}

fn too_many(label: &'static str) -> Error {
    Error::Sql { label: label.to_owned(), what: format!("more than {MAX_ROWS} rows; add a LIMIT") }
}

/// What a failure of SQLite means to a caller. A unique index that refused a row is a conflict; who knows
/// the statement's number puts it in ([`Error::at`]).
pub(super) fn failure(label: &'static str, error: &rusqlite::Error) -> Error {
    let words = || error.to_string();
    if is_duplicate(error) {
        return Error::Conflict { statement: 0, label, rows: 0 };
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Error::Corrupt { what: words() },
        Some(ErrorCode::DiskFull) => Error::unavailable("the disk is full; free some space"),
        Some(ErrorCode::OperationInterrupted) => Error::unavailable(format!("{label} took too long")),
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::SystemIoFailure
            | ErrorCode::OutOfMemory
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied,
        ) => Error::unavailable(words()),
        _ => Error::Sql { label: label.to_owned(), what: words() },
    }
}

/// Whether a unique index or a primary key refused the row.
fn is_duplicate(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|e| {
        matches!(
            e.extended_code,
            rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        )
    })
}
