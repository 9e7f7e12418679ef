//! What whoever works on Seawall waits for.

use super::table::{Table, seconds};
use super::{cargo, root};
use std::fs::{File, FileTimes};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

pub(super) fn measure(table: &mut Table) -> io::Result<()> {
    cargo(&["check", "--package", "seawall"], &[])?;
    for (what, file) in [
        ("cargo check after an edit in domain (everything depends on it)", "crates/domain/src/lib.rs"),
        ("cargo check after an edit in a leaf crate (seawall)", "crates/seawall/src/lib.rs"),
    ] {
        touch(&root().join(file))?;
        table.row(what, seconds(timed(&["check", "--package", "seawall"], &[])?));
    }
    table.row("whole test run, built", {
        cargo(&["test", "--workspace", "--no-run"], &[])?;
        seconds(timed(&["test", "--workspace"], &[])?)
    });
    let target = std::env::temp_dir().join(format!("swb-target-{}", std::process::id()));
    let cold =
        timed(&["build", "--package", "seawall"], &[("CARGO_TARGET_DIR", &target.display().to_string())]);
    std::fs::remove_dir_all(&target)?;
    table.row("cold build, debug", seconds(cold?));
    Ok(())
}

fn timed(args: &[&str], set: &[(&str, &str)]) -> io::Result<Duration> {
    let began = Instant::now();
    cargo(args, set)?;
    Ok(began.elapsed())
}

/// What an edit is to cargo: a newer time.
fn touch(file: &Path) -> io::Result<()> {
    File::options().append(true).open(file)?.set_times(FileTimes::new().set_modified(SystemTime::now()))
}
