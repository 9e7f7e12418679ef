//! The one binary: configuration, command line, wiring.

pub mod cli;
pub mod config;
pub mod daemon;
pub mod demo;
