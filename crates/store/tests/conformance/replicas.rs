//! Several processes on one PostgreSQL server, and a server that drops its connections.

use crate::on_both_engines;
use crate::support::Fresh;
use store::db::{Batch, Db, Migration};
use store::params;
use tokio_postgres::NoTls;

const TABLES: &[Migration] = &[Migration {
    number: 1,
    name: "counters",
    sql: "CREATE TABLE counters (name {text} NOT NULL PRIMARY KEY, n {int} NOT NULL) {strict};
          INSERT INTO counters VALUES ('a', 0), ('b', 0);",
}];
const ADD: &str = "UPDATE counters SET n = n + 1 WHERE name = $1";
const SUM: &str = "SELECT CAST(sum(n) AS {int}) AS n FROM counters";

fn add(names: &[&str]) -> Batch {
    let mut batch = Batch::new();
    for &name in names {
        batch.one("add", ADD, params![name]);
    }
    batch
}

async fn sum(db: &Db) -> i64 {
    db.read(SUM, vec![]).await.unwrap()[0].int("n").unwrap()
}

on_both_engines!(batches_that_lock_in_opposite_orders_all_get_through);

async fn batches_that_lock_in_opposite_orders_all_get_through(fresh: &Fresh) {
    let db = Db::open_with(&fresh.url, TABLES).await.unwrap();
    let writers = [["a", "b"], ["b", "a"]].map(|names| {
        let db = db.clone();
        tokio::spawn(async move {
            for _ in 0..20 {
                db.commit(add(&names)).await.unwrap();
            }
        })
    });
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(sum(&db).await, 80);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_hears_of_anothers_commit() {
    let Some(fresh) = Fresh::postgres("a_replica_hears_of_anothers_commit").await else { return };
    let (first, second) = tokio::join!(Db::open_with(&fresh.url, TABLES), Db::open_with(&fresh.url, TABLES));
    let (first, second) = (first.unwrap(), second.unwrap());
    let mut changes = second.changes();
    first.commit(add(&["a"])).await.unwrap();
    while sum(&second).await == 0 {
        changes.changed().await.unwrap();
    }
    changes.mark_unchanged();
    changes.changed().await.unwrap();
    drop((first, second));
    fresh.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_died_in_the_pool_are_replaced() {
    let Some(fresh) = Fresh::postgres("connections_that_died_in_the_pool_are_replaced").await else { return };
    let name = format!("doomed{}", std::process::id());
    let url = format!("{}&application_name={name}", fresh.url);
    let db = Db::open_with(&url, TABLES).await.unwrap();
    let (admin, connection) = tokio_postgres::connect(&fresh.url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
    for round in 1..=3 {
        let writers = (0..8).map(|_| {
            let db = db.clone();
            tokio::spawn(async move { db.commit(add(&["a"])).await })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap().unwrap();
        }
        assert_eq!(sum(&db).await, round * 8);
        admin.query(kill, &[&name]).await.unwrap();
    }
    assert_eq!(sum(&db).await, 24);
    drop(db);
    fresh.remove().await;
}
