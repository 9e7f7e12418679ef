//! Many issues through the built-in agent and a rehearsal: how fast, how much memory, how many commits.

use super::daemon::{Daemon, Store, is_killd};
use super::process::{self, Cpu, Process, descendants, peak, private, resident};
use super::table::{Table, mebibytes, ratio, say, seconds};
use super::world::World;
use super::{cargo, size};
use std::io;
use std::time::{Duration, Instant};

/// How often memory and progress are looked at.
const LOOK: Duration = Duration::from_millis(250);
/// Without an issue done for so long, something hangs.
const PATIENCE: Duration = Duration::from_secs(120);
/// Each issue is an author's run and a reviewer's.
const RUNS_PER_ISSUE: u64 = 2;

/// What one look saw.
#[derive(Clone, Copy, Default)]
struct Look {
    agents: u64,
    agents_kib: u64,
    agents_private_kib: u64,
    daemon_kib: u64,
}

pub(super) fn measure(table: &mut Table) -> io::Result<()> {
    cargo(&["build", "--release", "--package", "seawall"], &[])?;
    let (issues, slots) = (size("SEAWALL_BENCH_ISSUES", 500)?, size("SEAWALL_BENCH_SLOTS", 50)?);
    let world = World::write(issues, slots)?;
    let began = Instant::now();
    let daemon = Daemon::start(world.dir(), world.doors)?;
    let idle = resident(daemon.pid());
    let busiest = watch(&world, &daemon, began)?;
    let took = began.elapsed();
    let (most, cpu) = (peak(daemon.pid()), process::cpu(daemon.pid()));
    let store = daemon.drain()?.ok_or_else(|| io::Error::other("the daemon told no counters"))?;
    speed(table, u64::from(issues), slots, took, cpu);
    memory(table, idle, most, busiest);
    writes(table, u64::from(issues), store);
    let landed = world.landed()?;
    let all = world.issues.len();
    table.row(
        "on main: files, commits, issues and runs they name",
        format!("{}, {}, {}, {} of {all}", landed.files, landed.commits, landed.issues, landed.runs),
    );
    if [landed.files, landed.commits, landed.issues, landed.runs] == [all; 4] {
        Ok(())
    } else {
        Err(io::Error::other("an issue was lost or landed twice"))
    }
}

/// Waits for the last issue; answers with the look that saw the most agents.
fn watch(world: &World, daemon: &Daemon, began: Instant) -> io::Result<Look> {
    let (mut busiest, mut done, mut last) = (Look::default(), 0, Instant::now());
    while done < world.issues.len() {
        std::thread::sleep(LOOK);
        let now = world.done();
        if now > done {
            last = Instant::now();
            if now / 50 > done / 50 {
                say(&format!("    {now} done after {}", seconds(began.elapsed())));
            }
            done = now;
        }
        if last.elapsed() > PATIENCE {
            return Err(io::Error::other(format!("nothing done for {PATIENCE:?}; {done} are")));
        }
        let look = look(daemon);
        if look.agents > busiest.agents {
            busiest = look;
        }
    }
    Ok(busiest)
}

/// Attempts are what the daemon started itself, but for git and the kill plane; each with what it started.
fn look(daemon: &Daemon) -> Look {
    let all = descendants(daemon.pid());
    let roots: Vec<u32> =
        all.iter().filter(|p| p.is_child_of(daemon.pid()) && is_attempt(p)).map(|p| p.pid).collect();
    let theirs: Vec<u32> =
        roots.iter().flat_map(|root| std::iter::once(*root).chain(below(&all, *root))).collect();
    Look {
        agents: roots.len() as u64,
        agents_kib: theirs.iter().map(|pid| resident(*pid)).sum(),
        agents_private_kib: theirs.iter().map(|pid| private(*pid)).sum(),
        daemon_kib: resident(daemon.pid()),
    }
}

fn is_attempt(process: &Process) -> bool {
    !is_killd(process) && !process.command.starts_with("git ") && !process.command.contains("/git")
}

fn below(all: &[Process], root: u32) -> Vec<u32> {
    let children = all.iter().filter(|p| p.is_child_of(root));
    children.flat_map(|p| std::iter::once(p.pid).chain(below(all, p.pid))).collect()
}

fn speed(table: &mut Table, issues: u64, slots: u32, took: Duration, cpu: Cpu) {
    let a_second = |count: u64| count as f64 / took.as_secs_f64();
    let runs = issues * RUNS_PER_ISSUE;
    table.row(&format!("{issues} issues, {slots} slots: from exec to the last issue done"), seconds(took));
    table.row(
        "issues a second; runs a second (an author's and a reviewer's each)",
        format!("{:.1}; {:.1}", a_second(issues), a_second(runs)),
    );
    table.row(
        "processor time: daemon; its children (agents, sandboxes, git)",
        format!("{}; {}", seconds(cpu.own), seconds(cpu.children)),
    );
    let per_run = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1e3 / runs as f64);
    table.row("the same for each run", format!("{}; {}", per_run(cpu.own), per_run(cpu.children)));
}

fn memory(table: &mut Table, idle: u64, most: u64, busiest: Look) {
    table.row("daemon resident: at start; most", format!("{}; {}", mebibytes(idle), mebibytes(most)));
    let each = |kib: u64| mebibytes(kib.checked_div(busiest.agents).unwrap_or(0));
    table.row(
        &format!("for each of {} live attempts: growth of the daemon", busiest.agents),
        each(busiest.daemon_kib.saturating_sub(idle)),
    );
    table.row(
        "for each live attempt: its processes, resident (shared pages count each time); private",
        format!("{}; {}", each(busiest.agents_kib), each(busiest.agents_private_kib)),
    );
}

fn writes(table: &mut Table, issues: u64, store: Store) {
    let runs = issues * RUNS_PER_ISSUE;
    table.row(
        "store for each run: commits (one fsync each); batches in them",
        format!("{}; {}", ratio(store.commits, runs), ratio(store.batches, runs)),
    );
    table.row("batches refused because a fact had changed, in all", store.conflicts.to_string());
}
