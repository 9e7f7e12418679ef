//! Begun work comes before new work, and nothing that cannot go on stands in the way of what can.

use crate::world::{World, eventually};
use domain::change::{Change, Owner};
use domain::run::{Phase, Refusal, Wait};
use domain::{IssueId, Sha};
use std::collections::BTreeMap;

#[tokio::test]
async fn a_review_that_cannot_start_here_takes_no_slot_from_new_work() {
    let world = World::with(|project| project.slots = 1).await;
    world.write_issue("one", "Todo");
    world.write_issue("two", "Todo");
    let (base, head) = (Sha::new("a".repeat(40)), Sha::new("b".repeat(40)));
    let pending = ["pay".into()].into();
    let mut run = world.author_run("run1", "one", Phase::InReview { head: head.clone(), pending }).await;
    let owner = Owner { team: "pay".into(), reviewer: Some("reviewer".into()), files: vec![] };
    run.change = Some(Change { base, head, files: vec![], added: 1, removed: 0, owners: vec![owner] });
    world.insert(run, vec![]).await;
    let engine = world.start().await;
    eventually("a decision", || async { world.refusal("two").await.is_some() }).await;
    let refusal = world.refusal("two").await;
    assert!(matches!(refusal, Some(Refusal::NotReady { .. })), "{refusal:?}");
    let refusal = world.refusal("one").await;
    assert!(matches!(refusal, Some(Refusal::Claimed { .. })), "{refusal:?}");
    engine.drain().await;
}

#[tokio::test]
async fn what_an_earlier_process_said_of_an_issue_is_said_no_more_when_it_is_not_so() {
    let world = World::new().await;
    world.write_issue("one", "Backlog");
    let refusals: BTreeMap<IssueId, Refusal> = [("one".into(), Refusal::NoSlot { slots: 9 })].into();
    world.store.record_refusals(&"shop".into(), &refusals, &[], world.now()).await.unwrap();
    let engine = world.start().await;
    eventually("the old decision to go", || async { world.refusal("one").await.is_none() }).await;
    engine.drain().await;
}

#[tokio::test]
async fn a_due_run_of_a_stopped_team_is_told_although_no_slot_is_free() {
    let world = World::with(|project| project.slots = 0).await;
    world.write_issue("one", "Todo");
    let phase = Phase::Waiting { due: domain::Timestamp(0), why: Wait::Slot };
    let run = world.author_run("run1", "one", phase).await;
    world.insert(run, vec![]).await;
    world.store.merge_containment(&crate::stopped::containment("team/pay", 1)).await.unwrap();
    let engine = world.start().await;
    let over = async || matches!(world.phase("run1").await, Phase::Ended { .. });
    eventually("the run to be stopped", over).await;
    engine.drain().await;
}
