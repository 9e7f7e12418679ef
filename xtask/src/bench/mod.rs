//! The benchmarks: figures about the release build, printed as a table. `docs/benchmarks.md` keeps them.
//!
//! Invariants: nothing here passes or fails by a time; what fails is a lost or doubled issue. Everything is
//! measured from outside: sockets, /proc, git, issue files, and the one line that the daemon logs when drained.

mod crash;
mod daemon;
mod inner_loop;
mod issues;
mod orchestrator;
mod process;
mod start;
mod table;
mod world;

use std::io;
use std::process::{Command, ExitCode};
use table::Table;

/// How the command is used.
pub(crate) const USAGE: &str = "cargo xtask bench [start|issues|orchestrator|crash|inner-loop]    measures, all of them unless one is named;\n\
     \x20                   sizes: SEAWALL_BENCH_STARTS, _ISSUES, _SLOTS, _KILLS, _CRASH_ISSUES, _RUNS, _HOURS, _RECOVERED";

type Measure = fn(&mut Table) -> io::Result<()>;

const ALL: [(&str, Measure); 5] = [
    ("start", start::measure),
    ("issues", issues::measure),
    ("orchestrator", orchestrator::measure),
    ("crash", crash::measure),
    ("inner-loop", inner_loop::measure),
];

/// Measures what `which` names, or everything.
pub(crate) fn main(which: Option<&str>) -> ExitCode {
    let chosen: Vec<_> = ALL.iter().filter(|(name, _)| which.is_none_or(|which| which == *name)).collect();
    if chosen.is_empty() {
        return crate::say(&format!("usage: {USAGE}"), ExitCode::from(2));
    }
    let mut table = Table::default();
    for (name, measure) in chosen {
        table.begin(name);
        if let Err(error) = measure(&mut table) {
            table.print();
            return crate::say(&format!("error: {name}: {error}"), ExitCode::FAILURE);
        }
    }
    table.print();
    ExitCode::SUCCESS
}

/// A size from the environment.
fn size(name: &str, usual: u32) -> io::Result<u32> {
    match std::env::var(name) {
        Ok(text) => text.parse().map_err(|_| io::Error::other(format!("{name} is not a number: {text}"))),
        Err(_) => Ok(usual),
    }
}

/// Runs cargo in the repository; its words go to stderr.
fn cargo(args: &[&str], set: &[(&str, &str)]) -> io::Result<()> {
    let mut command = Command::new(env!("CARGO"));
    command.args(args).current_dir(root()).envs(set.iter().copied());
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("cargo {} failed", args.join(" ")))) }
}

/// The repository.
fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
