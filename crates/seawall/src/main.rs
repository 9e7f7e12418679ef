//! The one binary: configuration, command line, wiring.

fn main() {}
