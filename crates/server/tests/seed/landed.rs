//! The run that went well: a first round that repeats an incident, a second that is clean, landed.

use super::ago;
use super::day::{AUTHOR, change, day_account, finding, keep, review, sha, work};
use super::story::Story;
use domain::Timestamp;
use domain::budget::Holder;
use domain::call::Status;
use domain::event::Event;
use domain::review::{Disposition, Finding, Priority};
use domain::run::{Outcome, Phase, Wait};
use serde_json::json;
use std::path::Path;
use store::Store;

pub async fn write(store: &Store, blobs: &Path, now: Timestamp) {
    let title = "Round prices half to even before tax";
    let mut story = Story::begin(store, "7q0m4zt2k9landed", ("SHOP-12", title), AUTHOR, ago(now, 52.0)).await;
    bodies(&mut story, blobs).await;
    story.accounts = vec![
        day_account(Holder::Team("payments".into()), now, 2),
        day_account(Holder::Agent("payments-author".into()), now, 1),
    ];
    story.call(Status::Failed, 1.1, (0, 0, 0)).await;
    work(&mut story, 6).await;
    first_round(&mut story, store).await;
    story.wait(1.0);
    story.attempt(vec![]).await;
    work(&mut story, 3).await;
    second_round(&mut story, store).await;
    let outcome = Outcome::Landed { head: sha("9f"), main: sha("9f") };
    story.wait(0.8);
    story.step(Phase::Ended { outcome: outcome.clone(), at: story.at }, vec![Event::Ended { outcome }]).await;
}

async fn bodies(story: &mut Story, blobs: &Path) {
    let request = json!({"model": "large", "stream": true, "input": [{"role": "user", "content": "Work on SHOP-12: round prices half to even before tax."}], "tools": [{"type": "function", "name": "shell"}]});
    let answer = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"model\":\"rehearsal/large\"}}\n\nevent: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"I look at how the total is put together first. </pre><script>alert(1)</script>\"}\n\nevent: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"usage\":{\"input_tokens\":4300,\"output_tokens\":220}}}\n\n";
    story.blobs = (keep(blobs, &request.to_string()).await, keep(blobs, answer).await);
}

fn in_review(head: &str) -> Phase {
    Phase::InReview { head: sha(head), pending: ["payments".into(), "web".into()].into() }
}

async fn first_round(story: &mut Story, store: &Store) {
    let first = change("0a", "3c");
    let events = vec![
        story.finished("Prices are rounded half to even; the test passes."),
        Event::ChangeCollected { change: first.clone() },
    ];
    story.run.change = Some(first);
    story.run.round = 1;
    story.step(in_review("3c"), events).await;
    let clean = review(story, store, "web", 1, "3c", 0).await;
    let raised = review(story, store, "payments", 1, "3c", 2).await;
    let [p1, p3] = findings();
    story.run.ledger.findings = vec![p1.clone(), p3.clone()];
    let why = Wait::Rework { findings: 1 };
    let events = vec![
        clean,
        raised,
        Event::FindingRaised { finding: p1 },
        Event::FindingRaised { finding: p3 },
        Event::Waiting { due: story.at, why: why.clone() },
    ];
    story.wait(14.0);
    story.step(Phase::Waiting { due: story.at, why }, events).await;
}

fn findings() -> [Finding; 2] {
    let p1 = finding(
        "payments-1-1",
        Priority::P1,
        1,
        "3c",
        "Rounding after tax repeats INC-2031",
        Disposition::Fixed { head: sha("9f") },
    );
    let mut p3 = finding(
        "payments-1-2",
        Priority::P3,
        1,
        "3c",
        "The helper could live beside the currency table",
        Disposition::Deferred,
    );
    p3.raised.body = "Not urgent: `round_line` is the third helper of its kind.".into();
    p3.raised.cites.clear();
    [p1, p3]
}

async fn second_round(story: &mut Story, store: &Store) {
    let second = change("0a", "9f");
    story.run.change = Some(second.clone());
    story.run.round = 2;
    let events = vec![
        story.finished("Each line is rounded before the sum."),
        Event::ChangeCollected { change: second },
        Event::FindingFixed { id: "payments-1-1".into(), head: sha("9f") },
    ];
    story.step(in_review("9f"), events).await;
    let reports = vec![
        review(story, store, "payments", 2, "9f", 0).await,
        review(story, store, "web", 2, "9f", 0).await,
    ];
    story.wait(11.0);
    story.step(Phase::Landing { head: sha("9f") }, reports).await;
    story.step(Phase::Landing { head: sha("9f") }, vec![Event::LandingStarted { head: sha("9f") }]).await;
}
