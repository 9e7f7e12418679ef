//! Decisions about runs: a table, properties, stories.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;
mod run_properties;
mod run_table;
mod stories;
