//! Simulated agents for hours of simulated time, over the real store: the benchmark's worlds, small enough for every day.

#[allow(dead_code, reason = "the benchmark uses the rest")]
#[path = "../benches/orchestrator/agents.rs"]
mod agents;
#[allow(dead_code, reason = "the benchmark uses the rest")]
#[path = "../benches/orchestrator/fleet.rs"]
mod fleet;
#[allow(dead_code, reason = "the benchmark uses the rest")]
#[path = "../benches/orchestrator/pacer.rs"]
mod pacer;
#[allow(dead_code, reason = "the benchmark uses the rest")]
#[path = "../benches/orchestrator/report.rs"]
mod report;
#[allow(dead_code, reason = "the benchmark uses the rest")]
#[path = "../benches/orchestrator/world.rs"]
mod world;

use agents::Habits;
use std::time::Duration;
use world::{Size, World};

/// Fails, in the benchmark's own words, when a claim is lost or doubled.
#[tokio::test]
async fn no_claim_is_lost_or_doubled_in_hours_of_many_runs() {
    fleet::measure(&|_, _| {}, 60, 2).await;
}

#[tokio::test]
async fn an_attempt_whose_task_panicked_is_found_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let ages = Duration::from_secs(7 * 24 * 3_600);
    let habits = Habits { turn: (ages, ages * 2), done: 0, failed: 0 };
    let world = World::paced(folder.path(), Size { issues: 1, slots: 1, max_turns: 1, habits }).await;
    world.agents.panic_once();
    let engine = world.start().await;
    let pacer = world.pacer();
    pacer.until(Duration::from_secs(1), || world.agents.panicked()).await;
    // The store's clock is the machine's, which did not move: what was claimed is as old as two looks of simulated time.
    world.store.end_all_leases().await.unwrap();
    pacer.until(Duration::from_secs(1), || world.agents.living() == 1).await;
    let run = world.store.open_runs().await.unwrap().remove(0).run;
    assert_eq!((run.attempts, run.is_live()), (2, true));
    drop(pacer);
    engine.drain().await;
}
