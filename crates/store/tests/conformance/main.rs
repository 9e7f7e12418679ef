//! One suite for both engines. What holds on SQLite holds on PostgreSQL.

mod database;
mod support;
