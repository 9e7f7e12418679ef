//! One tick over many candidates, a tenth of them being worked on: time and allocations, and how they grow.

use crate::agents::{Habits, new_issue};
use crate::pacer::Pacer;
use crate::report::{Row, count, exponents, median, millis};
use crate::world::{Size, World};
use domain::issue::Issue;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region};
use std::time::{Duration, Instant};

/// Candidates; each ten times the one before.
const SIZES: [usize; 3] = [100, 1_000, 10_000];
/// Ticks of each kind; the middle one is told.
const TICKS: usize = 21;
/// Of a thousand issues, how many read otherwise at each tick.
const CHANGED: usize = 10;
/// Longer than the benchmark: what runs stays.
const AGES: Duration = Duration::from_secs(7 * 24 * 3600);

/// What one tick took.
#[derive(Clone, Copy)]
struct Cost {
    time: Duration,
    allocations: u64,
    bytes: u64,
}

type CostOf = fn(&Ticks) -> Cost;

/// The ticks of one size.
struct Ticks {
    quiet: Cost,
    changed: Cost,
    claims_only: Cost,
}

pub async fn measure(row: Row<'_>) {
    let mut all = vec![];
    for issues in SIZES {
        all.push(ticks(issues).await);
    }
    let kinds: [(&str, CostOf); 3] = [
        ("a tick at which nothing changed", |t| t.quiet),
        ("a tick at which one issue in a hundred reads otherwise", |t| t.changed),
        ("a round of claims without a reading", |t| t.claims_only),
    ];
    for (name, cost) in kinds {
        let costs: Vec<Cost> = all.iter().map(cost).collect();
        for (issues, cost) in SIZES.iter().zip(&costs) {
            let running = issues / 10;
            let figure = format!(
                "{}; {} allocations, {} KiB",
                millis(cost.time),
                count(cost.allocations),
                count(cost.bytes / 1024)
            );
            row(
                &format!("{name}; {} candidates, {} running", count(*issues as u64), count(running as u64)),
                &figure,
            );
        }
        let times: Vec<f64> = costs.iter().map(|cost| cost.time.as_secs_f64()).collect();
        let allocations: Vec<f64> = costs.iter().map(|cost| cost.allocations as f64).collect();
        row(
            "how it grows: exponent from 100 to 1,000 and from 1,000 to 10,000",
            &format!("time {}; allocations {}", exponents(&times), exponents(&allocations)),
        );
    }
}

async fn ticks(issues: usize) -> Ticks {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let habits = Habits { turn: (AGES, AGES * 2), done: 0, failed: 0 };
    let running = issues / 10;
    let slots = u32::try_from(running).expect("a size fits");
    let world = World::paced(folder.path(), Size { issues, slots, max_turns: 1, habits }).await;
    let engine = world.start().await;
    let pacer = world.pacer();
    pacer.until(Duration::from_secs(1), || world.agents.living() == running).await;
    // What the start left to do is done.
    pacer.pass(Duration::from_secs(5)).await;
    let quiet = middle(&pacer, || _ = engine.refresh()).await;
    let claims_only = middle(&pacer, || engine.reschedule()).await;
    let mut n = 0;
    let changed = middle(&pacer, || {
        n += 1;
        for place in (0..issues).step_by(1_000 / CHANGED) {
            let identifier = format!("SHOP-{place}");
            world.tracker.put(Issue { title: format!("Do it {n}"), ..new_issue(&identifier) });
        }
        engine.refresh();
    })
    .await;
    drop(pacer);
    engine.drain().await;
    Ticks { quiet, changed, claims_only }
}

/// The middle one of many ticks that `ask` brings about.
async fn middle(pacer: &Pacer, mut ask: impl FnMut()) -> Cost {
    let mut costs = vec![];
    for _ in 0..TICKS {
        let asked = Instant::now();
        let region = Region::new(&INSTRUMENTED_SYSTEM);
        ask();
        pacer.settle().await;
        // Some wakes are answered only when the shortest time between two looks has passed.
        pacer.pass(Duration::from_millis(30)).await;
        let spent = region.change();
        costs.push(Cost {
            time: asked.elapsed(),
            allocations: (spent.allocations + spent.reallocations) as u64,
            bytes: spent.bytes_allocated as u64,
        });
        // Whatever else is due at some interval happens outside of what is measured.
        pacer.pass(Duration::from_secs(1)).await;
    }
    Cost {
        time: median(costs.iter().map(|cost| cost.time)),
        allocations: median(costs.iter().map(|cost| cost.allocations)),
        bytes: median(costs.iter().map(|cost| cost.bytes)),
    }
}
