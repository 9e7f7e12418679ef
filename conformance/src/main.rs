//! `symphony-conformance`: drives any implementation of OpenAI's Symphony specification as a black box, between a fake
//! Linear and fake app-servers, and says by section what holds and what does not.

mod agent;
mod case;
mod cli;
mod linear;
mod look;
mod matcher;
mod report;
mod run;
mod target;
mod timeline;

use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}

/// Says what is wrong on stderr, and gives the exit code back.
fn complain(why: &str, code: u8) -> ExitCode {
    // When stderr is gone there is nobody to tell; the exit code still says it.
    let _ = writeln!(std::io::stderr(), "{why}");
    ExitCode::from(code)
}
