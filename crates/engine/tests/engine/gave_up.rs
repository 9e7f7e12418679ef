//! A run that gave up is not begun again by what Seawall itself wrote.

use crate::world::{World, eventually};
use domain::effect::Effect;
use domain::run::{Outcome, Phase, Refusal};

#[tokio::test]
async fn the_comment_that_asks_for_a_person_is_not_a_change_by_a_person() {
    let world = World::new().await;
    world.write_issue("one", "Todo");
    let outcome = Outcome::NeedsPerson { question: "which?".to_owned() };
    let run = world.author_run("run1", "one", Phase::Ended { outcome, at: world.now() }).await;
    let text = "Seawall needs a person: which?".to_owned();
    world.insert(run, vec![Effect::Comment { run: "run1".into(), text }]).await;
    let engine = world.start().await;
    eventually("the comment", || async { world.read_issue("one").contains("Seawall needs a person") }).await;
    let gave_up = |refusal: &Option<Refusal>| {
        matches!(refusal, Some(Refusal::GaveUp { .. } | Refusal::NotReady { .. }))
    };
    eventually("a decision", || async { gave_up(&world.refusal("one").await) }).await;
    let refusal = world.refusal("one").await;
    assert!(matches!(refusal, Some(Refusal::GaveUp { .. })), "{refusal:?}");

    let changed = world.read_issue("one").replace("Do it.", "Do it like this.");
    std::fs::write(world.issue_file("one"), changed).unwrap();
    // Tried again: all that stands against it now is the missing agent.
    let tried = async || matches!(world.refusal("one").await, Some(Refusal::NotReady { .. }));
    eventually("a person's change to be seen", tried).await;
    engine.drain().await;
}

#[tokio::test]
async fn an_issue_that_is_gone_is_told_nothing() {
    let world = World::new().await;
    world.write_issue("one", "Todo");
    let outcome = Outcome::NeedsPerson { question: "which?".to_owned() };
    let run = world.author_run("run1", "one", Phase::Ended { outcome, at: world.now() }).await;
    let (id, text, state) = (run.id.clone(), "which?".to_owned(), "Done".to_owned());
    let owed = vec![Effect::Comment { run: id.clone(), text }, Effect::MoveIssue { run: id.clone(), state }];
    world.insert(run, owed).await;
    std::fs::remove_file(world.issue_file("one")).unwrap();
    let engine = world.start().await;
    let done = async || world.store.effects_of(&id, 9).await.unwrap().iter().all(|e| e.status == "done");
    eventually("both to be settled", done).await;
    assert_eq!(world.store.effects_of(&id, 9).await.unwrap().iter().map(|e| e.tries).max(), Some(1));
    engine.drain().await;
}
