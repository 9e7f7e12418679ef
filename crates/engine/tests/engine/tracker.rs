//! A tracker that blinks costs no work.

use crate::world::{World, eventually};
use domain::run::Phase;
use domain::{Millis, Sha};

#[tokio::test]
async fn an_issue_that_one_reading_does_not_find_keeps_its_run_and_one_that_stays_away_does_not() {
    let mut world = World::new().await;
    world.setup.registered.sources.get_mut(&"shop".into()).unwrap().poll = Millis::seconds(3_600);
    world.write_issue("one", "Todo");
    let phase = Phase::InReview { head: Sha::new("a".repeat(40)), pending: ["pay".into()].into() };
    let run = world.author_run("run1", "one", phase).await;
    world.insert(run, vec![]).await;
    let engine = world.start().await;
    let listed = async || world.store.issue(&"shop".into(), &"one".into()).await.unwrap().is_some();
    eventually("the first reading", listed).await;

    std::fs::remove_file(world.issue_file("one")).unwrap();
    engine.refresh();
    eventually("a reading without it", || async { !listed().await }).await;
    world.write_issue("one", "Todo");
    engine.refresh();
    eventually("a reading with it", listed).await;
    assert!(matches!(world.phase("run1").await, Phase::InReview { .. }));

    std::fs::remove_file(world.issue_file("one")).unwrap();
    let over = async || {
        engine.refresh();
        matches!(world.phase("run1").await, Phase::Ended { .. })
    };
    eventually("the run to be let go", over).await;
    engine.drain().await;
}
