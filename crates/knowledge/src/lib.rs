//! Reads what teams already have: CODEOWNERS, WORKFLOW.md, incidents; finds passages in them.
//!
//! Invariants: texts in, values out; nothing here awaits or decides. Every text may be hostile: reading it is
//! bounded in time and memory and never panics. What cannot be read is reported with file and line.

pub mod codeowners;
pub mod glob;
pub mod incident;
pub mod passage;
pub mod workflow;

mod front;
