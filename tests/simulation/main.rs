//! The real program on a real repository, killed with `kill -9` at random moments, and judged from outside.
//!
//! Each test draws its moments from a seed, which it prints when it fails. Repeat a failure with
//! `SEAWALL_SIM_SEED`; soak with `SEAWALL_SIM_ISSUES` and `SEAWALL_SIM_KILLS`. A seed repeats the moments, not what
//! the kernel makes of them, so a failure may need a few tries.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, tells its seed, and looks at the few events it judges"
)]

mod invariants;
mod life;
mod random;
#[path = "../support/mod.rs"]
mod support;
mod world;

use invariants::Truth;
use life::Life;
use random::Random;
use std::time::Duration;
use world::{Size, World};

#[tokio::test]
async fn every_issue_lands_exactly_once_whenever_the_daemon_is_killed() {
    let size = Size::from_env();
    let world = World::write(size, world::Victim::Absent);
    let mut life = Life::new(&world, Random::seeded());
    for _ in 0..size.kills {
        life.live_and_be_killed().await;
    }
    let daemon = life.live_on().await;
    world.finished(&daemon).await;
    life.drain(daemon).await;
    let truth = Truth::read(&world).await;
    truth.every_issue_landed_once();
    truth.nothing_landed_unreviewed();
    truth.no_issue_was_worked_on_twice_at_once();
    truth.books_balance().await;
    truth.nothing_is_left_behind(&[]);
    life.told(&truth);
}

#[tokio::test]
async fn what_an_order_stopped_never_comes_back_however_often_the_daemon_is_killed() {
    let size = Size::from_env().halved();
    let world = World::write(size, world::Victim::Loops);
    let mut life = Life::new(&world, Random::seeded());
    let (mut killed, before) = (0, life.random.below(u64::from(size.kills)));
    while u64::from(killed) < before {
        life.live_and_be_killed().await;
        killed += 1;
    }
    let stopped = life.stop_the_victim_and_be_killed().await;
    for _ in killed..size.kills {
        life.live_and_be_killed().await;
    }
    let daemon = life.live_on().await;
    world.finished(&daemon).await;
    world.proved(&daemon, &stopped.run).await;
    // Longer than any wait before a retry and than any look at the tracker: whoever came back would be there.
    tokio::time::sleep(Duration::from_secs(3)).await;
    life.drain(daemon).await;
    let truth = Truth::read(&world).await;
    truth.stayed_stopped(&stopped);
    truth.every_issue_landed_once();
    truth.no_issue_was_worked_on_twice_at_once();
    truth.books_balance().await;
    truth.nothing_is_left_behind(&[&stopped.run]);
    life.told(&truth);
}
