//! Ends and new beginnings: nothing is lost, nothing is done twice.

use crate::support::scenario::*;
use crate::support::{Daemon, Plan, daemon, process};
use serde_json::json;

/// An author that is slow in the middle, so that something can happen to it.
fn slow() -> Plan {
    let wait = with(runs("true"), "delay", json!("1s"));
    let author = script("author", &["Work on "], &[wait, runs("echo done >note"), says("Added a note.")]);
    Plan::playing(scenario(&[reviews_clean(), author])).issue("A-1")
}

#[tokio::test]
async fn a_daemon_that_is_asked_to_end_leaves_nothing_running_and_exits_with_0() {
    let shop = Plan::playing(scenario(&[loops("loops", &["Work on "])])).issue("A-1").write();
    let mut daemon = Daemon::start(&shop).await;
    let (run, _) = daemon.working("A-1").await;
    let status = daemon.term().await;
    assert_eq!(status.code(), Some(0), "{}", daemon.log());
    assert_eq!(process::of_run(run.summary.id.as_str()), [] as [u32; 0]);
}

#[tokio::test]
async fn work_that_was_drained_goes_on_after_the_next_start() {
    let shop = slow().write();
    let mut first = Daemon::start(&shop).await;
    let (run, _) = first.working("A-1").await;
    first.term().await;
    drop(first);
    let daemon = Daemon::start(&shop).await;
    let landed = daemon.landed("A-1").await;
    assert_eq!(landed.summary.id, run.summary.id);
    assert_eq!(landed.fence, 2, "{}", daemon::lines(&landed));
}

#[tokio::test]
async fn after_a_crash_the_run_goes_on_with_a_new_fence_and_lands_once() {
    let shop = slow().write();
    let mut first = Daemon::start(&shop).await;
    let (run, processes) = first.working("A-1").await;
    first.kill9();
    drop(first);
    let daemon = Daemon::start(&shop).await;
    let landed = daemon.landed("A-1").await;
    assert_eq!(landed.summary.id, run.summary.id);
    assert!(landed.fence > run.fence, "{}", daemon::lines(&landed));
    assert!(processes.iter().all(|pid| !process::alive(*pid)), "the old attempt is dead");
    let own = landed.summary.id.to_string();
    let commits = shop.git(&["log", "--format=%H", &format!("--grep=Seawall-Run: {own}"), "main"]);
    assert_eq!(commits.lines().count(), 1, "{commits}");
}

#[tokio::test]
async fn a_crash_at_any_moment_of_a_landing_lands_once() {
    let shop = Plan::playing(notes()).issues("A", 3).write();
    let phases: [&[&str]; 4] = [
        &["starting", "working"],
        &["collecting", "in_review"],
        &["in_review"],
        &["landing", "in_review", "ended"],
    ];
    for phases in phases {
        let mut daemon = Daemon::start(&shop).await;
        let moment = [phases, &["ended"]].concat();
        daemon.in_phase("A-2", &moment).await;
        daemon.kill9();
    }
    let daemon = Daemon::start(&shop).await;
    for issue in ["A-1", "A-2", "A-3"] {
        daemon.landed(issue).await;
        assert_eq!(daemon.authors_of(issue).await.len(), 1);
    }
    let landed = shop.git(&["log", "--format=%(trailers:key=Seawall-Run,valueonly,separator=%x20)", "main"]);
    let mut runs: Vec<&str> = landed.split_whitespace().collect();
    runs.sort_unstable();
    let commits = runs.len();
    runs.dedup();
    assert_eq!((commits, runs.len()), (3, 3), "each run landed once: {landed}");
}
