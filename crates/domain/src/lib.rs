//! Types of the business, and pure functions that decide what may happen next.
//!
//! Invariants, kept by the manifest (serde and thiserror are the only dependencies) and by review:
//! nothing here awaits, reads a clock, logs, or knows SQL or HTTP. `now`, ids and facts come in as
//! values; a [`step::Step`] goes out: the next state, the events that say why, the effects that are owed.

pub mod budget;
pub mod call;
pub mod change;
pub mod containment;
pub mod effect;
pub mod event;
pub mod failure;
pub mod fleet;
pub mod id;
pub mod issue;
pub mod money;
pub mod review;
pub mod run;
pub mod share;
pub mod step;
pub mod time;
pub mod token;

pub use id::*;
pub use money::MicroUsd;
pub use time::{Millis, Timestamp};
