//! What an order stopped stays stopped, whoever was killed half-way through giving it.

use crate::world::{World, eventually, git};
use domain::containment::{Containment, Layer, Lift, Mode, Order};
use domain::effect::{Effect, Task};
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

/// A connection to the kill plane, past the engine: as `seawall kill` does it when the control door is dead.
async fn kill_plane(world: &World) -> killd::client::Client {
    killd::client::Client::connect(&world.setup.killd_socket()).await.unwrap()
}

#[tokio::test]
async fn an_order_given_to_the_kill_plane_alone_is_taken_over_while_we_live() {
    let world = World::new().await;
    world.write_issue("one", "Backlog");
    let pending = ["pay".into()].into();
    let head = domain::Sha::new("a".repeat(40));
    let run = world.author_run("run1", "one", Phase::InReview { head, pending }).await;
    // What was stopped and lifted before: the kill plane never heard of it, and its own epochs begin below.
    let mut before = containment("agent/author", 7);
    before.lifted = Some(Lift { epoch: Epoch(8), actor: "bo".into(), reason: "ok".into(), at: world.now() });
    world.store.merge_containment(&before).await.unwrap();
    let engine = world.start().await;
    world.write_issue("one", "Todo");
    world.insert(run, vec![]).await;
    let order = killd::protocol::Order {
        id: "direct".to_owned(),
        scope: "agent/author".to_owned(),
        reason: "it loops".to_owned(),
        actor: "ana".to_owned(),
        epoch: 1,
        at_us: 1,
    };
    kill_plane(&world).await.stop(order).await.unwrap();
    let over = async || matches!(world.phase("run1").await, Phase::Ended { .. });
    eventually("the run to be stopped", over).await;
    let known = world.store.containments().await.unwrap();
    let entry = known.get(&"agent/author".parse().unwrap()).unwrap().clone();
    assert!(entry.in_force() && entry.order.epoch > Epoch(8), "{entry:?}");
    engine.drain().await;
}

#[tokio::test]
async fn an_order_and_its_lift_reach_the_kill_plane_of_a_machine_they_were_not_given_on() {
    let world = World::new().await;
    let engine = world.start().await;
    let stop = containment("team/pay", 1);
    world.store.merge_containment(&stop).await.unwrap();
    let client = kill_plane(&world).await;
    let stopped = async || client.check(&["team/pay".to_owned()]).await.unwrap().is_some();
    eventually("the tombstone", stopped).await;
    let lift = Lift { epoch: Epoch(2), actor: "bo".into(), reason: "ok".into(), at: world.now() };
    world.store.merge_containment(&Containment { lifted: Some(lift), ..stop }).await.unwrap();
    eventually("the lift", || async { !stopped().await }).await;
    engine.drain().await;
}

#[tokio::test]
async fn an_order_is_not_proven_while_another_machine_holds_an_attempt() {
    let world = World::new().await;
    world.write_issue("one", "Todo");
    let run = world.author_run("run1", "one", Phase::Starting { since: world.now() }).await;
    let task = Task::Author { findings: vec![], conflicts: vec![] };
    let start = Effect::StartAttempt { run: run.id.clone(), fence: Fence(1), attempt: 1, task };
    world.insert(run, vec![start]).await;
    let hour = domain::Millis::seconds(3_600);
    let held = world.store.claim_effects("another", 9, hour).await.unwrap().remove(0).lease;
    let engine = world.start_beside_others().await;
    let scope = "team/pay".parse().unwrap();
    let order = engine.give_order(scope, Mode::Hard, "it loops", "ana").await.unwrap();
    let proven = async || world.store.order(&order.id).await.unwrap().unwrap().proved(Layer::Runtime);
    assert!(!proven().await);
    world.store.finish_effect(&held, store::step::Ending::Done, world.now()).await.unwrap();
    eventually("the proof", proven).await;
    engine.drain().await;
}
