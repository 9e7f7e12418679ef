//! The whole gateway in this process: real sockets, a fake store (once the real one), a fake provider.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stderr, reason = "a skipped test is skipped aloud")]

mod budgets;
mod calls;
mod claude;
mod containment;
mod doors;
mod durable;
mod house;
mod ledger;
mod messages;
mod provider;
mod rehearsal;
mod tokens;
