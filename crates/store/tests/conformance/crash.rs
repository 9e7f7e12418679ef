//! `kill -9` at any moment: what was acknowledged is there, and what is there is whole.

use crate::on_both_engines;
use crate::support::Fresh;
use crate::support::facts::*;
use domain::Timestamp;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use store::Store;
use store::run::Base;
use store::step::Commit;

/// Holds the database's address in the process that is to be killed.
const ADDRESS: &str = "SEAWALL_TEST_CRASH_URL";
/// Steps acknowledged before the kill.
const ENOUGH: usize = 200;

on_both_engines!(what_was_acknowledged_survives_a_kill);

async fn what_was_acknowledged_survives_a_kill(fresh: &Fresh) {
    drop(Store::open(&fresh.url).await.unwrap());
    let mut acknowledged = Vec::new();
    for generation in 0..3 {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::the_writer", "--ignored", "--nocapture"])
            .env(ADDRESS, &fresh.url)
            .env("SEAWALL_TEST_CRASH_GENERATION", generation.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(writer.stdout.take().unwrap()).lines().map_while(Result::ok);
        let written = lines.filter_map(|line| Some(line.split_once("kept ")?.1.to_owned()));
        let before = acknowledged.len();
        acknowledged.extend(written.take(ENOUGH));
        writer.kill().unwrap();
        writer.wait().unwrap();
        assert_eq!(acknowledged.len(), before + ENOUGH);
    }
    let store = Store::open(&fresh.url).await.unwrap();
    for id in &acknowledged {
        assert!(store.run(&id.as_str().into()).await.unwrap().is_some(), "{id} was acknowledged and is gone");
    }
    // A run is there with its events and its effect, or not at all.
    let runs = store.open_runs().await.unwrap();
    assert!(runs.len() >= acknowledged.len());
    assert_eq!(store.owed_effects().await.unwrap(), runs.len() as u64);
    for run in &runs {
        assert_eq!(store.events_of(&run.run.id, 10).await.unwrap().len(), 2, "{}", run.run.id);
    }
}

/// Writes steps until it is killed, and says which were acknowledged. Does nothing when run by hand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child process of what_was_acknowledged_survives_a_kill"]
async fn the_writer() {
    let Ok(url) = std::env::var(ADDRESS) else { return };
    let generation = std::env::var("SEAWALL_TEST_CRASH_GENERATION").unwrap();
    let store = Store::open(&url).await.unwrap();
    let writers = (0..4).map(|writer| {
        let (store, generation) = (store.clone(), generation.clone());
        tokio::spawn(async move {
            for n in 0..1_000_000 {
                let name = format!("g{generation}w{writer}n{n}");
                let step = claim(&issue(&name), &name, None, &Default::default(), 0, 10).unwrap();
                let commit =
                    Commit { step: &step, base: Base::New, guards: None, effect: None, now: Timestamp(10) };
                store.commit_step(commit).await.unwrap();
                println!("kept {name}");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}
