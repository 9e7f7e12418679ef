//! Landing when main moved meanwhile: never by force, never an unreviewed sha.

use crate::support::scenario::*;
use crate::support::{Daemon, Installation, Plan, daemon};
use serde_json::json;

/// Reviews that take long enough for a person to push something meanwhile.
fn slow_reviews() -> serde_json::Value {
    let submit = with(calls("submit_review", json!({ "findings": [] })), "delay", json!("1500ms"));
    script("slow-review", &["for team ", ", round 1"], &[submit, says("Clean.")])
}

/// Writes its own line into README.md; when it collides with somebody else's, keeps both.
fn writes_readme() -> [serde_json::Value; 2] {
    let mend = "sed -i '/^<<<<<<<\\|^=======\\|^>>>>>>>\\|^|||||||/d' README.md";
    [
        script("mends", &["Work on ", "hold conflict markers"], &[runs(mend), says("Kept both.")]),
        script(
            "writes",
            &["Work on "],
            &[runs("sed -i '1s/.*/# shop of agents/' README.md"), says("Renamed.")],
        ),
    ]
}

/// Starts on `A-1`, and pushes `text` as `path` while its change is in review; answers with that commit.
async fn moved(shop: &Installation, path: &str, text: &str) -> (Daemon, String) {
    let daemon = Daemon::start(shop).await;
    daemon.in_phase("A-1", &["in_review"]).await;
    let pushed = shop.push(path, text);
    (daemon, pushed)
}

#[tokio::test]
async fn a_change_meets_a_moved_main_in_a_merge_whose_second_parent_is_the_reviewed_sha() {
    let scripts = [slow_reviews(), adds_a_note("author", &["Work on "])];
    let shop = Plan::playing(scenario(&scripts)).issue("A-1").write();
    let (daemon, pushed) = moved(&shop, "HELLO.md", "hello\n").await;
    let run = daemon.landed("A-1").await;
    let head = run.change.as_ref().unwrap().head.to_string();
    assert_eq!(shop.git(&["rev-parse", "main^1", "main^2"]), format!("{pushed}\n{head}"));
    assert_eq!(run.summary.round, 1, "{}", daemon::lines(&run));
    assert_eq!(shop.git(&["show", "main:HELLO.md"]), "hello");
}

#[tokio::test]
async fn a_conflict_goes_back_to_the_author_and_what_it_mends_is_reviewed_again() {
    let [mends, writes] = writes_readme();
    let scripts = [slow_reviews(), reviews_clean(), mends, writes];
    let shop = Plan::playing(scenario(&scripts)).issue("A-1").write();
    let (daemon, pushed) = moved(&shop, "README.md", "# shop of people\n").await;
    let run = daemon.landed("A-1").await;
    let told = daemon::lines(&run);
    assert!(told.contains("conflicts with the landing branch in README.md"), "{told}");
    let head = run.change.as_ref().unwrap().head.to_string();
    let asked = run.timeline.iter().rev().find(|event| event.kind == "review_requested").unwrap();
    assert_eq!(asked.data["head"], head.as_str(), "what landed was reviewed: {told}");
    assert_eq!((run.summary.round, run.summary.attempts), (2, 2), "{told}");
    assert_eq!(shop.main(), head);
    shop.git(&["merge-base", "--is-ancestor", &pushed, "main"]);
    let text = shop.git(&["show", "main:README.md"]);
    assert!(text.contains("of people") && text.contains("of agents") && !text.contains("<<<<"), "{text}");
}

#[tokio::test]
async fn land_by_rebase_has_the_new_sha_reviewed_before_it_lands_as_a_fast_forward() {
    let scripts = [slow_reviews(), reviews_clean(), adds_a_note("author", &["Work on "])];
    let shop = Plan::playing(scenario(&scripts))
        .config("retry_first = \"100ms\"", "retry_first = \"100ms\"\nland = \"rebase\"")
        .issue("A-1")
        .write();
    let (daemon, pushed) = moved(&shop, "HELLO.md", "hello\n").await;
    let run = daemon.landed("A-1").await;
    let head = run.change.as_ref().unwrap().head.to_string();
    assert_eq!(shop.git(&["rev-parse", "main", "main^"]), format!("{head}\n{pushed}"));
    let asked = run.timeline.iter().rev().find(|event| event.kind == "review_requested").unwrap();
    assert_eq!((asked.data["round"].as_u64(), &asked.data["head"]), (Some(2), &json!(head)));
}
