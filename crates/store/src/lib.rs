//! Loads facts and commits steps, on SQLite or PostgreSQL.
