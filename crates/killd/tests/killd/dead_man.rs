//! Nothing runs without a supervisor, or without the kill plane having killed it first.

use crate::house::{Cage, House, until};

#[tokio::test]
async fn a_lost_supervisor_takes_its_runs_along_and_no_others() {
    let Some(mut lost) = Cage::new("a_lost_supervisor_takes_its_runs_along_and_no_others") else { return };
    let mut kept = Cage::new("a second group").unwrap();
    let house = House::start().await;
    let (leaver, stayer) = (house.supervisor().await, house.supervisor().await);
    leaver.register(lost.registration("lost", 1)).await.unwrap();
    stayer.register(kept.registration("kept", 1)).await.unwrap();
    lost.run("setsid sleep 1000 & exec sleep 1000", 2).await;
    kept.run("exec sleep 1000", 1).await;
    drop(leaver);
    until("the runs of the lost supervisor died", || lost.is_empty()).await;
    let status = stayer.status().await.unwrap();
    assert_eq!((kept.count(), status.stopped.len()), (1, 0));
    assert!(status.runs.iter().any(|run| run.run == "kept" && run.alive));
}

#[tokio::test]
async fn a_released_run_outlives_its_supervisor() {
    let Some(mut cage) = Cage::new("a_released_run_outlives_its_supervisor") else { return };
    let mut marker = Cage::new("a second group").unwrap();
    let house = House::start().await;
    let supervisor = house.supervisor().await;
    supervisor.register(cage.registration("r", 1)).await.unwrap();
    supervisor.register(marker.registration("marker", 1)).await.unwrap();
    cage.run("exec sleep 1000", 1).await;
    marker.run("exec sleep 1000", 1).await;
    supervisor.release("r", 1).await.unwrap();
    drop(supervisor);
    until("the dead-man has struck", || marker.is_empty()).await;
    assert_eq!(cage.count(), 1);
}

#[tokio::test]
async fn sigterm_kills_everything_and_ends_well() {
    let Some(mut cage) = Cage::new("sigterm_kills_everything_and_ends_well") else { return };
    let mut house = House::start().await;
    let supervisor = house.supervisor().await;
    supervisor.register(cage.registration("r", 1)).await.unwrap();
    cage.run("setsid sleep 1000 & exec sleep 1000", 2).await;
    assert_eq!(house.terminate().code(), Some(0));
    assert!(cage.is_empty());
    assert!(!house.socket().exists());
    supervisor.closed().await;
}
