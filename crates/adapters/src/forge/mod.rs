//! Talks to forges: where code is kept, and how a reviewed change reaches its branch.

pub mod git;
