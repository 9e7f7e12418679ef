//! Many runs at once for many hours: what each costs, and that no claim is lost or doubled.

use crate::agents::Habits;
use crate::report::{Row, count, processor_time, resident, say, seconds};
use crate::world::{Size, World, shop};
use adapters::tracker::Tracker as _;
use domain::IssueId;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use store::cursor::EventCursor;
use store::run::StoredRun;

/// How much time passes at once.
const STEP: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
/// Longer than any wait of the scheduler but a backoff: what was moved on in the last moment is settled.
const SETTLING: Duration = Duration::from_secs(120);

/// Events read at once.
const PAGE: u32 = 1_000;

const HABITS: Habits =
    Habits { turn: (Duration::from_secs(8 * 60), Duration::from_secs(12 * 60)), done: 2, failed: 5 };

/// Measures `runs` runs over `hours` simulated hours. Panics when a claim is lost or doubled.
pub async fn measure(row: Row<'_>, runs: usize, hours: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let slots = u32::try_from(runs).expect("a size fits");
    let world = World::paced(folder.path(), Size { issues: runs, slots, max_turns: 3, habits: HABITS }).await;
    let (before, began) = (resident(), Instant::now());
    let engine = world.start().await;
    let pacer = world.pacer();
    pacer.until(STEP, || world.agents.living() == runs).await;
    let (full, filled) = (resident(), began.elapsed());
    row(
        &format!("from the start over {} claims to the last agent at work", count(runs as u64)),
        &seconds(filled),
    );

    let (began, spent) = (Instant::now(), processor_time());
    let newest = world.store.newest_event().await.expect("the store answers");
    let stats = world.store.stats();
    let mut most = full;
    for hour in 1..=hours {
        for _ in 0..HOUR.as_secs() / STEP.as_secs() {
            pacer.pass(STEP).await;
        }
        most = most.max(resident());
        let turns = world.agents.counts().turns.load(Ordering::Relaxed);
        say(&format!("    hour {hour} after {}: {turns} turns", seconds(began.elapsed())));
    }
    let (took, spent) = (began.elapsed(), processor_time() - spent);
    let after = world.store.stats();
    let events = recorded(&world, newest).await;
    let counts = world.agents.counts();
    let (sessions, turns) = (counts.sessions.load(Ordering::Relaxed), counts.turns.load(Ordering::Relaxed));
    let done = counts.done.load(Ordering::Relaxed);

    row(
        &format!("{hours} simulated hours of {} runs at once", count(runs as u64)),
        &format!("{}, {:.1} processors busy", seconds(took), spent.as_secs_f64() / took.as_secs_f64()),
    );
    row(
        "in them: sessions; turns; issues done and replaced",
        &format!("{}; {}; {}", count(sessions), count(turns), count(done)),
    );
    let a_second = |n: u64| count((n as f64 / took.as_secs_f64()) as u64);
    row(
        "events of runs recorded: in all; a second of real time",
        &format!("{}; {}", count(events), a_second(events)),
    );
    let (batches, commits) = (after.batches - stats.batches, after.commits - stats.commits);
    row(
        "batches committed a second; in each durable transaction",
        &format!("{}; {:.1}", a_second(batches), batches as f64 / commits as f64),
    );
    row(
        "processor time for each turn",
        &format!("{:.2} ms", spent.as_secs_f64() * 1e3 / turns.max(1) as f64),
    );
    let each = |kib: u64| format!("{:.1} KiB", kib.saturating_sub(before) as f64 / runs as f64);
    row(
        "resident for each run (with its simulated agent): once all are at work; at most",
        &format!("{}; {}", each(full), each(most)),
    );

    pacer.until(STEP, settling()).await;
    row("claims: lost; doubled; sessions on an issue that another one was at", &verdict(&world).await);
    drop(pacer);
    engine.drain().await;
}

/// Says when enough time has passed for the last moves to be settled.
fn settling() -> impl Fn() -> bool {
    let left = std::cell::Cell::new(SETTLING.as_secs() / STEP.as_secs());
    move || {
        left.set(left.get().saturating_sub(1));
        left.get() == 0
    }
}

/// Events recorded since `from`.
async fn recorded(world: &World, from: EventCursor) -> u64 {
    let (mut cursor, mut events) = (from, 0);
    loop {
        let page = world.store.events_since(cursor, PAGE).await.expect("the store answers");
        let Some(last) = page.last() else { return events };
        cursor = last.cursor;
        events += page.len() as u64;
    }
}

/// Every issue that is to be worked on has one open run, every other has none.
async fn verdict(world: &World) -> String {
    let states = ["Todo".to_owned()];
    let active = world.tracker.fetch_by_states(&states).await.expect("issues in memory").issues;
    let open = world.store.open_runs().await.expect("the store answers");
    let mut by_issue: HashMap<&IssueId, Vec<&StoredRun>> = HashMap::new();
    for stored in &open {
        assert_eq!(stored.run.issue.project, shop());
        by_issue.entry(&stored.run.issue.id).or_default().push(stored);
    }
    let lost = active.iter().filter(|issue| !by_issue.contains_key(&issue.id)).count();
    let doubled = by_issue.values().filter(|runs| runs.len() > 1).count();
    let stray = open.len() - (active.len() - lost) - doubled;
    let doubles = world.agents.counts().doubles.load(Ordering::Relaxed);
    assert_eq!(
        (lost, doubled, stray, doubles),
        (0, 0, 0, 0),
        "claims lost, doubled, of issues that are over; sessions"
    );
    format!("{lost}; {doubled}; {doubles}")
}
