//! Talks to trackers, agents, sandboxes and forges.

pub mod agent;
pub mod forge;
pub mod sandbox;
pub mod tracker;
