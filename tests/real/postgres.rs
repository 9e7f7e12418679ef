//! The whole program on PostgreSQL, alone and with a second daemon beside it.

#[path = "../../crates/store/tests/conformance/support/cluster.rs"]
mod cluster;

use crate::support::scenario::{loops, notes, scenario};
use crate::support::wait::until_true;
use crate::support::{Daemon, Installation, Plan, process, require};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long an engine keeps others waiting without a sign of life, and a second.
const LEASE: Duration = Duration::from_secs(16);

/// A database of its own on the server of this test run.
async fn database(test: &str, name: &str) -> Option<String> {
    let server = require(test, cluster::url())?;
    let (client, connection) = tokio_postgres::connect(&server, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let name = format!("seawall_{name}_{}", std::process::id());
    client.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).await.unwrap();
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
    let (address, options) = server.split_once('?').unwrap_or((&server, ""));
    let (host, _) = address.rsplit_once('/').unwrap();
    Some(format!("{host}/{name}?{options}"))
}

fn on(plan: Plan, url: &str) -> Installation {
    let store = format!("[store]\nurl = \"{url}\"\n\n[control]");
    plan.config("[control]", &store).write()
}

#[tokio::test]
async fn the_main_job_runs_on_postgresql() {
    let Some(url) = database("main job on PostgreSQL", "job").await else { return };
    let shop = on(Plan::demo(), &url);
    let daemon = Daemon::start(&shop).await;
    let run = daemon.landed("SHOP-1").await;
    assert_eq!(shop.main(), run.change.unwrap().head.as_str());
    assert!(!shop.dir().join("seawall.db").exists(), "nothing went into a file");
}

#[tokio::test]
async fn a_crash_on_postgresql_loses_nothing_and_does_nothing_twice() {
    let Some(url) = database("crash on PostgreSQL", "crash").await else { return };
    let shop = on(Plan::playing(notes()).issues("A", 3), &url);
    let mut first = Daemon::start(&shop).await;
    first.in_phase("A-1", &["working", "collecting", "in_review"]).await;
    first.kill9();
    drop(first);
    let daemon = Daemon::start(&shop).await;
    all_land(&shop, &daemon, "A", 3).await;
}

#[tokio::test]
async fn a_second_daemon_stands_by_and_takes_over() {
    let Some(url) = database("two daemons on PostgreSQL", "pair").await else { return };
    let shop = on(Plan::playing(notes()).issues("A", 6), &url);
    let second = shop.read("seawall.toml").replacen("[store]", "state_dir = \".second\"\n\n[store]", 1);
    shop.write("second.toml", &second);
    let mut one = Daemon::start(&shop).await;
    let (file, state) = (shop.dir().join("second.toml"), shop.dir().join(".second"));
    let other = tokio::spawn(async move { Daemon::start_at(&file, &state, |_| {}).await });
    all_land(&shop, &one, "A", 6).await;
    assert!(!other.is_finished(), "it works beside the first");
    let told = one.runs().await.len();
    one.kill9();
    let other = other.await.unwrap();
    assert_eq!(other.runs().await.len(), told, "it tells what the first did");
}

#[tokio::test]
async fn a_daemon_that_was_suspended_disturbs_nothing_of_the_one_that_followed_it() {
    let Some(url) = database("suspended daemon on PostgreSQL", "suspended").await else { return };
    let endless = scenario(&[loops("loops", &["Work on "])]);
    let shop = on(Plan::handing_off(endless).issue("A-1"), &url);
    let second = shop.read("seawall.toml").replacen("[store]", "state_dir = \".second\"\n\n[store]", 1);
    shop.write("second.toml", &second);
    let mut one = Daemon::start(&shop).await;
    one.working("A-1").await;
    process::signal(one.pid(), Signal::STOP);
    let (file, state) = (shop.dir().join("second.toml"), shop.dir().join(".second"));
    let other = Daemon::start_at(&file, &state, |_| {}).await;
    let taken = other
        .until("the second to work on it", async |client| {
            let run = other.authors_of("A-1").await.pop()?;
            let run = client.run(run.id.as_str()).await.ok()?;
            (run.summary.attempts == 2 && run.summary.phase == "working").then_some(run)
        })
        .await;
    // What was claimed longer ago than the lease is what an engine takes up that believes itself alone.
    let claimed = Instant::now();
    until_true("the claim to be older than the lease", || claimed.elapsed() > LEASE).await;
    process::signal(one.pid(), Signal::CONT);
    one.ended().await;
    let calls = other.client.run(taken.summary.id.as_str()).await.unwrap().summary.spend.calls;
    other
        .until("its agent to be answered still", async |client| {
            let run = client.run(taken.summary.id.as_str()).await.ok()?;
            assert_eq!((run.fence, run.summary.phase.as_str()), (taken.fence, "working"), "{}", one.log());
            (run.summary.spend.calls > calls).then_some(())
        })
        .await;
}

async fn all_land(shop: &Installation, daemon: &Daemon, prefix: &str, count: usize) {
    for n in 1..=count {
        let issue = format!("{prefix}-{n}");
        daemon.landed(&issue).await;
        assert_eq!(daemon.authors_of(&issue).await.len(), 1, "{issue} was worked on twice");
    }
    let landed = shop.git(&["log", "--format=%(trailers:key=Seawall-Run,valueonly,separator=%x20)", "main"]);
    let runs: Vec<&str> = landed.split_whitespace().collect();
    let distinct: BTreeSet<&str> = runs.iter().copied().collect();
    assert_eq!((runs.len(), distinct.len()), (count, count), "{landed}");
}
