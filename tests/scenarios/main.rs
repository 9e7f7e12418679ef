//! The whole program, driven from outside: the real binary, real git, real processes; only the model is a rehearsal.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking, and says so")]

#[path = "../support/mod.rs"]
mod support;

mod demo;
