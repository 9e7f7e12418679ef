//! Issues as people keep them: edited, parked, blocked, broken, gone.

use crate::support::scenario::*;
use crate::support::{Daemon, Plan, daemon, git, installation, process};
use serde_json::json;
use wire::WhyVerdict;

/// An author that takes its time in the middle.
fn slow_notes(delay: &str) -> String {
    let wait = with(runs("true"), "delay", json!(delay));
    let note = [wait, runs("echo done >$(mktemp note-XXXXXX)"), says("Added a note.")];
    scenario(&[reviews_clean(), loops("loops", &["Work on LOOP-"]), script("author", &["Work on "], &note)])
}

#[tokio::test]
async fn a_landed_issue_lands_exactly_the_sha_that_every_owner_reviewed_last() {
    let shop = Plan::demo().write();
    let daemon = Daemon::start(&shop).await;
    let run = daemon.landed("SHOP-1").await;
    let round =
        run.timeline.iter().filter(|event| event.kind == "review_requested" && event.data["round"] == 2);
    let reviewed: Vec<&str> = round.map(|event| event.data["head"].as_str().unwrap()).collect();
    let main = shop.main();
    assert_eq!(reviewed, [&main, &main], "{}", daemon::lines(&run));
}

#[tokio::test]
async fn what_a_person_writes_into_an_issue_during_the_run_is_kept() {
    let shop = Plan::playing(slow_notes("1s")).issue("A-1").write();
    let daemon = Daemon::start(&shop).await;
    daemon.working("A-1").await;
    shop.edit_issue("A-1", "Add a note.", "Add a note.\n\nOn second thought: make it a short one.");
    shop.edit_issue("A-1", "title: ", "labels: [ours]\ntitle: ");
    daemon.landed("A-1").await;
    daemon.until("the issue to be moved", async |_| (shop.issue_state("A-1") == "Done").then_some(())).await;
    let text = shop.read("issues/A-1.md");
    assert!(text.contains("make it a short one.") && text.contains("labels: [ours]"), "{text}");
}

#[tokio::test]
async fn an_issue_that_a_person_parks_ends_its_run() {
    let shop = Plan::playing(slow_notes("0ms")).issue("LOOP-1").write();
    let daemon = Daemon::start(&shop).await;
    daemon.working("LOOP-1").await;
    shop.edit_issue("LOOP-1", "state: Todo", "state: Thinking");
    let run = daemon.ended_run("LOOP-1").await;
    assert_eq!(run.summary.outcome.as_deref(), Some("cancelled"), "{}", run.summary.line);
    assert!(run.summary.line.contains("Thinking"), "{}", run.summary.line);
    let id = run.summary.id.to_string();
    daemon.until("its processes to be gone", async |_| process::of_run(&id).is_empty().then_some(())).await;
    assert_eq!(shop.issue_state("LOOP-1"), "Thinking");
}

#[tokio::test]
async fn a_tracker_folder_that_vanishes_is_told_and_work_goes_on_when_it_is_back() {
    let shop = Plan::playing(slow_notes("0ms")).issue("LOOP-1").write();
    let mut daemon = Daemon::start(&shop).await;
    daemon.working("LOOP-1").await;
    let (folder, away) = (shop.dir().join("issues"), shop.dir().join("away"));
    std::fs::rename(&folder, &away).unwrap();
    let broken = async |daemon: &Daemon, wanted: &[&str]| {
        let what = format!("the tracker trouble to be {wanted:?}");
        daemon
            .until(&what, async |_| (daemon.get("/readyz").json()["broken"] == json!(wanted)).then_some(()))
            .await;
    };
    broken(&daemon, &["tracker/shop"]).await;
    assert!(daemon.get("/").body.contains("issues"), "the dashboard says which folder");
    assert!(daemon.runs_on());
    let state = daemon.client.state().await.unwrap();
    assert_eq!(state.counts.running, 1, "what runs goes on: {state:?}");
    std::fs::rename(&away, &folder).unwrap();
    broken(&daemon, &[]).await;
    shop.issue("A-2");
    daemon.landed("A-2").await;
}

#[tokio::test]
async fn an_issue_file_that_cannot_be_read_is_told_with_its_line_and_the_others_land() {
    let bad = "---\nid: BAD-1\ntitle: x\nstate: [Todo\n---\n";
    let shop = Plan::playing(notes()).issue("A-1").beside("issues/BAD-1.md", bad).write();
    let daemon = Daemon::start(&shop).await;
    daemon.landed("A-1").await;
    assert_eq!(daemon.get("/readyz").json()["broken"], json!(["tracker/shop"]));
    let log = daemon.log();
    assert!(log.contains("BAD-1.md:4") || log.contains("BAD-1.md:5"), "{log}");
    assert_eq!(daemon.authors_of("BAD-1").await, []);
}

#[tokio::test]
async fn an_issue_waits_until_its_blocker_is_over() {
    let scenario = slow_notes("1s");
    let second = installation::issue("A-2", "blocked_by: [A-1]\npriority: 1\n");
    let shop = Plan::playing(scenario).issue("A-1").beside("issues/A-2.md", second).write();
    let daemon = Daemon::start(&shop).await;
    daemon.working("A-1").await;
    let why = daemon
        .until("a reason for A-2", async |client| {
            client.why("A-2").await.ok().filter(|why| why.verdict != WhyVerdict::Unknown)
        })
        .await;
    assert_eq!((why.verdict, why.lines[0].as_str()), (WhyVerdict::Waiting, "it waits for A-1"));
    let second = daemon.landed("A-2").await;
    let first = daemon.landed("A-1").await;
    assert!(second.summary.created_at >= first.summary.ended_at.unwrap());
}

#[tokio::test]
async fn why_says_that_every_slot_is_taken() {
    let shop = Plan::playing(slow_notes("0ms"))
        .workflow("max_concurrent_agents: 4", "max_concurrent_agents: 1")
        .issue("LOOP-1")
        .write();
    let daemon = Daemon::start(&shop).await;
    daemon.working("LOOP-1").await;
    shop.issue("A-2");
    let why = daemon
        .until("a reason for A-2", async |client| {
            client.why("A-2").await.ok().filter(|why| why.verdict != WhyVerdict::Unknown)
        })
        .await;
    assert_eq!(why.verdict, WhyVerdict::Waiting);
    assert_eq!(why.lines[0], "all 1 slot(s) of the project are taken");
    let shown = daemon.cli(&["why", "A-2"]);
    assert!(String::from_utf8(shown.stdout).unwrap().contains("all 1 slot(s) of the project are taken"));
}

#[tokio::test]
async fn an_issue_that_was_given_up_is_tried_again_once_a_person_changed_it() {
    let scripts = [
        reviews_clean(),
        adds_a_note("after", &["Work on ", "keep it short"]),
        script("before", &["Work on "], &[with(runs("true"), "repeat", json!(true))]),
    ];
    let shop = Plan::playing(scenario(&scripts))
        .config("budget = \"5 USD/run\"", "budget = \"5 USD/run\"\nmax_turns = 2")
        .issue("A-1")
        .write();
    let daemon = Daemon::start(&shop).await;
    let failed = daemon.ended_run("A-1").await;
    assert_eq!(failed.summary.outcome.as_deref(), Some("failed"), "{}", daemon::lines(&failed));
    let why = daemon
        .until("a refusal", async |client| {
            client.why("A-1").await.ok().filter(|why| why.lines[0].contains("change the issue"))
        })
        .await;
    assert_eq!(why.verdict, WhyVerdict::Refused);
    assert!(why.lines[0].contains("turns_exhausted"), "{why:?}");
    shop.edit_issue("A-1", "Add a note.", "Add a note, and keep it short.");
    daemon.until("a second run", async |_| (daemon.authors_of("A-1").await.len() == 2).then_some(())).await;
    daemon.landed("A-1").await;
}

#[tokio::test]
async fn many_issues_land_once_each() {
    let shop = Plan::playing(notes()).issues("N", 8).write();
    let daemon = Daemon::start(&shop).await;
    for n in 1..=8 {
        daemon.landed(&format!("N-{n}")).await;
    }
    let landed = shop.git(&["log", "--format=%(trailers:key=Seawall-Run,valueonly,separator=%x20)", "main"]);
    let mut runs: Vec<&str> = landed.split_whitespace().collect();
    runs.sort_unstable();
    let all = runs.len();
    runs.dedup();
    assert_eq!((all, runs.len()), (8, 8), "{landed}");
    let merged = git::git(&shop.remote(), &["ls-tree", "--name-only", "main"]);
    assert_eq!(merged.lines().filter(|file| file.starts_with("note-")).count(), 8, "{merged}");
}
