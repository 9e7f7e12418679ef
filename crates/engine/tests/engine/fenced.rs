//! What carries an old claim changes nothing outside any more, whoever still speaks for it.

use crate::stopped::containment;
use crate::world::{World, eventually};
use domain::Fence;
use domain::run::{Phase, Run};

/// A run under its second fence: an earlier attempt of it was lost.
async fn second_claim(world: &World) -> Run {
    world.write_issue("one", "Backlog");
    let run = world.author_run("run1", "one", Phase::Working { since: world.now() }).await;
    let run = Run { fence: Fence(2), attempts: 2, ..run };
    world.insert(run.clone(), vec![]).await;
    run
}

#[tokio::test]
async fn only_the_claim_in_force_may_change_anything() {
    let world = World::new().await;
    let run = second_claim(&world).await;
    let engine = world.start().await;
    engine.still_holds(&run.id, Fence(2)).await.unwrap();
    for stale in [Fence(1), Fence(3)] {
        let told = engine.still_holds(&run.id, stale).await.unwrap_err();
        assert!(told.contains("is over") && told.contains("run1"), "{told}");
    }
    let told = engine.still_holds(&"nobody".into(), Fence(1)).await.unwrap_err();
    assert!(told.contains("nobody"), "{told}");
    engine.drain().await;
}

#[tokio::test]
async fn an_order_ends_the_claim_before_the_run_has_heard_of_it() {
    let world = World::new().await;
    let run = second_claim(&world).await;
    let engine = world.start().await;
    engine.still_holds(&run.id, Fence(2)).await.unwrap();
    let (_, version) = world.store.containments_at_version().await.unwrap();
    world.store.contain(&containment("team/pay", 1), version).await.unwrap();
    // From this commit on, whether or not the run was told yet.
    assert!(engine.still_holds(&run.id, Fence(2)).await.is_err());
    eventually("the run to be stopped", async || matches!(world.phase("run1").await, Phase::Ended { .. }))
        .await;
    let told = engine.still_holds(&run.id, Fence(2)).await.unwrap_err();
    assert!(told.contains("is over"), "{told}");
    engine.drain().await;
}
