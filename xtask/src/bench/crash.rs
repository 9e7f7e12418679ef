//! The crash soak: the simulation of `tests/simulation`, larger. It looks for mistakes, not for speed, so it
//! takes the debug build that is there anyway.

use super::table::{Table, say, seconds};
use super::{cargo, size};
use std::io;
use std::time::Instant;

pub(super) fn measure(table: &mut Table) -> io::Result<()> {
    let (issues, kills) = (size("SEAWALL_BENCH_CRASH_ISSUES", 200)?, size("SEAWALL_BENCH_KILLS", 100)?);
    let args = ["test", "--package", "seawall", "--test", "simulation"];
    cargo(&[&args[..], &["--no-run"]].concat(), &[])?;
    say(&format!(
        "  {issues} issues, {kills} times kill -9; and half of each with an order that stops a run"
    ));
    let began = Instant::now();
    let set = [("SEAWALL_SIM_ISSUES", issues.to_string()), ("SEAWALL_SIM_KILLS", kills.to_string())];
    let set: Vec<(&str, &str)> = set.iter().map(|(name, value)| (*name, value.as_str())).collect();
    cargo(&[&args[..], &["--", "--nocapture"]].concat(), &set)?;
    table.row(
        &format!("{issues} issues, {kills} times kill -9 at a random moment"),
        "every issue landed exactly once, books balanced, nothing left behind",
    );
    table.row(
        &format!("{} issues, {} kills, one run stopped by an order", issues.div_ceil(2), kills.div_ceil(2)),
        "it never came back; the others landed exactly once",
    );
    table.row("both together", seconds(began.elapsed()));
    Ok(())
}
