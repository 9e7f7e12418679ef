//! The git forge against the real `git`: bare remotes, hostile trees, crashes, races.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod hostile;
mod land;
mod push;
mod rebase;
mod support;
mod work;
