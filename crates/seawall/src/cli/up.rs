//! `seawall up`: the daemon, until it is told to end.

use super::{Context, Ended, Exit, Failure};
use crate::config::Config;
use crate::daemon::{self, Daemon, Options};
use adapters::sandbox::Level;
use base::ids::Ids;
use engine::{Installed, Outside};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

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
    /// Keep log files below this folder as well
    #[arg(long, value_name = "DIR")]
    pub logs_root: Option<PathBuf>,
    /// What this process does, when several share one PostgreSQL
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "control,gateway,worker")]
    pub roles: Vec<Role>,
    /// Ask nobody on this machine for the control door's secret
    #[arg(long)]
    pub insecure_loopback: bool,
}

/// Runs the daemon until SIGTERM or Ctrl-C, then drains it. A second signal ends it at once.
pub async fn run(args: Args, context: &Context) -> Ended {
    let context = Context { named: args.file.clone().or_else(|| context.named.clone()), ..context.clone() };
    let config = configured(&args, &context)?;
    if let Some(root) = args.logs_root.as_ref().or(config.logs_root.as_ref()) {
        super::log::to_files(root);
    }
    if let Some(level) = &config.log_level {
        super::log::set_level(level).map_err(|error| {
            Failure::usage(
                format!("`observability.log_level`: {error}"),
                "write it like info, or debug,gateway=trace",
            )
        })?;
    }
    let file = config.file.clone();
    let outside = Outside {
        clock: context.clock.clone(),
        ids: Ids::random(),
        env: context.env.clone(),
        drivers: Arc::new(Installed),
    };
    let options = Options { insecure_loopback: args.insecure_loopback };
    let mut term = signal(SignalKind::terminate())?;
    let daemon = Daemon::start(config, options, outside).await.map_err(not_started)?;
    announce(&daemon, &file, &args, &context)?;
    let interrupted = tokio::select! {
        _ = term.recv() => false,
        _ = tokio::signal::ctrl_c() => true,
        () = daemon.engine.lost() => {
            daemon.drain().await;
            return Err(Failure::failed("another daemon is the engine of this database now"));
        }
    };
    context.ui.note("ending: attempts are stopped, and tried again after the next start")?;
    tokio::select! {
        () = daemon.drain() => {}
        _ = term.recv() => return Ok(Exit::Interrupted),
        _ = tokio::signal::ctrl_c() => return Ok(Exit::Interrupted),
    }
    Ok(if interrupted { Exit::Interrupted } else { Exit::Done })
}

fn configured(args: &Args, context: &Context) -> Result<Config, Failure> {
    let wanted = [Role::Control, Role::Gateway, Role::Worker];
    if !wanted.iter().all(|role| args.roles.contains(role)) {
        return Err(Failure::usage(
            "one process has all three roles in this version",
            "leave --roles out; a second whole daemon on the same PostgreSQL stands by",
        ));
    }
    let mut config = context.config()?;
    if let Some(port) = args.port {
        config.control.set_port(port);
    }
    Ok(config)
}

/// What a person needs to know, on stderr; with `--json` one document on stdout.
fn announce(daemon: &Daemon, file: &Path, args: &Args, context: &Context) -> Result<(), Failure> {
    let ui = &context.ui;
    let dashboard = daemon.dashboard();
    ui.note(format!("serving {}; agents run {}", file.display(), daemon.isolation().as_str()))?;
    if daemon.isolation() == Level::Bare {
        ui.note(
            "warning: bare agents run as this user: they can read its files, the control secret included",
        )?;
    }
    if args.insecure_loopback {
        ui.note(format!(
            "dashboard: {dashboard}  (anybody on this machine can use it: --insecure-loopback)"
        ))?;
    } else {
        ui.note(format!("dashboard: {dashboard}login?key={}", daemon.secret.expose()))?;
    }
    ui.note(format!("gateway:   http://{}/v1", daemon.gateway))?;
    ui.document(&serde_json::json!({
        "control": daemon.control.to_string(),
        "gateway": daemon.gateway.to_string(),
        "isolation": daemon.isolation().as_str(),
    }))?;
    Ok(())
}

fn not_started(error: daemon::Error) -> Failure {
    let exit = if error.is_refusal() { Exit::Refused } else { Exit::Failed };
    Failure::new(exit, base::error::chain(&error), "`seawall doctor` says what this machine offers")
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
