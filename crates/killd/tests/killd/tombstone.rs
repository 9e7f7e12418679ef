//! What was stopped stays stopped, through crashes and damage.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use killd::client::Error;
use killd::protocol::Proof;

use crate::house::{Cage, House, lift, order};

fn log(dir: &Path) -> std::path::PathBuf {
    dir.join("tombstones.log")
}

#[tokio::test]
async fn a_tombstone_survives_a_crash() {
    let Some(cage) = Cage::new("a_tombstone_survives_a_crash") else { return };
    let mut house = House::start().await;
    house.connect().await.stop(order("o", "team/t", 1)).await.unwrap();
    house.connect().await.stop(order("p", "team/lifted", 1)).await.unwrap();
    house.connect().await.lift(lift("l", "team/lifted", 2)).await.unwrap();
    house.crash_and_restart(|_| {}).await;
    let supervisor = house.supervisor().await;
    let refused = supervisor.register(cage.registration("r", 1)).await.unwrap_err();
    assert!(matches!(refused, Error::Refused { order: Some(order), .. } if order == "o"));
    let stopped = supervisor.status().await.unwrap().stopped;
    assert_eq!(stopped.iter().map(|one| one.scope.as_str()).collect::<Vec<_>>(), ["team/t"]);
}

#[tokio::test]
async fn a_torn_last_line_is_forgiven() {
    let mut house = House::start().await;
    house.connect().await.stop(order("o", "team/t", 1)).await.unwrap();
    let tear = |dir: &Path| {
        OpenOptions::new().append(true).open(log(dir)).unwrap().write_all(b"{\"sum\":\"0").unwrap();
    };
    house.crash_and_restart(tear).await;
    let client = house.connect().await;
    let receipt = client.stop(order("p", "team/u", 1)).await.unwrap();
    let status = client.status().await.unwrap();
    assert_eq!((receipt.tombstoned, status.deny_all, status.stopped.len()), (true, None, 2));
}

#[tokio::test]
async fn a_damaged_file_denies_everything_but_stopping() {
    let Some(mut cage) = Cage::new("a_damaged_file_denies_everything_but_stopping") else { return };
    let mut house = House::start().await;
    house.connect().await.stop(order("o", "team/x", 1)).await.unwrap();
    let damage = |dir: &Path| {
        let text = fs::read_to_string(log(dir)).unwrap();
        fs::write(log(dir), text.replace("team/x", "team/y")).unwrap();
    };
    house.crash_and_restart(damage).await;
    let supervisor = house.supervisor().await;
    assert!(supervisor.status().await.unwrap().deny_all.unwrap().contains("cannot be trusted"));
    let refused = supervisor.register(cage.registration("r", 1)).await.unwrap_err();
    assert!(matches!(refused, Error::Refused { order: None, why } if why.contains("Nothing may start")));
    cage.run("exec sleep 1000", 1).await;
    let receipt = supervisor.stop(order("p", "all", 1)).await.unwrap();
    assert_eq!((receipt.state, receipt.tombstoned), (Proof::Unverified, false));
    assert!(matches!(supervisor.lift(lift("l", "all", 9)).await, Err(Error::Failed { .. })));
}

#[tokio::test]
async fn a_lost_file_denies_everything() {
    let mut house = House::start().await;
    house.crash_and_restart(|dir| fs::remove_file(log(dir)).unwrap()).await;
    let status = house.connect().await.status().await.unwrap();
    assert!(status.deny_all.unwrap().contains("is missing"));
}

#[tokio::test]
async fn a_second_kill_plane_in_the_directory_is_refused() {
    let house = House::start().await;
    let output = House::spawn(house.dir.path()).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("is held by another process"), "{said}");
    house.connect().await.status().await.unwrap();
}
