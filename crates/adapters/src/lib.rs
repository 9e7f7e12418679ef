//! Talks to trackers, agents, sandboxes and forges.
