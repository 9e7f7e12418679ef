//! Every tracker at its border: a real folder, and fake providers written from their public descriptions.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and skips aloud"
)]

mod files;
mod github;
mod github_fake;
mod github_writes;
mod linear;
mod linear_fake;
mod linear_writes;
mod live;
mod memory;
mod server;
mod support;
