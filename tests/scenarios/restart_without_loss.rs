//! Restart without loss: claims, retries, counters and workspaces are there again, and never a second owner.

use crate::support::scenario::*;
use crate::support::{Daemon, Plan, process};

#[tokio::test]
async fn a_restart_keeps_claims_and_never_makes_a_second_owner() {
    let shop = Plan::handing_off(scenario(&[loops("loops", &["Work on "])])).issue("A-1").write();
    let mut daemon = Daemon::start(&shop).await;
    let (before, processes) = daemon.working("A-1").await;
    daemon.kill9();
    drop(daemon);
    let daemon = Daemon::start(&shop).await;
    let after = daemon
        .until("the same run to go on", async |client| {
            let run = client.run(before.summary.id.as_str()).await.ok()?;
            (run.summary.phase == "working" && run.fence > before.fence).then_some(run)
        })
        .await;
    assert_eq!(daemon.authors_of("A-1").await.len(), 1, "the claim is the same");
    assert!(processes.iter().all(|&pid| !process::alive(pid)), "the old agent is gone: {processes:?}");
    assert_eq!(after.summary.attempts, 2);
    let state = daemon.client.state().await.unwrap();
    assert_eq!((state.counts.running, state.counts.retrying), (1, 0), "{state:?}");
}

#[tokio::test]
async fn a_restart_keeps_a_retry_with_the_rest_of_its_time() {
    let idle = scenario(&[script("idle", &["Work on "], &[says("Done.")])]);
    // Long enough for a loaded machine to start the next daemon within it.
    let shop = Plan::handing_off(idle)
        .config("retry_first = \"100ms\"", "retry_first = \"60s\"")
        .workflow("hooks: {}", "hooks: {before_run: exit 3}")
        .issue("A-1")
        .write();
    let mut daemon = Daemon::start(&shop).await;
    let waiting = daemon.in_phase("A-1", &["waiting"]).await;
    let (due, id) = (waiting.due_at.unwrap(), waiting.summary.id.clone());
    daemon.kill9();
    drop(daemon);
    let daemon = Daemon::start(&shop).await;
    let again = daemon.client.run(id.as_str()).await.unwrap();
    assert_eq!((again.summary.phase.as_str(), again.due_at), ("waiting", Some(due)));
    let state = daemon.client.state().await.unwrap();
    assert_eq!(state.retrying[0].attempt, 1);
    assert!(state.retrying[0].error.as_deref().is_some_and(|error| error.contains("exit 3")), "{state:?}");
}
