//! Why an issue is, or is not, worked on: each reason with its facts, in plain words.

use crate::support::installation::issue;
use crate::support::scenario::*;
use crate::support::{Daemon, Plan};

async fn reason(daemon: &Daemon, issue: &str, part: &str) -> String {
    let what = format!("{issue}: {part}");
    daemon
        .until(&what, async |client| {
            client.why(issue).await.ok()?.lines.into_iter().find(|line| line.contains(part))
        })
        .await
}

#[tokio::test]
async fn why_names_the_facts_of_each_refusal() {
    let shop = Plan::handing_off(scenario(&[loops("loops", &["Work on "])]))
        .workflow("required_labels: []", "required_labels: [agents]")
        .workflow("max_concurrent_agents_by_state: {}", "max_concurrent_agents_by_state: {todo: 1}")
        .beside("issues/A-1.md", issue("A-1", "labels: [agents]\npriority: 1\n"))
        .beside("issues/A-2.md", issue("A-2", "labels: [agents]\npriority: 2\n"))
        .beside("issues/A-3.md", issue("A-3", ""))
        .beside("issues/A-4.md", issue("A-4", "labels: [Agents]\nblocked_by: [A-1]\n"))
        .write();
    let daemon = Daemon::start(&shop).await;
    daemon.working("A-1").await;
    reason(&daemon, "A-1", "attempt 1 works").await;
    reason(&daemon, "A-2", "all 1 slot(s) for issues in `todo` are taken").await;
    reason(&daemon, "A-3", "it lacks the label `agents`").await;
    reason(&daemon, "A-4", "it waits for A-1").await;
    let shown = String::from_utf8(daemon.cli(&["why", "A-2"]).stdout).unwrap();
    assert!(shown.contains("A-2 waits") && shown.contains("for issues in `todo`"), "{shown}");
}
