//! Everything there is, tried one by one: a route, an operation or a command that is added is tried here too, or
//! fails here until somebody says what it leaves behind.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

#[path = "../support/mod.rs"]
mod support;

mod command;
mod route;
