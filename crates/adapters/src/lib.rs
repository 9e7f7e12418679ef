//! Talks to trackers, agents, sandboxes and forges, and keeps workspaces.

pub mod agent;
pub mod forge;
pub mod sandbox;
pub mod tracker;
pub mod workspace;
