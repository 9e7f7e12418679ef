//! Work that is handed off, as Symphony has it: workspaces with hooks, turns, continuations, retries, releases.

use crate::support::scenario::*;
use crate::support::{Daemon, Plan, process};
use serde_json::json;

/// An author that looks around, tells, and hands its issue to a person.
fn hands_over() -> String {
    scenario(&[script(
        "author",
        &["Work on "],
        &[
            runs("pwd >where.txt; cat made.txt >>where.txt"),
            calls("tracker", json!({ "action": "comment", "text": "Ready." })),
            calls("tracker", json!({ "action": "move", "state": "Human Review" })),
            says("Handed over."),
        ],
    )])
}

fn plan(scenario: String) -> Plan {
    Plan::handing_off(scenario)
}

#[tokio::test]
async fn an_agent_works_in_the_issues_own_workspace_and_hands_its_work_over() {
    let shop = plan(hands_over())
        .workflow(
            "hooks: {}",
            "hooks: {after_create: echo made >made.txt, after_run: echo after >>hooks.txt}",
        )
        .issue("A-1")
        .write();
    let daemon = Daemon::start(&shop).await;
    let run = daemon.ended_run("A-1").await;
    assert_eq!(run.summary.outcome.as_deref(), Some("released"), "{}", crate::support::daemon::lines(&run));
    assert_eq!(shop.issue_state("A-1"), "Human Review");
    assert!(shop.read("issues/A-1.md").contains("Ready."));
    let workspace = shop.dir().join("ws/A-1").canonicalize().unwrap();
    let seen = shop.read("ws/A-1/where.txt");
    assert_eq!(seen, format!("{}\nmade\n", workspace.display()), "the path is the same inside and outside");
    let hook = || std::fs::read_to_string(workspace.join("hooks.txt")).ok();
    daemon.until("after_run", async |_| hook()).await;
}

#[tokio::test]
async fn a_workspace_of_an_issue_that_is_over_is_removed_after_its_hook() {
    let bye = tempfile::tempdir().unwrap();
    let traces = bye.path().join("traces");
    std::fs::create_dir(&traces).unwrap();
    use std::os::unix::fs::PermissionsExt;
    for dir in [bye.path(), &traces] {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    let hook = format!("hooks: {{before_remove: pwd >{}/removed}}", traces.display());
    let shop =
        plan(scenario(&[loops("loops", &["Work on "])])).workflow("hooks: {}", &hook).issue("A-1").write();
    let daemon = Daemon::start(&shop).await;
    let (run, _) = daemon.working("A-1").await;
    shop.edit_issue("A-1", "state: Todo", "state: Done");
    daemon.ended_run("A-1").await;
    let workspace = shop.dir().join("ws/A-1");
    daemon.until("the workspace to be gone", async |_| (!workspace.exists()).then_some(())).await;
    assert!(process::of_run(run.summary.id.as_str()).is_empty());
    let told = std::fs::read_to_string(traces.join("removed")).unwrap();
    assert!(told.trim().ends_with("ws/A-1"), "{told}");
}

#[tokio::test]
async fn an_issue_that_leaves_its_active_states_keeps_its_workspace() {
    let shop = plan(scenario(&[loops("loops", &["Work on "])])).issue("A-1").write();
    let daemon = Daemon::start(&shop).await;
    daemon.working("A-1").await;
    shop.edit_issue("A-1", "state: Todo", "state: Backlog");
    let run = daemon.ended_run("A-1").await;
    assert_eq!(run.summary.outcome.as_deref(), Some("released"));
    assert!(shop.dir().join("ws/A-1").is_dir());
}

#[tokio::test]
async fn a_worker_has_as_many_turns_as_the_workflow_says_and_a_continuation_follows_it() {
    let idle = scenario(&[script("idle", &["Work on "], &[with(says("Not done."), "repeat", json!(true))])]);
    let shop = plan(idle).workflow("max_turns: 20", "max_turns: 2").issue("A-1").write();
    let daemon = Daemon::start(&shop).await;
    daemon
        .until("a second worker", async |_| {
            daemon.authors_of("A-1").await.pop().filter(|run| run.attempts >= 2).map(|_| ())
        })
        .await;
    let log = daemon.log();
    let (first, _) = log.split_once("attempt 2 claimed").unwrap();
    assert_eq!(first.matches("turn started").count(), 2, "{first}");
    let state = daemon.client.state().await.unwrap();
    let attempt = state.retrying.iter().map(|row| row.attempt).next();
    assert!(attempt.is_none_or(|attempt| attempt == 1), "a continuation is attempt 1: {state:?}");
}

#[tokio::test]
async fn a_broken_workflow_starts_nothing_and_a_mended_one_goes_on() {
    let shop = plan(hands_over()).workflow("hooks: {}", "hooks: {after_create: echo made >made.txt}").write();
    let daemon = Daemon::start(&shop).await;
    let good = shop.read("WORKFLOW.md");
    shop.write("WORKFLOW.md", "---\nagent:\n  max_turns: many\n---\nWork on {{ issue.identifier }}.\n");
    shop.issue("A-1");
    let why = daemon
        .until("the reason", async |client| {
            let why = client.why("A-1").await.ok()?;
            why.lines.first().filter(|line| line.contains("agent.max_turns")).cloned()
        })
        .await;
    assert!(why.contains("until it is mended"), "{why}");
    assert!(daemon.runs().await.is_empty());
    shop.write("WORKFLOW.md", &good);
    daemon.ended_run("A-1").await;
    assert_eq!(shop.issue_state("A-1"), "Human Review");
}

#[tokio::test]
async fn a_failed_bootstrap_is_done_again_from_an_empty_workspace() {
    let hook = "hooks: {after_create: 'test -e ../second && echo made >made.txt || { touch ../second half; exit 1; }'}";
    let shop = plan(hands_over())
        .workflow("hooks: {}", hook)
        .workflow("max_retry_backoff_ms: 300000", "max_retry_backoff_ms: 200")
        .issue("A-1")
        .write();
    let daemon = Daemon::start(&shop).await;
    let run = daemon.ended_run("A-1").await;
    assert_eq!(run.summary.attempts, 2);
    assert!(!shop.dir().join("ws/A-1/half").exists());
}
