//! The command line: what can be asked, and how it ends.
//!
//! Invariants: with `--json` exactly one JSON document goes to stdout and nothing else; progress and logs go to
//! stderr; every failure says what failed and, as a hint, what to do; every exit code is one of [`Exit`].

pub mod budgets;
pub mod check;
pub mod context;
pub mod demo;
pub mod doctor;
pub mod exit;
mod hidden;
pub mod init;
pub mod kill;
pub mod lift;
mod log;
pub mod logs;
pub mod orders;
mod pause;
pub mod runs;
pub mod show;
pub mod trace;
pub mod ui;
pub mod up;
pub mod why;

pub use context::Context;
pub use exit::{Exit, Failure};

use base::env::Env;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use ui::Ui;

/// What a command comes to.
pub type Ended = Result<Exit, Failure>;

/// Seawall: the control plane between coding agents and the infrastructure they share with people.
#[derive(Debug, Parser)]
#[command(name = "seawall", version, propagate_version = true)]
#[command(
    after_help = "Start here:\n  seawall demo      the whole job on this machine, offline, in seconds\n  \
    seawall init      configuration for the repository you stand in\n  seawall doctor    what this machine offers"
)]
struct Cli {
    /// Print one JSON document on stdout, and nothing else there
    #[arg(long, global = true)]
    json: bool,
    /// The configuration to read [default: ./seawall.toml, else ./WORKFLOW.md]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Init(init::Args),
    Up(up::Args),
    Check(check::Args),
    Doctor(doctor::Args),
    Runs(runs::Args),
    Show(show::Args),
    Trace(trace::Args),
    Logs(logs::Args),
    Why(why::Args),
    Kill(kill::Args),
    Lift(lift::Args),
    Pause(pause::Pause),
    Resume(pause::Resume),
    Budgets(budgets::Args),
    Orders(orders::Args),
    #[command(hide = true)]
    Killd(hidden::Killd),
}

/// Reads the arguments, does what they ask, and says how it ended.
pub fn main() -> ExitCode {
    // These become other programs or speak a protocol on stdio: no argument parser and no logging before them.
    if let Some(code) = hidden::entry() {
        return code;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return wrong_usage(&error),
    };
    let ui = Ui::new(cli.json, &Env::process());
    let ended = run(cli, ui.clone());
    match ended {
        Ok(exit) => exit.code(),
        Err(failure) => failure.report(&ui),
    }
}

fn run(cli: Cli, ui: Ui) -> Ended {
    log::start(matches!(cli.command, Command::Up(_) | Command::Killd(_)));
    let context = Context::of_process(cli.config, ui)?;
    let daemon = matches!(cli.command, Command::Up(_) | Command::Demo(_) | Command::Killd(_));
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if !daemon {
        runtime.worker_threads(1);
    }
    let runtime = runtime.enable_all().build().map_err(|e| Failure::failed(format!("cannot start: {e}")))?;
    runtime.block_on(async {
        let command = Box::pin(command(cli.command, &context));
        if daemon {
            // A daemon ends its work itself when it is told to.
            return command.await;
        }
        tokio::select! {
            ended = command => ended,
            _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
        }
    })
}

async fn command(command: Command, context: &Context) -> Ended {
    match command {
        Command::Demo(args) => Box::pin(demo::run(args, context)).await,
        Command::Init(args) => init::run(&args, context),
        Command::Up(args) => Box::pin(up::run(args, context)).await,
        Command::Check(args) => check::run(&args, context),
        Command::Doctor(args) => Box::pin(doctor::run(&args, context)).await,
        Command::Runs(args) => runs::run(&args, context).await,
        Command::Show(args) => show::run(&args, context).await,
        Command::Trace(args) => trace::run(&args, context).await,
        Command::Logs(args) => logs::run(&args, context).await,
        Command::Why(args) => why::run(&args, context).await,
        Command::Kill(args) => kill::run(&args, context).await,
        Command::Lift(args) => lift::run(&args, context).await,
        Command::Pause(args) => pause::pause(&args, context).await,
        Command::Resume(args) => pause::resume(&args, context).await,
        Command::Budgets(args) => budgets::run(&args, context).await,
        Command::Orders(args) => orders::run(&args, context).await,
        Command::Killd(args) => hidden::killd(args).await,
    }
}

/// Help and version are no errors; everything else is wrong usage.
fn wrong_usage(error: &clap::Error) -> ExitCode {
    // Nothing is left to do when even this cannot be printed.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage.code() } else { Exit::Done.code() }
}

#[cfg(test)]
mod tests;
