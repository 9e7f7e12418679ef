//! Talks to trackers: where people keep issues.
//!
//! Invariant: a tracker that cannot be read is an error, never an empty list; otherwise a blip would look as if
//! every issue had been withdrawn.

pub mod files;
pub mod tool;
