//! The schema's history: numbered migrations, each applied once, each remembered with the checksum of its text.

use super::{Error, Result, Row, Value};

/// One step of the schema's history. Once released it never changes; a mistake is mended by the next one.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// From 1, without gaps.
    pub number: i64,
    /// What it is about.
    pub name: &'static str,
    /// Its statements, in the common dialect.
    pub sql: &'static str,
}

/// Where the applied ones are remembered.
pub(super) const TABLE: &str = "CREATE TABLE IF NOT EXISTS migrations (
    number {int} NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at {int} NOT NULL
) {strict}";

/// Selects the applied ones.
pub(super) const APPLIED: &str = "SELECT number, checksum FROM migrations ORDER BY number";

/// Remembers one.
pub(super) const RECORD: &str =
    "INSERT INTO migrations (number, name, checksum, applied_at) VALUES ($1, $2, $3, {now})";

impl Migration {
    /// The parameters of [`RECORD`].
    pub(super) fn row(&self) -> Vec<Value> {
        crate::params![self.number, self.name, self.checksum()]
    }

    /// Hex sha256 of the text; line ends do not count, because git may change them.
    fn checksum(&self) -> String {
        base::digest::sha256_hex(self.sql.replace("\r\n", "\n").as_bytes())
    }
}

/// Those of `known` that are not in `applied` yet. An error when the database was made by a newer program,
/// or by one with another history.
pub(super) fn missing(known: &'static [Migration], applied: &[Row]) -> Result<&'static [Migration]> {
    for (index, row) in applied.iter().enumerate() {
        let number = row.int("number")?;
        let Some(migration) = known.get(index) else {
            return Err(Error::schema(format!(
                "the database was made by a newer version (its schema is at {number}, this program knows {}); \
                 install that version, or restore a backup from before the upgrade",
                known.len()
            )));
        };
        if number != migration.number || row.text("checksum")? != migration.checksum() {
            return Err(Error::schema(format!(
                "migration {number} of the database is not the `{}` of this program; \
                 the database belongs to another build: use that one, or another database",
                migration.name
            )));
        }
    }
    Ok(known.get(applied.len()..).unwrap_or_default())
}
