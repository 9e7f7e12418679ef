//! What goes into a statement and comes out of it. Three types and NULL: everything that SQLite and
//! PostgreSQL agree on. Booleans are 0 and 1, instants are microseconds, JSON is text.

use super::{Error, Result};
use std::sync::Arc;

/// One value of a parameter or a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// NULL.
    Null,
    /// INTEGER in SQLite, BIGINT in PostgreSQL.
    Int(i64),
    /// TEXT.
    Text(String),
    /// BLOB in SQLite, BYTEA in PostgreSQL.
    Blob(Vec<u8>),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(i64::from(number))
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Int(i64::from(number))
    }
}

impl From<u64> for Value {
    /// Saturates: no amount, count or fence of ours comes near 2^63, and a saturated one fails every limit.
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Int(i64::from(flag))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(bytes)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Parameters of a statement, in the order of `$1`, `$2`, …
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::db::Value::from($value)),*] };
}

/// One row of an answer. Columns are found by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Value>,
}

impl Row {
    /// A row of `values` under `columns`; both have the same length.
    pub(super) fn new(columns: Arc<[String]>, values: Vec<Value>) -> Self {
        Self { columns, values }
    }

    /// The value of `column`; an error when the statement does not select it.
    pub fn get(&self, column: &str) -> Result<&Value> {
        let index = self.columns.iter().position(|name| name == column);
        index.and_then(|i| self.values.get(i)).ok_or_else(|| self.unexpected(column, "a selected column"))
    }

    /// The values in the order of the columns.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The integer in `column`; an error when it is NULL or of another type.
    pub fn int(&self, column: &str) -> Result<i64> {
        self.opt_int(column)?.ok_or_else(|| self.unexpected(column, "an integer"))
    }

    /// The integer in `column`, `None` when it is NULL.
    pub fn opt_int(&self, column: &str) -> Result<Option<i64>> {
        match self.get(column)? {
            Value::Int(number) => Ok(Some(*number)),
            Value::Null => Ok(None),
            Value::Text(_) | Value::Blob(_) => Err(self.unexpected(column, "an integer")),
        }
    }

    /// The integer in `column` as a count or an amount; an error when it is negative.
    pub fn uint(&self, column: &str) -> Result<u64> {
        u64::try_from(self.int(column)?).map_err(|_| self.unexpected(column, "a number that is not negative"))
    }

    /// The flag in `column`: 0 is false, everything else true.
    pub fn flag(&self, column: &str) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    /// The text in `column`; an error when it is NULL or of another type.
    pub fn text(&self, column: &str) -> Result<&str> {
        self.opt_text(column)?.ok_or_else(|| self.unexpected(column, "a text"))
    }

    /// The text in `column`, `None` when it is NULL.
    pub fn opt_text(&self, column: &str) -> Result<Option<&str>> {
        match self.get(column)? {
            Value::Text(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            Value::Int(_) | Value::Blob(_) => Err(self.unexpected(column, "a text")),
        }
    }

    /// The bytes in `column`; an error when it is NULL or of another type.
    pub fn blob(&self, column: &str) -> Result<&[u8]> {
        match self.get(column)? {
            Value::Blob(bytes) => Ok(bytes),
            Value::Null | Value::Int(_) | Value::Text(_) => Err(self.unexpected(column, "bytes")),
        }
    }

    fn unexpected(&self, column: &str, wanted: &str) -> Error {
        Error::Corrupt { what: format!("column `{column}` does not hold {wanted}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        let columns: Arc<[String]> = ["n", "t", "b", "nothing"].map(String::from).into();
        Row::new(columns, params![-7i64, "x", vec![1u8], None::<i64>])
    }

    #[test]
    fn a_column_is_read_as_what_it_is() {
        let row = row();
        assert_eq!(row.int("n").unwrap(), -7);
        assert_eq!(row.text("t").unwrap(), "x");
        assert_eq!(row.blob("b").unwrap(), [1]);
        assert_eq!(row.opt_text("nothing").unwrap(), None);
        assert_eq!(row.opt_int("nothing").unwrap(), None);
        assert!(row.flag("n").unwrap());
    }

    #[test]
    fn a_column_is_not_read_as_what_it_is_not() {
        let row = row();
        assert!(row.int("t").is_err());
        assert!(row.text("n").is_err());
        assert!(row.int("nothing").is_err());
        assert!(row.uint("n").is_err());
        assert!(row.int("absent").is_err());
    }
}
