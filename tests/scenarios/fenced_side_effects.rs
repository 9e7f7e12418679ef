//! Whatever an agent does outside carries its claim, and is refused once the claim is over, whoever still holds the token.

use crate::support::{Daemon, Plan};

/// A program that gives its token away, as one that was talked into it would.
const LEAKS: &str = r#"echo "$$OPENAI_API_KEY" >>tokens.txt; exec sleep 1000"#;

#[tokio::test]
async fn fenced_side_effects_of_a_superseded_attempt_are_refused() {
    let shop = Plan::handing_off(crate::support::scenario::notes())
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
