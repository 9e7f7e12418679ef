//! Chores of this repository. `cargo xtask house` checks the rules that no compiler knows,
//! `cargo xtask bench` measures.

mod bench;
mod house;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    match (args.next().as_deref(), args.next()) {
        (Some("house"), None) => house::main(),
        (Some("bench"), which) => bench::main(which.as_deref()),
        _ => {
            let usage =
                format!("usage: cargo xtask house    checks the rules of the house\n       {}", bench::USAGE);
            say(&usage, ExitCode::from(2))
        }
    }
}

/// Prints to stderr and answers with `code`.
fn say(text: &str, code: ExitCode) -> ExitCode {
    use std::io::Write;
    // When stderr is gone there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
    code
}
