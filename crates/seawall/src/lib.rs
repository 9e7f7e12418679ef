//! The one binary: configuration, command line, wiring.

pub mod config;
