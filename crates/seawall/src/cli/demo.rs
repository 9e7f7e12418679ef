//! `seawall demo`: the whole job, shown.

use super::{Context, Ended, Failure};
use std::path::PathBuf;

/// Show the whole job on this machine, offline, on a real git repository
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:\n  seawall demo            in a temporary folder, removed afterwards\n  \
    seawall demo --keep     the dashboard stays open until Ctrl-C\n  seawall demo --json     every chapter with its proof")]
pub struct Args {
    /// Where to put the project and the state; kept afterwards [default: a temporary folder]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// The dashboard's port [default: any free one]
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// Keep everything running at the end, until Ctrl-C
    #[arg(long)]
    pub keep: bool,
}

/// Shows the whole job.
pub async fn run(_args: Args, _context: &Context) -> Ended {
    Err(Failure::failed("`seawall demo` is not wired yet"))
}
