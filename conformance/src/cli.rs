//! The command line.

mod suite;

use crate::agent;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Check an implementation of the Symphony specification from outside
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  symphony-conformance --list                               every case\n  \
        symphony-conformance --target targets/seawall.toml        all of them, against Seawall\n  \
        symphony-conformance --target t.toml --section 17.4       one section\n  \
        symphony-conformance --target t.toml --case stall --keep  cases with `stall` in their name; folders of failed \
        ones stay\n\nExit: 0 all passed, 1 a case failed, 2 wrong usage."
)]
struct Cli {
    #[command(flatten)]
    suite: suite::Args,
    #[command(subcommand)]
    fake: Option<Fake>,
}

/// The parts that the kit starts itself.
#[derive(Debug, Subcommand)]
enum Fake {
    /// Play an app-server on stdio (started by the implementation, through codex.command)
    #[command(hide = true)]
    FakeAppServer {
        #[arg(long)]
        script: String,
        /// Names the case in the process table
        #[arg(long)]
        case: String,
        /// What an implementation adds to the command is ignored
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        _rest: Vec<String>,
    },
    /// Be a process that an app-server left behind
    #[command(hide = true)]
    FakeChild {
        #[arg(long)]
        lock: PathBuf,
        #[arg(long)]
        life_s: u64,
        #[arg(long)]
        case: String,
        #[arg(long)]
        own_session: bool,
        #[arg(long)]
        ignore_term: bool,
    },
}

pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.fake {
        Some(Fake::FakeAppServer { script, .. }) => agent::run(&script),
        Some(Fake::FakeChild { lock, life_s, own_session, ignore_term, .. }) => {
            agent::child(&lock, life_s, own_session, ignore_term)
        }
        None => suite::run(&cli.suite),
    }
}
