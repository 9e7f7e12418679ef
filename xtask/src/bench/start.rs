//! From exec to both doors answering, and memory at rest.

use super::daemon::Daemon;
use super::process::{private, resident};
use super::table::{Table, mebibytes, millis};
use super::world::World;
use super::{cargo, size};
use std::io;
use std::time::Duration;

/// How long a daemon rests before its memory is read.
const REST: Duration = Duration::from_secs(2);

pub(super) fn measure(table: &mut Table) -> io::Result<()> {
    cargo(&["build", "--release", "--package", "seawall"], &[])?;
    let starts = size("SEAWALL_BENCH_STARTS", 20)?;
    let (mut fresh, mut again) = (vec![], vec![]);
    for _ in 0..starts {
        let world = World::write(0, 4)?;
        let daemon = Daemon::start(world.dir(), world.doors)?;
        fresh.push(daemon.took);
        daemon.drain()?;
        let daemon = Daemon::start(world.dir(), world.doors)?;
        again.push(daemon.took);
        daemon.drain()?;
    }
    row(table, "exec to both doors answering, new installation", fresh);
    row(table, "exec to both doors answering, existing installation", again);
    let world = World::write(0, 4)?;
    let daemon = Daemon::start(world.dir(), world.doors)?;
    std::thread::sleep(REST);
    let killd = daemon.killd().ok_or_else(|| io::Error::other("the kill plane does not run"))?;
    let (own, plane) = (resident(daemon.pid()), resident(killd));
    table.row(
        "resident at rest: daemon + killd",
        format!("{} + {} = {}", mebibytes(own), mebibytes(plane), mebibytes(own + plane)),
    );
    let alone = private(daemon.pid()) + private(killd);
    table.row("of it private (not shared pages of the one binary)", mebibytes(alone));
    daemon.drain()?;
    Ok(())
}

fn row(table: &mut Table, what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |part: usize| times.get(times.len().saturating_sub(1) * part / 100).copied().unwrap_or_default();
    let figure = format!(
        "median {}, best {}, worst {} (n={})",
        millis(at(50)),
        millis(at(0)),
        millis(at(100)),
        times.len()
    );
    table.row(what, figure);
}
