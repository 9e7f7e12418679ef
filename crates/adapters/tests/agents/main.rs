//! Real sandboxes, the real built-in agent and the real Codex, against a small gateway of our own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and skips aloud"
)]

mod builtin;
mod claude;
mod codex;
mod codex_launch;
mod codex_threads;
mod command;
mod contract;
mod drive;
mod gateway;
mod git;
mod sandbox;
mod support;
