//! Whatever an agent does outside carries its claim, and is refused once the claim is over, whoever still holds the token.

use crate::support::scenario::*;
use crate::support::{Daemon, Plan};
use serde_json::json;

/// A program that gives its token away, as one that was talked into it would.
const LEAKS: &str = r#"echo "$$OPENAI_API_KEY" >>tokens.txt; exec sleep 1000"#;

#[tokio::test]
async fn fenced_side_effects_of_a_superseded_attempt_are_refused() {
    let shop = Plan::handing_off(notes())
        .config(
            "driver = \"builtin\"       # \"codex\" has",
            &format!("driver = \"command\"\ncommand = '{LEAKS}'  #"),
        )
        .issue("A-1")
        .write();
    let tokens = || -> Vec<String> {
        let text = std::fs::read_to_string(shop.dir().join("ws/A-1/tokens.txt")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    let mut daemon = Daemon::start(&shop).await;
    let first = daemon.until("the first token", async |_| tokens().into_iter().next()).await;
    let admitted = |daemon: &Daemon, token: &str| !matches!(daemon.ask_model(token).status, 401 | 403 | 409);
    assert!(admitted(&daemon, &first), "while its claim holds: {:?}", daemon.ask_model(&first));
    daemon.kill9();
    drop(daemon);
    let daemon = Daemon::start(&shop).await;
    let second = daemon.until("the second token", async |_| tokens().into_iter().nth(1)).await;
    assert!(admitted(&daemon, &second), "{:?}", daemon.ask_model(&second));
    assert!(!admitted(&daemon, &first), "the first claim is over: {:?}", daemon.ask_model(&first));
    let runs = daemon.authors_of("A-1").await;
    assert_eq!((runs.len(), runs[0].attempts), (1, 2), "one owner all the time");
    // The claim can end without a successor, too.
    shop.edit_issue("A-1", "state: Todo", "state: Backlog");
    daemon.ended_run("A-1").await;
    assert!(!admitted(&daemon, &second), "nobody's claim: {:?}", daemon.ask_model(&second));
}

/// An agent that commits something, sets its traps, and has it pushed.
fn pushes() -> String {
    let commit = "echo \"$(date +%N)\" >>note.txt; git add note.txt; \
                  git -c user.name=a -c user.email=a@example.com commit --quiet --message note; \
                  printf '#!/bin/sh\ntouch %s/hooked\n' \"$PWD\" >.git/hooks/pre-push; \
                  chmod +x .git/hooks/pre-push; git config remote.origin.url /nowhere";
    scenario(&[script(
        "pushes",
        &["Work on "],
        &[
            runs(commit),
            calls("git_push", json!({ "branch": "main" })),
            calls("git_push", json!({ "branch": "agents/note" })),
            says("Pushed."),
        ],
    )])
}

#[tokio::test]
async fn every_attempt_in_a_kept_workspace_pushes_by_the_host_under_its_own_claim() {
    let shop = Plan::handing_off(pushes())
        .workflow("hooks: {}", "hooks: {after_create: git clone --quiet ../../shop.git .}")
        .workflow("max_turns: 20", "max_turns: 1")
        .issue("A-1")
        .write();
    let daemon = Daemon::start(&shop).await;
    let run = daemon.until("a run", async |_| daemon.authors_of("A-1").await.pop()).await;
    let pushes = async |_: &wire::Client| {
        let all = daemon.timeline(run.id.as_str()).await;
        let pushed: Vec<_> = all.into_iter().filter(|event| event.kind == "pushed").collect();
        (pushed.len() >= 2).then_some(pushed)
    };
    let pushed = daemon.until("two pushes", pushes).await;
    shop.edit_issue("A-1", "state: Todo", "state: Backlog");
    daemon.ended_run("A-1").await;
    let claims: Vec<_> = pushed.iter().map(|event| event.data["fence"].clone()).collect();
    assert_eq!(claims[..2], [json!(1), json!(2)]);
    let first = pushed[0].data["commit"].as_str().unwrap().to_owned();
    shop.git(&["merge-base", "--is-ancestor", &first, "refs/heads/agents/note"]);
    assert_eq!(shop.main(), shop.seed, "nobody pushes to where changes land");
    let told = String::from_utf8(daemon.cli(&["logs", run.id.as_str()]).stdout).unwrap();
    assert!(told.contains("pushed") && told.contains("agents/note") && told.contains(&first[..10]), "{told}");
    assert!(!shop.dir().join("ws/A-1/hooked").exists());
}

#[tokio::test]
async fn a_workspace_without_a_repository_has_no_tool_to_push_with() {
    let pushes = script("pushes", &["Work on "], &[calls("git_push", json!({ "branch": "agents/note" }))]);
    let shop = Plan::handing_off(scenario(&[pushes])).issue("A-1").write();
    let daemon = Daemon::start(&shop).await;
    let run = daemon.until("a run", async |_| daemon.authors_of("A-1").await.pop()).await;
    let failed = daemon.event(run.id.as_str(), "attempt_failed").await;
    assert!(failed.line.contains("git_push"), "the model has no such tool: {}", failed.line);
}
