//! Clock, ids, secrets, signatures, supervised tasks, error chains: no business words.
//!
//! Invariant: nothing in here knows what a run, a team or a budget is. A module lands here when two crates
//! need the same knowledge about the machine or about time, and not before.

pub mod cgroup;
pub mod clock;
pub mod digest;
pub mod env;
pub mod error;
pub mod files;
pub mod ids;
pub mod lines;
pub mod secret;
pub mod signing;
pub mod tasks;
