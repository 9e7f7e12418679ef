//! Logs of this process: to stderr, filtered by `SEAWALL_LOG`.

use std::io::{self, IsTerminal};
use tracing_subscriber::EnvFilter;

/// Sets the filter, in the form of `tracing_subscriber::EnvFilter`.
const VARIABLE: &str = "SEAWALL_LOG";

/// Starts logging; a daemon tells what it does, a command only what is wrong.
pub fn start(daemon: bool) {
    let default = if daemon { "info" } else { "warn" };
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new(default));
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let built = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colour);
    // A second start can only come from a test, which then keeps the first one's.
    let _ = built.try_init();
}
