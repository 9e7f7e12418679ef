//! The orchestrator under load, in one process: `cargo bench -p engine --bench orchestrator [tick|fleet|recovery]`.
//!
//! Everything is real but the agents, the tracker's network and, but for `recovery`, time: the store is on the disk, each
//! attempt has its workspace, its token and its tunnel. Nothing passes or fails by a time; a lost or doubled claim fails.
//! Each figure is a line `what<TAB>figure` on stdout.

mod agents;
mod fleet;
mod pacer;
mod recovery;
mod report;
mod tick;
mod world;

use report::size;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATIONS: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    // cargo bench adds this for its own harness.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let row = report::print;
    if let [recovery::POPULATE, folder, runs] = args[..] {
        let runs = runs.parse().expect("a number of runs");
        return single().block_on(recovery::populate(folder.as_ref(), runs));
    }
    let all = args.is_empty();
    if all || args.contains(&"tick") {
        single().block_on(tick::measure(&row));
    }
    if all || args.contains(&"fleet") {
        let (runs, hours) = (size("SEAWALL_BENCH_RUNS", 10_000), size("SEAWALL_BENCH_HOURS", 10));
        single().block_on(fleet::measure(&row, runs, hours));
    }
    if all || args.contains(&"recovery") {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(recovery::measure(&row));
    }
}

/// Paced time needs a runtime of one thread.
fn single() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
