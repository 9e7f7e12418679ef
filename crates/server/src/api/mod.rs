//! The JSON API. Each handler extracts, calls, converts; bodies are those of `wire`.

pub mod budgets;
pub mod calls;
pub mod events;
pub mod extract;
pub mod findings;
pub mod lifts;
pub mod log;
pub mod orders;
pub mod pauses;
pub mod refresh;
pub mod runs;
pub mod state;
pub mod trace;
pub mod webhooks;
pub mod why;

/// What a handler of the API answers.
pub type Answer<T> = Result<axum::Json<T>, crate::error::ApiError>;
