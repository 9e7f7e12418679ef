//! A provider of the product that plays a scenario instead of calling a model.
//!
//! Invariant: what is played depends on the request alone. Which script and which turn stand in the
//! conversation itself (our call ids carry both), so a restarted attempt plays from the first turn, a crash
//! needs no memory, and any number of gateways play the same.

mod conversation;
mod frames;
mod item;
mod parse;
mod playback;
mod reply;
mod scenario;
mod tools;

pub use parse::ScenarioError;
pub use playback::{Cut, Playback};
pub use reply::{Reply, answer};
pub use scenario::{Act, Fault, Play, Scenario, Script, Turn, When};
