//! What an order stopped stays stopped, whoever was killed half-way through giving it.

use crate::world::{World, eventually, git};
use domain::containment::{Containment, Mode, Order};
use domain::effect::Effect;
use domain::run::{Outcome, Phase};
use domain::{Epoch, Fence};

pub fn containment(scope: &str, epoch: u64) -> Containment {
    let order = Order {
        id: format!("order{epoch}").as_str().into(),
        scope: scope.parse().unwrap(),
        mode: Mode::Hard,
        reason: "it loops".into(),
        actor: "ana".into(),
        epoch: Epoch(epoch),
        given_at: domain::Timestamp(1),
    };
    Containment { order, lifted: None }
}

#[tokio::test]
async fn a_run_that_was_not_told_of_its_order_does_not_land() {
    let world = World::new().await;
    world.write_issue("one", "Todo");
    let head = domain::Sha::new(git(&world.path().join("seed"), &["rev-parse", "HEAD"]));
    let run = world.author_run("run1", "one", Phase::Landing { head: head.clone() }).await;
    let landing = Effect::Land { run: run.id.clone(), fence: Fence(1), round: 1, head };
    world.insert(run, vec![landing]).await;
    // The daemon was killed between the order and the telling.
    let stop = containment("team/pay", 1);
    world.store.contain(&stop, 0).await.unwrap();
    let engine = world.start().await;
    let over = async || matches!(world.phase("run1").await, Phase::Ended { .. });
    eventually("the run to be stopped", over).await;
    let phase = world.phase("run1").await;
    assert!(matches!(phase, Phase::Ended { outcome: Outcome::Stopped { .. }, .. }), "{phase:?}");
    engine.drain().await;
}

#[tokio::test]
async fn an_order_that_came_through_another_machine_is_heard() {
    let world = World::new().await;
    world.write_issue("one", "Todo");
    let pending = ["pay".into()].into();
    let head = domain::Sha::new("a".repeat(40));
    let run = world.author_run("run1", "one", Phase::InReview { head, pending }).await;
    world.insert(run, vec![]).await;
    let engine = world.start().await;
    let (_, version) = world.store.containments_at_version().await.unwrap();
    let stop = containment("project/shop", 1);
    world.store.contain(&stop, version).await.unwrap();
    let over = async || matches!(world.phase("run1").await, Phase::Ended { .. });
    eventually("the run to be stopped", over).await;
    engine.drain().await;
}
