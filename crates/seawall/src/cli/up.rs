//! `seawall up`: the daemon.

use super::{Context, Ended, Failure};
use std::path::PathBuf;

/// Run the daemon: claim issues, run agents, review and land their changes
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:\n  seawall up                     ./seawall.toml or ./WORKFLOW.md\n  \
    seawall up shop/WORKFLOW.md    a lone workflow, as Symphony defines it\n  seawall up --port 8080         another port for the dashboard")]
pub struct Args {
    /// A WORKFLOW.md or a seawall.toml [default: ./seawall.toml, else ./WORKFLOW.md]
    #[arg(value_name = "WORKFLOW.md")]
    pub file: Option<PathBuf>,
    /// The control door's port, instead of the configured one; 0 takes any free one
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// What this process does, when several share one PostgreSQL
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "control,gateway,worker")]
    pub roles: Vec<Role>,
    /// Ask nobody on this machine for the control door's secret
    #[arg(long)]
    pub insecure_loopback: bool,
}

/// Runs the daemon until it is told to end.
pub async fn run(_args: Args, _context: &Context) -> Ended {
    Err(Failure::failed("`seawall up` is not wired yet"))
}

/// A part of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Dashboard and API.
    Control,
    /// Model calls.
    Gateway,
    /// Runs.
    Worker,
}
