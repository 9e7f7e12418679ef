//! The engine with a real store, a real tracker folder, a real git remote and a real kill plane; only the agent
//! is missing, so that nothing starts and every effect of a run can be watched.

#![expect(clippy::unwrap_used, reason = "a helper of a test that fails ends the test")]

mod fenced;
mod gave_up;
mod lease;
mod push;
mod slots;
mod stopped;
mod tracker;
mod world;
