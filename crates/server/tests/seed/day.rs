//! A working day: landed, in review, at work, waiting, stopped, and one that wants a person.

use super::story::Story;
use super::{ago, control};
use domain::budget::{Account, Holder};
use domain::call::Status;
use domain::change::{Change, Owner};
use domain::containment::{Layer, Mode, Order, Proof, Scope};
use domain::event::Event;
use domain::failure::{Failure, FailureKind};
use domain::issue::Issue;
use domain::review::{Disposition, Finding, Place, Priority, Raised};
use domain::run::{Assignment, Outcome, Phase, Refusal, Wait};
use domain::{MicroUsd, Sha, Timestamp};
use serde_json::json;
use server::control::{Control, WantedOrder};
use std::collections::BTreeMap;
use std::path::Path;
use store::Store;

/// What an agent could write to attack the page.
pub const HOSTILE: &str = "<script>alert('title')</script> & \"quotes\"";

pub(super) const AUTHOR: (&str, &str) = ("payments-author", "payments");

pub async fn write(store: &Store, control: &impl Control, blobs: &Path, now: Timestamp) {
    issues(store, now).await;
    super::landed::write(store, blobs, now).await;
    in_review(store, now).await;
    at_work(store, now).await;
    waiting(store, now).await;
    needs_person(store, now).await;
    stopped(store, control, now).await;
    contained_team(store, control, now).await;
}

pub(super) fn sha(digit: &str) -> Sha {
    Sha::new(digit.repeat(40).get(..40).unwrap())
}

pub(super) fn day_account(holder: Holder, now: Timestamp, usd: u64) -> Account {
    Account { holder, window_start: now.day_start(), limit: MicroUsd(usd * 1_000_000) }
}

async fn issues(store: &Store, now: Timestamp) {
    let titles = [
        ("SHOP-12", "Round prices half to even before tax", "Done"),
        ("SHOP-15", "Refund partial orders", "Todo"),
        ("SHOP-17", "Speed up the cart total", "Todo"),
        ("SHOP-18", "Retry webhooks", "Todo"),
        ("SHOP-19", HOSTILE, "Todo"),
        ("SHOP-20", "Move invoices to the new ledger", "Todo"),
        ("SHOP-21", "Show net prices to business customers", "Todo"),
        ("SHOP-22", "Delete the old tax tables", "Todo"),
    ];
    let issue = |&(identifier, title, state): &(&str, &str, &str)| Issue {
        version: "1".into(),
        ..Issue::new(identifier.to_lowercase().as_str().into(), identifier, title, state)
    };
    let all: Vec<Issue> = titles.iter().map(issue).collect();
    store.observe_issues(&"shop".into(), &all, &[], ago(now, 90.0)).await.unwrap();
    let refusals = BTreeMap::from([
        ("shop-21".into(), Refusal::NoSlot { slots: 3 }),
        ("shop-22".into(), Refusal::Withheld { why: "it waits for SHOP-20".into() }),
        ("shop-12".into(), Refusal::NotActive { state: "Done".into(), active: vec!["Todo".into()] }),
    ]);
    store.record_refusals(&"shop".into(), &refusals, &[], ago(now, 4.0)).await.unwrap();
}

pub(super) fn change(base: &str, head: &str) -> Change {
    let owner = |team: &str, file: &str| Owner {
        team: team.into(),
        reviewer: Some(format!("{team}-reviewer").as_str().into()),
        files: vec![file.into()],
    };
    Change {
        base: sha(base),
        head: sha(head),
        files: vec!["src/price.rs".into(), "web/cart.ts".into(), "tests/rounding.rs".into()],
        added: 64,
        removed: 12,
        owners: vec![owner("payments", "src/price.rs"), owner("web", "web/cart.ts")],
    }
}

pub(super) fn finding(
    id: &str,
    priority: Priority,
    round: u32,
    head: &str,
    title: &str,
    disposition: Disposition,
) -> Finding {
    let place = |file: &str, first, last, at: Option<&str>| Place {
        file: file.into(),
        line_start: first,
        line_end: last,
        sha: at.map(sha),
    };
    let raised = Raised {
        priority,
        title: title.into(),
        body:
            "The total is rounded after tax is added, so two items of 0.125 each come to 0.26 and not 0.25. \
               This is how INC-2031 charged 1,204 customers one cent too much.\n\
               Round each line half to even before the sum."
                .into(),
        place: Some(place("src/price.rs", 41, 48, Some(head))),
        cites: vec![place("teams/payments/incidents/INC-2031.md", 12, 19, Some("1b"))],
    };
    Finding { id: id.into(), team: "payments".into(), round, head: sha(head), raised, disposition }
}

pub(super) async fn keep(blobs: &Path, body: &str) -> Option<String> {
    use std::io::Write;
    let name = base::digest::sha256_hex(body.as_bytes());
    let dir = blobs.join(&name[..2]);
    std::fs::create_dir_all(&dir).unwrap();
    let file = std::fs::File::create(dir.join(format!("{name}.gz"))).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    gzip.write_all(body.as_bytes()).unwrap();
    gzip.finish().unwrap();
    Some(name)
}

pub(super) async fn work(story: &mut Story, turns: u64) {
    for turn in 1..=turns {
        story
            .call(Status::Done, 2.1 + turn as f64, (2_400 + turn * 1_900, turn * 1_500, 180 + turn * 40))
            .await;
        match turn % 3 {
            1 => {
                story.did("said", json!({"text": "I look at how the total is put together first."})).await;
                story.did("ran", json!({"command": "grep -rn 'fn total' src", "exit": 0, "ms": 80})).await;
            }
            2 => story.did("edited", json!({"files": ["src/price.rs", "tests/rounding.rs"]})).await,
            _ => story.did("ran", json!({"command": "cargo test --quiet rounding", "exit": i32::from(turn == 3), "ms": 5_400})).await,
        }
    }
}

pub(super) async fn review(
    story: &Story,
    store: &Store,
    team: &str,
    round: u32,
    head: &str,
    findings: usize,
) -> Event {
    let id = format!("{}v{round}{}", &story.run.id.as_str()[..12], &team[..1]);
    let assignment = Assignment {
        parent: story.run.id.clone(),
        team: team.into(),
        base: sha("0a"),
        head: sha(head),
        round,
        files: vec!["src/price.rs".into()],
    };
    let issue = (story.run.issue.identifier.as_str(), story.run.issue.title.as_str());
    let reviewer = format!("{team}-reviewer");
    let mut run = Story::begin_as(store, &id, issue, (&reviewer, team), story.at, Some(assignment)).await;
    run.rehearsal = story.rehearsal;
    run.call(Status::Done, 4.2, (8_100, 0, 420)).await;
    run.did(
        "ran",
        json!({"command": format!("git diff 0a0a0a0a0a..{}", sha(head).short()), "exit": 0, "ms": 60}),
    )
    .await;
    run.call(Status::Done, 3.7, (9_400, 8_100, 510)).await;
    run.did("tool_called", json!({"name": "submit_review", "ok": true})).await;
    let outcome = Outcome::Reviewed { findings };
    let ended = vec![run.finished("Handed in the review."), Event::Ended { outcome: outcome.clone() }];
    run.wait(0.3);
    run.step(Phase::Ended { outcome, at: run.at }, ended).await;
    Event::ReviewReported { team: team.into(), round, findings }
}

async fn in_review(store: &Store, now: Timestamp) {
    let mut story =
        Story::begin(store, "7q0m51x8a2review", ("SHOP-15", "Refund partial orders"), AUTHOR, ago(now, 9.0))
            .await;
    story.rehearsal = false;
    story.accounts = vec![day_account(Holder::Team("payments".into()), now, 2)];
    work(&mut story, 5).await;
    let made = change("9f", "c4");
    let mut open = finding(
        "payments-1-1",
        Priority::P2,
        1,
        "c4",
        "A refund of zero is booked as a payment",
        Disposition::Open,
    );
    open.raised.body = "`refund(0)` takes the path of a payment because the sign is tested with `>=`.".into();
    let events =
        vec![story.finished("Partial refunds work."), Event::ChangeCollected { change: made.clone() }];
    story.run.change = Some(made);
    story.run.round = 1;
    story.run.ledger.findings = vec![open.clone()];
    let report = review(&story, store, "payments", 1, "c4", 1).await;
    let pending = ["web".into()].into();
    story.step(Phase::InReview { head: sha("c4"), pending }, events).await;
    story.wait(9.0);
    let pending = ["web".into()].into();
    story
        .step(
            Phase::InReview { head: sha("c4"), pending },
            vec![report, Event::FindingRaised { finding: open }],
        )
        .await;
    let assignment = Assignment {
        parent: story.run.id.clone(),
        team: "web".into(),
        base: sha("9f"),
        head: sha("c4"),
        round: 1,
        files: vec![],
    };
    let issue = ("SHOP-15", "Refund partial orders");
    let mut web = Story::begin_as(
        store,
        "7q0m51x8a2rev-w1",
        issue,
        ("web-reviewer", "web"),
        story.at,
        Some(assignment),
    )
    .await;
    web.rehearsal = false;
    web.call(Status::Done, 5.0, (7_800, 0, 300)).await;
}

async fn at_work(store: &Store, now: Timestamp) {
    let mut story = Story::begin(
        store,
        "7q0m53d5c7atwork",
        ("SHOP-17", "Speed up the cart total"),
        AUTHOR,
        ago(now, 2.2),
    )
    .await;
    story.accounts = vec![Account {
        holder: Holder::Run(story.run.id.clone()),
        window_start: Timestamp(0),
        limit: MicroUsd(100_000),
    }];
    work(&mut story, 4).await;
    story.call(Status::Open, 0.0, (0, 0, 0)).await;
}

async fn waiting(store: &Store, now: Timestamp) {
    let mut story =
        Story::begin(store, "7q0m54k1e0waits0", ("SHOP-18", "Retry webhooks"), AUTHOR, ago(now, 3.0)).await;
    work(&mut story, 2).await;
    let failure = Failure::new(
        FailureKind::OutOfMemory,
        "the attempt used more than 2.0 GiB; raise agents.payments-author.limits.memory",
    );
    let (due, why) = (Timestamp(now.0 + 40_000_000), Wait::Retry { failure: failure.clone() });
    story.run.failures = 1;
    let events = vec![story.failed(failure), Event::Waiting { due, why: why.clone() }];
    story.step(Phase::Waiting { due, why }, events).await;
}

async fn needs_person(store: &Store, now: Timestamp) {
    let mut story =
        Story::begin(store, "7q0m4y00hostile0", ("SHOP-19", HOSTILE), AUTHOR, ago(now, 75.0)).await;
    work(&mut story, 1).await;
    story.did("said", json!({"text": "<img src=x onerror=alert(2)> done"})).await;
    let question =
        "payments and web still disagree after 4 rounds <b>about</b> rounding; decide payments-4-1"
            .to_owned();
    let outcome = Outcome::NeedsPerson { question };
    let events =
        vec![story.finished("</li><script>alert(3)</script>"), Event::Ended { outcome: outcome.clone() }];
    story.wait(200.0);
    story.step(Phase::Ended { outcome, at: story.at }, events).await;
}

async fn give(control: &impl Control, scope: Scope, reason: &str, now: Timestamp) -> Order {
    let wanted =
        WantedOrder { scope, mode: Mode::Hard, reason: reason.into(), actor: "dashboard".into(), now };
    control.give_order(wanted).await.unwrap()
}

async fn stopped(store: &Store, control: &impl Control, now: Timestamp) {
    let mut story = Story::begin(
        store,
        "7q0m50r3f4stops0",
        ("SHOP-20", "Move invoices to the new ledger"),
        AUTHOR,
        ago(now, 31.0),
    )
    .await;
    work(&mut story, 5).await;
    story.call(Status::Cut, 6.0, (9_000, 8_000, 10)).await;
    let scope = Scope::Run(story.run.id.clone());
    let order = give(control, scope.clone(), "It loops over the same three files", story.at).await;
    let verified = |by: &str| Proof::Verified { by: by.into() };
    let proofs = [
        (Layer::Runtime, verified("control group empty (populated 0) after the kill of 7 processes"), 41_000),
        (Layer::Identity, verified("a token of the run was refused: 403 contained"), 9_000),
        (Layer::Gateway, verified("1 open stream cut, 0 left"), 12_000),
    ];
    control::prove(store, &order, &proofs).await;
    let outcome = Outcome::Stopped { order: order.id, scope, reason: order.reason };
    story.step(Phase::Ended { outcome: outcome.clone(), at: story.at }, vec![Event::Ended { outcome }]).await;
}

async fn contained_team(store: &Store, control: &impl Control, now: Timestamp) {
    let order =
        give(control, Scope::Agent("web-author".into()), "Its prompt is being rewritten", ago(now, 18.0))
            .await;
    let proofs = [
        (Layer::Identity, Proof::Verified { by: "no token newer than epoch 2 is accepted".into() }, 8_000),
        (
            Layer::Runtime,
            Proof::Unverified {
                why: "worker host b did not answer within 5 s; look at it and kill what is left".into(),
            },
            5_000_000,
        ),
        (Layer::Gateway, Proof::Verified { by: "no open stream".into() }, 7_000),
    ];
    control::prove(store, &order, &proofs).await;
}
