//! The engine with a real store, a real tracker folder, a real git remote and a real kill plane; only the agent
//! is missing, so that nothing starts and every effect of a run can be watched.

mod gave_up;
mod lease;
mod stopped;
mod world;
