//! `seawall demo`: the whole job, shown.

use super::{Context, Ended};
use std::path::PathBuf;

/// Show the whole job on this machine, offline, on a real git repository
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:\n  seawall demo            in a new temporary folder, which stays\n  \
    seawall demo --keep     the dashboard stays open until Ctrl-C\n  seawall demo --json     every chapter with its proof")]
pub struct Args {
    /// Where to put the project and the state, an empty folder [default: a new temporary one]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// The dashboard's port [default: 7700, or any free one when that is taken]
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// Keep everything running at the end, until Ctrl-C
    #[arg(long)]
    pub keep: bool,
}

/// Shows the whole job.
pub async fn run(args: Args, context: &Context) -> Ended {
    Box::pin(crate::demo::run(args, context)).await
}
