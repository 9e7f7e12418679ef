//! A stop reaches everything it covers, proves it, and nothing comes back.

use killd::client::Error;
use killd::protocol::Proof;

use crate::house::{Cage, House, lift, order};

const ESCAPERS: &str =
    "for i in 1 2 3; do setsid sleep 1000 & done; (setsid sh -c 'sleep 1000 & exec sleep 1000' &); wait";

#[tokio::test]
async fn children_in_their_own_sessions_and_double_forks_die() {
    let Some(mut cage) = Cage::new("children_in_their_own_sessions_and_double_forks_die") else { return };
    let house = House::start().await;
    let supervisor = house.supervisor().await;
    supervisor.register(cage.registration("r", 1)).await.unwrap();
    cage.run(ESCAPERS, 6).await;
    let receipt = house.connect().await.stop(order("o", "team/t", 1)).await.unwrap();
    assert_eq!(
        (receipt.state, receipt.tombstoned, receipt.runs.len()),
        (Proof::Verified, true, 1),
        "{receipt:?}"
    );
    assert_eq!(receipt.runs[0].processes_before, 6);
    assert!(cage.is_empty());
}

#[tokio::test]
async fn a_hundred_processes_die_verified() {
    let Some(mut cage) = Cage::new("a_hundred_processes_die_verified") else { return };
    let house = House::start().await;
    let supervisor = house.supervisor().await;
    supervisor.register(cage.registration("r", 1)).await.unwrap();
    cage.run("for i in $(seq 99); do setsid sleep 1000 & done; wait", 100).await;
    let receipt = supervisor.stop(order("o", "all", 1)).await.unwrap();
    assert_eq!((receipt.state, receipt.runs[0].processes_before), (Proof::Verified, 100), "{receipt:?}");
    assert!(cage.is_empty());
}

#[tokio::test]
async fn a_stopped_scope_refuses_and_another_does_not() {
    let Some(cage) = Cage::new("a_stopped_scope_refuses_and_another_does_not") else { return };
    let house = House::start().await;
    let supervisor = house.supervisor().await;
    supervisor.stop(order("o", "team/t", 1)).await.unwrap();
    let refused = supervisor.register(cage.registration("r", 1)).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Refused { order: Some(order), why } if order == "o" && why.contains("ann"))
    );
    let mut other = cage.registration("r", 1);
    other.labels = vec!["team/other".into()];
    supervisor.register(other).await.unwrap();
    let check = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>();
    assert_eq!(supervisor.check(&check(&["x", "team/t"])).await.unwrap().unwrap().order, "o");
    assert_eq!(supervisor.check(&check(&["team/other"])).await.unwrap(), None);
}

#[tokio::test]
async fn a_stop_leaves_other_teams_alive() {
    let Some(mut cage) = Cage::new("a_stop_leaves_other_teams_alive") else { return };
    let house = House::start().await;
    let supervisor = house.supervisor().await;
    supervisor.register(cage.registration("r", 1)).await.unwrap();
    cage.run("exec sleep 1000", 1).await;
    let receipt = supervisor.stop(order("o", "team/other", 1)).await.unwrap();
    assert_eq!((receipt.state, receipt.runs.len(), cage.count()), (Proof::Verified, 0, 1));
}

#[tokio::test]
async fn the_same_order_again_gives_a_receipt_and_no_second_tombstone() {
    let house = House::start().await;
    let client = house.connect().await;
    let first = client.stop(order("o", "team/t", 4)).await.unwrap();
    let log = || std::fs::read(house.dir.path().join("tombstones.log")).unwrap();
    let before = log();
    assert_eq!((client.stop(order("o", "team/t", 4)).await.unwrap(), log()), (first, before));
}

#[tokio::test]
async fn a_dry_run_names_the_runs_and_touches_nothing() {
    let Some(mut cage) = Cage::new("a_dry_run_names_the_runs_and_touches_nothing") else { return };
    let house = House::start().await;
    let supervisor = house.supervisor().await;
    supervisor.register(cage.registration("r", 1)).await.unwrap();
    cage.run("exec sleep 1000", 1).await;
    assert_eq!(supervisor.dry_run(order("o", "team/t", 1)).await.unwrap(), ["r"]);
    let status = supervisor.status().await.unwrap();
    assert_eq!((status.stopped.len(), status.runs[0].alive, cage.count()), (0, true, 1));
}

#[tokio::test]
async fn kill_run_kills_one_claim_and_leaves_no_tombstone() {
    let Some(mut cage) = Cage::new("kill_run_kills_one_claim_and_leaves_no_tombstone") else { return };
    let house = House::start().await;
    let supervisor = house.supervisor().await;
    supervisor.register(cage.registration("r", 3)).await.unwrap();
    cage.run("exec sleep 1000", 1).await;
    assert!(matches!(supervisor.kill_run("r", 2, "old claim").await, Err(Error::Refused { .. })));
    assert_eq!(cage.count(), 1);
    let receipt = supervisor.kill_run("r", 3, "timed out").await.unwrap();
    assert_eq!((receipt.state, receipt.tombstoned, cage.is_empty()), (Proof::Verified, false, true));
    let status = supervisor.status().await.unwrap();
    assert_eq!((status.stopped.len(), status.runs[0].alive), (0, false));
    supervisor.release("r", 3).await.unwrap();
    assert_eq!(supervisor.status().await.unwrap().runs, []);
}

#[tokio::test]
async fn a_newer_claim_kills_the_older_and_an_older_is_refused() {
    let Some(mut old) = Cage::new("a_newer_claim_kills_the_older_and_an_older_is_refused") else { return };
    let new = Cage::new("a second group").unwrap();
    let house = House::start().await;
    let supervisor = house.supervisor().await;
    supervisor.register(old.registration("r", 1)).await.unwrap();
    old.run("exec sleep 1000", 1).await;
    supervisor.register(new.registration("r", 2)).await.unwrap();
    crate::house::until("the older claim died", || old.is_empty()).await;
    assert!(matches!(supervisor.register(new.registration("r", 1)).await, Err(Error::Refused { .. })));
}

#[tokio::test]
async fn a_lift_needs_a_newer_epoch_and_then_runs_may_start() {
    let Some(cage) = Cage::new("a_lift_needs_a_newer_epoch_and_then_runs_may_start") else { return };
    let house = House::start().await;
    let supervisor = house.supervisor().await;
    let receipt = supervisor.stop(order("o", "all", 7)).await.unwrap();
    assert_eq!(receipt.epoch, Some(7));
    assert!(matches!(supervisor.lift(lift("l", "all", 7)).await, Err(Error::Refused { .. })));
    supervisor.lift(lift("l", "all", 8)).await.unwrap();
    supervisor.lift(lift("l", "all", 8)).await.unwrap();
    supervisor.register(cage.registration("r", 1)).await.unwrap();
    let again = supervisor.stop(order("o", "all", 7)).await.unwrap_err();
    assert!(matches!(again, Error::Refused { order: Some(by), .. } if by == "l"));
}

#[tokio::test]
async fn many_stops_at_once_are_all_verified() {
    let house = House::start().await;
    let supervisor = house.supervisor().await;
    let mut cages = Vec::new();
    for number in 0..8 {
        let Some(mut cage) = Cage::new("many_stops_at_once_are_all_verified") else { return };
        let run = format!("r{number}");
        supervisor.register(cage.registration(&run, 1)).await.unwrap();
        cage.run("setsid sleep 1000 & exec sleep 1000", 2).await;
        cages.push((run, cage));
    }
    let mut stops = tokio::task::JoinSet::new();
    for (run, _) in &cages {
        let (client, order) = (house.connect().await, order(run, &format!("run/{run}"), 1));
        stops.spawn(async move { client.stop(order).await.unwrap() });
    }
    for receipt in stops.join_all().await {
        assert_eq!((receipt.state, receipt.runs.len()), (Proof::Verified, 1), "{receipt:?}");
    }
    assert!(cages.iter().all(|(_, cage)| cage.is_empty()));
}
