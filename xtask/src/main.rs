//! Chores of this repository. `cargo xtask house` checks the rules that no compiler knows.

mod house;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    match (args.next().as_deref(), args.next()) {
        (Some("house"), None) => house::main(),
        _ => say("usage: cargo xtask house    checks the rules of the house", ExitCode::from(2)),
    }
}

/// Prints to stderr and answers with `code`.
fn say(text: &str, code: ExitCode) -> ExitCode {
    use std::io::Write;
    // When stderr is gone there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
    code
}
