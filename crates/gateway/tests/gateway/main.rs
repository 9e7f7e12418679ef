//! The whole gateway in this process: real sockets, a fake store (once the real one), a fake provider.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod budgets;
mod calls;
mod containment;
mod doors;
mod durable;
mod house;
mod ledger;
mod provider;
mod rehearsal;
mod tokens;
