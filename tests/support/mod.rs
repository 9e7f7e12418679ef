//! What every test of the whole program shares: a real project on disk, the real binary as a daemon, and ways to
//! wait for what must happen.
//!
//! Invariants: nothing here knows the inside of Seawall: it starts the binary, speaks HTTP, runs git and looks at the
//! process table. Every wait has a deadline and ends as soon as its condition holds.

#![allow(dead_code, reason = "every test binary uses its own part of this")]

pub mod daemon;
pub mod git;
pub mod http;
pub mod installation;
pub mod process;
pub mod scenario;
pub mod wait;

pub use daemon::Daemon;
pub use installation::{Installation, Plan};

use std::path::PathBuf;

/// Another binary to test in place of the one that cargo built, such as a release.
const BINARY: &str = "SEAWALL_TEST_BINARY";
/// Set where every real part must be there (CI): a skipped test is then a failed one.
const REQUIRE_REAL: &str = "SEAWALL_REQUIRE_REAL";

/// The program under test.
pub fn seawall() -> PathBuf {
    std::env::var_os(BINARY).map_or_else(|| env!("CARGO_BIN_EXE_seawall").into(), PathBuf::from)
}

/// Skips a test aloud when `found` is not there: answers `None` after saying so. Panics where nothing may be skipped.
pub fn require<T>(name: &str, found: Result<T, String>) -> Option<T> {
    match found {
        Ok(found) => Some(found),
        Err(why) if std::env::var_os(REQUIRE_REAL).is_some_and(|value| value == "1") => {
            panic!("{name} may not be skipped with {REQUIRE_REAL}=1, but: {why}")
        }
        Err(why) => {
            eprintln!("SKIPPED: {name}: {why}");
            None
        }
    }
}

/// Whether agents can have walls on this machine, or why not.
pub fn walls() -> Result<(), String> {
    on_path("bwrap")
        .map(drop)
        .ok_or_else(|| "bwrap is not installed (`apt-get install bubblewrap`)".to_owned())
}

/// The program called `name`, if it is on the PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|program| program.is_file())
}
