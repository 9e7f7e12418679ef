//! Rows to values of the domain, and back.

use crate::MAX_PAGE;
use crate::db::{Error, Result, Row};
use domain::{MicroUsd, Timestamp};
use serde::Serialize;
use serde::de::{DeserializeOwned, IntoDeserializer, value::StrDeserializer};

/// The JSON in `column`.
pub(crate) fn json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T> {
    serde_json::from_str(row.text(column)?).map_err(|e| damaged(column, &e))
}

/// `value` as JSON.
pub(crate) fn to_json(value: &impl Serialize) -> Result<String> {
    // Only maps with odd keys and failing Serialize impls fail; the domain has neither.
    serde_json::to_string(value).map_err(|e| damaged("a value to be stored", &e))
}

/// The variant whose serde name stands in `column`.
pub(crate) fn named<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T> {
    let name: StrDeserializer<'_, serde::de::value::Error> = row.text(column)?.into_deserializer();
    T::deserialize(name).map_err(|e| damaged(column, &e))
}

/// The text in `column` as a name of the domain.
pub(crate) fn name<T: for<'a> From<&'a str>>(row: &Row, column: &str) -> Result<T> {
    row.text(column).map(T::from)
}

/// The instant in `column`.
pub(crate) fn at(row: &Row, column: &str) -> Result<Timestamp> {
    row.int(column).map(Timestamp)
}

/// The amount in `column`.
pub(crate) fn amount(row: &Row, column: &str) -> Result<MicroUsd> {
    row.uint(column).map(MicroUsd)
}

/// The small number in `column`.
pub(crate) fn small<T: TryFrom<i64>>(row: &Row, column: &str) -> Result<T> {
    T::try_from(row.int(column)?).map_err(|_| damaged(column, &"the number is out of range"))
}

/// `limit`, at most [`MAX_PAGE`].
pub(crate) fn page(limit: u32) -> u32 {
    limit.min(MAX_PAGE)
}

pub(crate) fn damaged(column: &str, why: &dyn std::fmt::Display) -> Error {
    Error::Corrupt { what: format!("column `{column}`: {why}") }
}
