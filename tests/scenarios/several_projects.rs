//! Several projects in one daemon: shares, pauses.

use crate::support::scenario::*;
use crate::support::{Daemon, Plan};
use serde_json::json;
use wire::WhyVerdict;

/// Two projects that hand off, with work for hours, and four slots for both.
fn two() -> Plan {
    let plan = Plan::handing_off(scenario(&[loops("loops", &["Work on "])])).issues("A", 5);
    let plan = plan.with_second_project("lab", 3).config_too("[scheduler]\nslots = 4\n");
    (1..=5).fold(plan, |plan, n| {
        plan.beside(
            &format!("lab/issues/L-{n}.md"),
            crate::support::installation::issue(&format!("L-{n}"), ""),
        )
    })
}

#[tokio::test]
async fn several_projects_share_the_slots_by_weight() {
    let shop = two().write();
    let daemon = Daemon::start(&shop).await;
    let live = daemon
        .until("all slots to be taken", async |client| {
            let all = client.pauses().await.ok()?.items;
            (all.iter().map(|view| view.live).sum::<u32>() == 4).then_some(all)
        })
        .await;
    let of = |project: &str| live.iter().find(|view| view.project.as_str() == project).unwrap().live;
    assert_eq!((of("lab"), of("shop")), (3, 1), "three to one, as their weights");
    // Before the last slot was taken, the reason was another: whose turn it is.
    daemon
        .until("the reason", async |client| {
            let waits = client.why("A-5").await.ok()?;
            let full = waits.lines.first()?.contains("slot(s) of this installation");
            (waits.verdict == WhyVerdict::Waiting && full).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_paused_project_starts_nothing_until_it_is_resumed() {
    let shop = Plan::handing_off(scenario(&[loops("loops", &["Work on "])])).write();
    let mut daemon = Daemon::start(&shop).await;
    let paused = daemon.cli(&["pause", "shop", "--reason", "a freeze", "--json"]);
    let paused: serde_json::Value = serde_json::from_slice(&paused.stdout).unwrap();
    assert_eq!((&paused["state"], &paused["reason"]), (&json!("paused"), &json!("a freeze")));
    shop.issue("A-1");
    let why = async |daemon: &Daemon| {
        daemon
            .until("the pause as the reason", async |client| {
                client.why("A-1").await.ok()?.lines.first().filter(|line| line.contains("a freeze")).cloned()
            })
            .await
    };
    assert!(why(&daemon).await.contains("seawall resume shop"));
    // A pause is no mood of a process.
    daemon.term().await;
    drop(daemon);
    let daemon = Daemon::start(&shop).await;
    why(&daemon).await;
    assert!(daemon.runs().await.is_empty());
    assert_eq!(daemon.cli(&["resume", "shop"]).status.code(), Some(0));
    daemon.working("A-1").await;
    let unknown = daemon.cli(&["pause", "nope", "--reason", "x"]);
    assert_eq!(unknown.status.code(), Some(1));
}

#[tokio::test]
async fn work_that_a_paused_project_had_begun_waits_too_and_says_for_what() {
    let shop = Plan::handing_off(scenario(&[loops("loops", &["Work on "])])).issue("A-1").write();
    let mut daemon = Daemon::start(&shop).await;
    let begun = daemon.working("A-1").await.0.summary;
    assert_eq!(daemon.cli(&["pause", "shop", "--reason", "a freeze"]).status.code(), Some(0));
    daemon.kill9();
    drop(daemon);
    let daemon = Daemon::start(&shop).await;
    daemon
        .until("the pause as the reason", async |client| {
            let why = client.why("A-1").await.ok()?;
            (why.verdict == WhyVerdict::Waiting && why.lines.first()?.contains("a freeze")).then_some(())
        })
        .await;
    assert_eq!(daemon.cli(&["resume", "shop"]).status.code(), Some(0));
    let again = daemon.working("A-1").await.0.summary;
    assert_eq!((again.id, again.attempts), (begun.id, begun.attempts + 1));
}
