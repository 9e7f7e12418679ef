//! Reviews by the owners: what they rest on, that they are handed in, and that they come to an end.

use crate::support::scenario::*;
use crate::support::{Daemon, Plan, daemon};
use serde_json::{Value, json};

fn finding(priority: &str, title: &str, line: u32) -> Value {
    json!({ "priority": priority, "title": title, "body": "Because.",
        "cites": [{ "file": "README.md", "line_start": line, "line_end": line }] })
}

#[tokio::test]
async fn a_reviewer_that_cites_lines_that_do_not_exist_is_told_and_hands_in_again() {
    let submit = |line| calls("submit_review", json!({ "findings": [finding("P3", "worth knowing", line)] }));
    let review = script("review", &["for team "], &[submit(9_999), submit(1), says("Done.")]);
    let shop = Plan::playing(scenario(&[review, adds_a_note("author", &["Work on "])])).issue("A-1").write();
    let daemon = Daemon::start(&shop).await;
    let run = daemon.landed("A-1").await;
    assert_eq!(run.findings.len(), 1);
    let cite = &run.findings[0].raised.cites[0];
    assert_eq!((cite.line_start, cite.sha.is_some()), (1, true), "{cite:?}");
    let trace = daemon.client.trace(run.reviews[0].id.as_str()).await.unwrap();
    let handed: Vec<&str> =
        trace.spans.iter().filter(|s| s.name.contains("submit_review")).map(|s| s.status.as_str()).collect();
    assert_eq!(handed, ["failed", "done"], "{trace:?}");
}

#[tokio::test]
async fn a_reviewer_that_never_hands_in_makes_the_change_wait_for_a_person() {
    let review = script("review", &["for team "], &[says("Looks good to me.")]);
    let shop = Plan::playing(scenario(&[review, adds_a_note("author", &["Work on "])]))
        .config("retry_first = \"100ms\"", "retry_first = \"100ms\"\nmax_attempts = 2")
        .issue("A-1")
        .write();
    let daemon = Daemon::start(&shop).await;
    let run = daemon.ended_run("A-1").await;
    assert_eq!(run.summary.outcome.as_deref(), Some("needs_person"), "{}", daemon::lines(&run));
    let review = daemon.client.run(run.reviews[0].id.as_str()).await.unwrap();
    assert!(daemon::lines(&review).contains("no_review"), "{}", daemon::lines(&review));
    assert_eq!(shop.main(), shop.seed, "nothing landed");
    let blocked = daemon.client.state().await.unwrap().blocked;
    assert_eq!(blocked.len(), 1, "a person is asked: {blocked:?}");
}

#[tokio::test]
async fn a_reviewer_that_is_never_content_is_heard_only_so_often() {
    let submit = calls("submit_review", json!({ "findings": [finding("P1", "not like this", 1)] }));
    let review = script("review", &["for team "], &[submit, says("No.")]);
    let shop = Plan::playing(scenario(&[review, adds_a_note("author", &["Work on "])]))
        .config("retry_first = \"100ms\"", "retry_first = \"100ms\"\nmax_rounds = 2")
        .issue("A-1")
        .write();
    let daemon = Daemon::start(&shop).await;
    let run = daemon.ended_run("A-1").await;
    assert_eq!(run.summary.outcome.as_deref(), Some("needs_person"), "{}", daemon::lines(&run));
    assert_eq!((run.summary.round, run.reviews.len()), (2, 2));
    assert_eq!(shop.main(), shop.seed, "nothing landed");
}

#[tokio::test]
async fn a_change_is_judged_by_the_owners_that_the_base_names() {
    let takes_over = "echo '* @shop/web' >CODEOWNERS; echo '# faster' >>payments/charge.sh";
    let author = script("author", &["Work on "], &[runs(takes_over), says("Tidied up.")]);
    let shop = Plan::playing(scenario(&[reviews_clean(), author])).issue("A-1").write();
    let daemon = Daemon::start(&shop).await;
    let run = daemon.landed("A-1").await;
    let teams: Vec<&str> = run.reviews.iter().map(|review| review.team.as_str()).collect();
    assert_eq!(teams, ["payments"], "{}", daemon::lines(&run));
}

#[tokio::test]
async fn a_reviewer_cannot_change_what_it_judges() {
    let spoil = runs("echo spoiled >>README.md; echo spoiled >new; git status >/dev/null 2>&1; true");
    let review = script(
        "review",
        &["for team "],
        &[spoil, calls("submit_review", json!({ "findings": [] })), says("Ok.")],
    );
    let shop = Plan::playing(scenario(&[review, adds_a_note("author", &["Work on "])])).issue("A-1").write();
    let daemon = Daemon::start(&shop).await;
    let run = daemon.landed("A-1").await;
    assert_eq!(shop.main(), run.change.unwrap().head.as_str());
    assert!(!shop.git(&["show", "main:README.md"]).contains("spoiled"));
}
