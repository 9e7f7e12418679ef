//! What is told: a table by section, each failure, a JSON document, a list.

mod json;
mod table;

pub(crate) use json::json;
pub(crate) use table::{list, progress, table};
