//! The whole program, driven from outside: the real binary, real git, real processes; only the model is a rehearsal.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

#[path = "../support/mod.rs"]
mod support;

mod agent;
mod any_agent;
mod config;
mod demo;
mod door;
mod fenced_side_effects;
mod handoff;
mod hostile;
mod issue;
mod landing;
mod restart;
mod restart_without_loss;
mod review;
mod several_projects;
mod stop;
mod why;
