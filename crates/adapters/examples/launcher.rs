//! The hidden entries of the `seawall` binary that run with an agent, for the tests of this crate.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let ended = match args.first().map(String::as_str) {
        Some("sandbox-enter") => match adapters::sandbox::enter::main() {
            Ok(never) => match never {},
            Err(error) => Err(base::error::chain(&error)),
        },
        Some("sandbox-forward") => {
            adapters::sandbox::forward::main(&args[1..]).map_err(|error| base::error::chain(&error))
        }
        Some("builtin-agent") => {
            adapters::agent::builtin::guest::main().map_err(|error| base::error::chain(&error))
        }
        _ => Err("usage: launcher sandbox-enter | sandbox-forward … | builtin-agent".to_owned()),
    };
    match ended {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(text) => {
            let _ = writeln!(std::io::stderr(), "launcher: {text}");
            ExitCode::from(adapters::sandbox::enter::EXIT_CODE)
        }
    }
}
