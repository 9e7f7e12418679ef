//! Orders: what they stop, what they prove, and that nothing stopped comes back without a person.

use crate::support::scenario::*;
use crate::support::{Daemon, Installation, Plan, process};
use rustix::process::Signal;
use serde_json::Value;
use std::process::Output;
use wire::WhyVerdict;

fn looping() -> Installation {
    Plan::playing(scenario(&[
        loops("loops", &["Work on LOOP-"]),
        reviews_clean(),
        adds_a_note("a", &["Work on "]),
    ]))
    .issue("LOOP-1")
    .write()
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn states(order: &Value) -> Vec<(&str, &str)> {
    let receipts = order["receipts"].as_array().unwrap().iter();
    let mut all: Vec<_> =
        receipts.map(|r| (r["layer"].as_str().unwrap(), r["state"].as_str().unwrap())).collect();
    all.sort_unstable();
    all
}

const PROVEN: [(&str, &str); 3] =
    [("gateway", "verified"), ("identity", "verified"), ("runtime", "verified")];

/// Stops the scope that `scope` makes of a run's id; every layer must prove it, and the run must be stopped.
async fn check(scope: impl Fn(&str) -> String) {
    let shop = looping();
    let daemon = Daemon::start(&shop).await;
    let (run, _) = daemon.working("LOOP-1").await;
    let id = run.summary.id.as_str();
    let output = daemon.cli(&["kill", &scope(id), "--reason", "it loops", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let order = document(&output);
    assert_eq!((states(&order), order["verdict"].as_str()), (PROVEN.to_vec(), Some("VERIFIED")));
    assert_eq!(process::of_run(id), [] as [u32; 0]);
    let ended = daemon.ended_run("LOOP-1").await;
    assert_eq!(ended.summary.outcome.as_deref(), Some("stopped"));
}

#[tokio::test]
async fn kill_of_a_run_is_proven_on_every_layer() {
    check(|run| format!("run/{run}")).await;
}

#[tokio::test]
async fn kill_of_an_agent_is_proven_on_every_layer() {
    check(|_| "agent/author".to_owned()).await;
}

#[tokio::test]
async fn kill_of_a_team_is_proven_on_every_layer() {
    check(|_| "team/payments".to_owned()).await;
}

#[tokio::test]
async fn kill_of_everything_is_proven_on_every_layer() {
    check(|_| "all".to_owned()).await;
}

#[tokio::test]
async fn a_stopped_run_reaches_nobody_else() {
    let shop = looping();
    shop.issue("LOOP-2");
    let daemon = Daemon::start(&shop).await;
    let (first, _) = daemon.working("LOOP-1").await;
    let (second, _) = daemon.working("LOOP-2").await;
    let scope = format!("run/{}", first.summary.id);
    assert_eq!(daemon.cli(&["kill", &scope, "--reason", "it loops"]).status.code(), Some(0));
    daemon.ended_run("LOOP-1").await;
    assert!(!process::of_run(second.summary.id.as_str()).is_empty());
    shop.issue("A-1");
    daemon.landed("A-1").await;
}

#[tokio::test]
async fn a_dry_run_stops_nothing() {
    let shop = looping();
    let daemon = Daemon::start(&shop).await;
    let (run, before) = daemon.working("LOOP-1").await;
    let output = daemon.cli(&["kill", "all", "--reason", "just asking", "--dry-run", "--json"]);
    assert_eq!(document(&output)["runs"][0]["id"], run.summary.id.as_str(), "{output:?}");
    assert!(before.iter().all(|pid| process::alive(*pid)));
    assert_eq!(daemon.client.orders(None).await.unwrap().items, []);
}

#[tokio::test]
async fn what_was_stopped_stays_stopped_over_a_crash_until_a_person_lifts_it() {
    let shop = looping();
    let mut daemon = Daemon::start(&shop).await;
    let (run, _) = daemon.working("LOOP-1").await;
    let scope = format!("run/{}", run.summary.id);
    assert_eq!(daemon.cli(&["kill", &scope, "--reason", "it loops"]).status.code(), Some(0));
    daemon.kill9();
    drop(daemon);
    let daemon = Daemon::start(&shop).await;
    // An issue that lands after the start shows that issues are claimed again.
    shop.issue("A-1");
    daemon.landed("A-1").await;
    assert_eq!(daemon.authors_of("LOOP-1").await.len(), 1);
    let why = daemon.client.why("LOOP-1").await.unwrap();
    assert_eq!(why.verdict, WhyVerdict::Refused);
    assert!(why.lines[0].contains(&format!("seawall lift {scope}")), "{why:?}");
    let lifted = daemon.cli(&["lift", &scope, "--reason", "the prompt is mended"]);
    assert_eq!(lifted.status.code(), Some(0), "{lifted:?}");
    daemon
        .until("a second run", async |_| (daemon.authors_of("LOOP-1").await.len() == 2).then_some(()))
        .await;
}

#[tokio::test]
async fn kill_reaches_the_kill_plane_while_the_daemon_hangs() {
    let shop = looping();
    let daemon = Daemon::start(&shop).await;
    let (run, _) = daemon.working("LOOP-1").await;
    process::signal(daemon.pid(), Signal::STOP);
    let scope = format!("run/{}", run.summary.id);
    let output = daemon.cli(&["kill", &scope, "--reason", "the daemon hangs", "--json"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let order = document(&output);
    assert_eq!(order["verdict"], "PARTIAL");
    assert!(states(&order).contains(&("runtime", "verified")), "{order}");
    // Whose parent is stopped stays in the process table, dead.
    assert_eq!(process::of_run(run.summary.id.as_str()), [] as [u32; 0]);
    process::signal(daemon.pid(), Signal::CONT);
    let ended = daemon.ended_run("LOOP-1").await;
    assert!(ended.summary.line.contains("the daemon hangs"), "it says why: {}", ended.summary.line);
    // An issue that lands shows that issues are claimed: the stopped one is not.
    shop.issue("A-1");
    daemon.landed("A-1").await;
    assert_eq!(daemon.authors_of("LOOP-1").await.len(), 1);
}

#[tokio::test]
async fn kill_reaches_the_kill_plane_when_the_daemon_is_dead() {
    let shop = looping();
    let mut daemon = Daemon::start(&shop).await;
    let (run, _) = daemon.working("LOOP-1").await;
    daemon.kill9();
    let output = daemon.cli(&["kill", "all", "--reason", "nobody answers", "--json"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(states(&document(&output)).contains(&("runtime", "verified")), "{output:?}");
    assert_eq!(process::of_run(run.summary.id.as_str()), [] as [u32; 0]);
    drop(daemon);
    let daemon = Daemon::start(&shop).await;
    let why = daemon
        .until("a refusal", async |client| {
            client.why("LOOP-1").await.ok().filter(|why| why.verdict == WhyVerdict::Refused)
        })
        .await;
    assert!(daemon.client.state().await.unwrap().running.is_empty(), "{why:?}");
}
