//! Loads facts and commits steps, on SQLite or PostgreSQL.

pub mod db;
mod schema;
