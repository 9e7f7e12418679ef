//! Entries that Seawall starts itself: the halves of it that live in processes of their own.

use super::{Ended, Exit, Failure};
use adapters::agent::builtin::guest;
use adapters::agent::command;
use adapters::sandbox::{enter, forward};
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs the entry that the first argument names, if it names one.
pub fn entry() -> Option<ExitCode> {
    let mut args = std::env::args();
    let name = args.nth(1)?;
    let rest: Vec<String> = args.collect();
    let ended = match name.as_str() {
        "sandbox-enter" => match enter::main() {
            Ok(never) => match never {},
            Err(error) => return Some(say(&error, enter::EXIT_CODE)),
        },
        "sandbox-forward" => forward::main(&rest).map_err(|error| say(&error, enter::EXIT_CODE)),
        "command-agent" => command::guest::main().map_err(|error| say(&error, 1)),
        "builtin-agent" => guest::main().map_err(|error| say(&error, 1)),
        _ => return None,
    };
    Some(ended.map_or_else(|code| code, |code| ExitCode::from(u8::try_from(code).unwrap_or(1))))
}

/// The kill plane, a process of its own.
#[derive(Debug, clap::Args)]
pub struct Killd {
    /// The socket it listens on.
    #[arg(long)]
    socket: PathBuf,
    /// The directory of its tombstones.
    #[arg(long)]
    dir: PathBuf,
    /// End when no supervisor is left.
    #[arg(long)]
    exit_when_alone: bool,
}

/// Runs the kill plane until it is told to end.
pub async fn killd(args: Killd) -> Ended {
    let Killd { socket, dir, exit_when_alone } = args;
    let config = killd::server::Config { socket, dir, exit_when_alone };
    killd::server::serve(config).await.map_err(|error| Failure::failed(base::error::chain(&error)))?;
    Ok(Exit::Done)
}

fn say(error: &dyn Error, code: u8) -> ExitCode {
    // The parent reads stderr; when it is gone there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "error: {}", base::error::chain(error));
    ExitCode::from(code)
}
