//! The whole program with real clients and real services: Codex, Claude Code, PostgreSQL, Chromium. Skipped aloud where
//! one is missing; with `SEAWALL_REQUIRE_REAL=1` a missing one is a failure.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

#[path = "../support/mod.rs"]
mod support;

mod chromium;
mod codex;
mod handoff;
mod postgres;
