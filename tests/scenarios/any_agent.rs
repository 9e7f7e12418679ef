//! One project, several agents: who works on an issue is a matter of its state, and not of one protocol.

use crate::support::scenario::*;
use crate::support::{Daemon, Plan};
use serde_json::json;

/// `author` is the built-in agent; `clerk` is a program of the project's owner, which can call no tools.
fn two_agents(clerk: &str) -> Plan {
    let author = script(
        "author",
        &["Work on "],
        &[
            runs("echo author >>who.txt"),
            calls("tracker", json!({ "action": "move", "state": "In Progress" })),
            says("Begun; the clerk goes on."),
        ],
    );
    Plan::handing_off(scenario(&[author]))
        .workflow("hooks: {}", "seawall: {delivery: handoff, agents_by_state: {In Progress: clerk}}")
        .config_too(&format!(
            "[agents.clerk]\nteam = \"web\"\ndriver = \"command\"\ncommand = '''{clerk}'''\nmodel = \"large\"\n"
        ))
}

#[tokio::test]
async fn any_agent_works_on_the_states_that_are_its() {
    let clerk =
        r#"grep -o "Work on A-1" "$$SEAWALL_PROMPT_FILE" >>prompt.txt; echo clerk >>who.txt; echo done"#;
    let shop = two_agents(clerk).issue("A-1").write();
    let daemon = Daemon::start(&shop).await;
    let who = || std::fs::read_to_string(shop.dir().join("ws/A-1/who.txt")).unwrap_or_default();
    daemon.until("both to have worked", async |_| who().contains("clerk").then_some(())).await;
    assert!(who().starts_with("author\n"), "{}", who());
    assert!(shop.read("ws/A-1/prompt.txt").starts_with("Work on A-1"), "the same prompt for any agent");
    shop.edit_issue("A-1", "state: In Progress", "state: Backlog");
    let released = async |_: &wire::Client| {
        let all = daemon.authors_of("A-1").await;
        all.iter().all(|run| run.outcome.as_deref() == Some("released")).then_some(())
    };
    daemon.until("all its runs to be over", released).await;
}

#[tokio::test]
async fn a_program_that_asks_a_person_blocks_its_issue() {
    let clerk = r#"echo '{"status":"blocked","question":"Which bank?"}' >"$$SEAWALL_RESULT_FILE"; exit 3"#;
    let shop = two_agents(clerk).write();
    shop.write(
        "issues/A-1.md",
        &crate::support::installation::issue("A-1", "").replace("Todo", "In Progress"),
    );
    let daemon = Daemon::start(&shop).await;
    daemon.in_phase("A-1", &["blocked"]).await;
    let why = daemon.client.why("A-1").await.unwrap();
    assert!(why.lines.iter().any(|line| line.contains("Which bank?")), "{why:?}");
    let page = daemon.get("/");
    assert!(page.body.contains("1 waiting for a person"), "the dashboard says it first: {}", page.body);
}
