//! One suite for both engines. What holds on SQLite holds on PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "tests fail by panicking, and say what they skip and measure"
)]

mod calls;
mod containments;
mod crash;
mod database;
mod effects;
mod leases;
mod lists;
mod pauses;
mod replicas;
mod runs;
mod same;
mod support;
mod throughput;
