//! From `kill -9` of a daemon with many runs to the first attempt of the next one, and to the last.

use crate::agents::Habits;
use crate::report::{Row, count, seconds, size};
use crate::world::{Size, World};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// What the child process is started with.
pub const POPULATE: &str = "--populate";
/// What it says when every run is at work.
const READY: &str = "ready";
/// Longer than the benchmark: what runs stays.
const AGES: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often it is looked at whether all agents are at work.
const LOOK: Duration = Duration::from_millis(2);

fn world_size(runs: usize) -> Size {
    let habits = Habits { turn: (AGES, AGES * 2), done: 0, failed: 0 };
    Size { issues: runs, slots: u32::try_from(runs).expect("a size fits"), max_turns: 1, habits }
}

/// The child: fills a store with live runs, and waits to be killed.
pub async fn populate(folder: &Path, runs: usize) {
    let world = World::paced(folder, world_size(runs)).await;
    let _engine = world.start().await;
    let pacer = world.pacer();
    pacer.until(Duration::from_secs(1), || world.agents.living() == runs).await;
    pacer.pass(Duration::from_secs(5)).await;
    writeln!(std::io::stdout(), "{READY}").expect("somebody listens");
    std::future::pending::<()>().await;
}

pub async fn measure(row: Row<'_>) {
    let runs = size("SEAWALL_BENCH_RECOVERED", 10_000);
    let folder = tempfile::tempdir().expect("a temporary folder");
    killed(folder.path(), runs);

    let began = Instant::now();
    let world = World::real(folder.path(), world_size(runs)).await;
    let open = world.store.open_runs().await.expect("the store answers");
    assert_eq!(open.iter().filter(|stored| stored.run.is_live()).count(), runs, "recorded as live");
    // Beyond the daemon's own work: the store is opened by it, too, and read once.
    let began_engine = Instant::now();
    let engine = world.start().await;
    let started = began_engine.elapsed();
    let sessions = || world.agents.counts().sessions.load(Ordering::Relaxed);
    let until = async |n: usize| {
        while sessions() < n as u64 {
            tokio::time::sleep(LOOK).await;
        }
        began.elapsed()
    };
    let first = until(1).await;
    let last = until(runs).await;
    let runs_told = count(runs as u64);
    row(
        &format!("{runs_told} live runs, kill -9: to the loops of the next engine; to the first attempt"),
        &format!("{}; {}", seconds(started), seconds(first)),
    );
    row("to the last attempt (each waits a second first, as a continuation does)", &seconds(last));
    assert_eq!(world.agents.counts().doubles.load(Ordering::Relaxed), 0, "sessions beside another one");
    engine.drain().await;
}

/// Fills `folder` in a process of its own, and kills that.
fn killed(folder: &Path, runs: usize) {
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program)
        .arg(POPULATE)
        .arg(folder)
        .arg(runs.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program starts");
    let stdout = child.stdout.take().expect("a pipe");
    let ready = BufReader::new(stdout).lines().map_while(Result::ok).any(|line| line == READY);
    assert!(ready, "the child ended before it was ready");
    child.kill().expect("the child lives");
    child.wait().expect("the child ends");
}
