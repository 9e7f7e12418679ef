//! The database layer itself: values, conditions, conflicts, groups, migrations, hints.

use crate::on_both_engines;
use crate::support::Fresh;
use store::db::{Batch, Db, Engine, Error, Expect, Migration, Row, Value};
use store::params;

const TABLES: &str = "CREATE TABLE items (
    id {serial}, name TEXT NOT NULL UNIQUE, amount {int} NOT NULL, data {blob}, note TEXT, made_at {int} NOT NULL,
    tx {int} NOT NULL DEFAULT {tx}, CHECK (amount >= 0)
) {strict};
CREATE INDEX items_by_amount ON items (amount) WHERE note IS NOT NULL;";
const FIRST: &[Migration] = &[Migration { number: 1, name: "items", sql: TABLES }];

const INSERT: &str = "INSERT INTO items (name, amount, data, note, made_at) VALUES ($1, $2, $3, $4, {now})
    RETURNING id, made_at";
const INSERT_QUIETLY: &str =
    "INSERT INTO items (name, amount, made_at) VALUES ($1, $2, 0) ON CONFLICT (name) DO NOTHING";
const SPEND: &str = "UPDATE items SET amount = amount - $2 WHERE name = $1 AND amount >= $2";
const ALL: &str = "SELECT name, amount, data, note FROM items ORDER BY note NULLS LAST, name";
const TOTAL: &str = "SELECT CAST(coalesce(sum(amount), 0) AS {int}) AS total, count(*) AS n FROM items";

async fn open(fresh: &Fresh) -> Db {
    Db::open_with(&fresh.url, FIRST).await.unwrap()
}

fn insert(batch: &mut Batch, name: &str, amount: i64) {
    batch.one("insert", INSERT, params![name, amount, None::<Vec<u8>>, None::<String>]);
}

async fn total(db: &Db) -> i64 {
    db.read(TOTAL, vec![]).await.unwrap()[0].int("total").unwrap()
}

on_both_engines!(
    values_come_back_as_they_went_in,
    an_unmet_expectation_undoes_the_whole_batch,
    a_unique_index_that_refuses_is_a_conflict,
    a_statement_that_is_wrong_names_itself,
    a_failed_batch_does_not_hurt_its_neighbours,
    writers_at_once_never_overdraw,
    long_batches_keep_their_order,
    a_conflict_names_the_statement_behind_many_others,
    a_database_from_the_future_is_refused,
    a_database_with_another_history_is_refused,
    a_migration_runs_once,
    commits_are_announced,
    answers_are_bounded,
    a_read_that_takes_too_long_is_interrupted,
    the_clock_is_the_databases,
);

async fn values_come_back_as_they_went_in(fresh: &Fresh) {
    let db = open(fresh).await;
    let mut batch = Batch::new();
    batch.one("a", INSERT, params!["ä'$1{now}", i64::MAX, vec![0u8, 255], "x"]);
    batch.one("b", INSERT, params!["b", 0i64, None::<Vec<u8>>, None::<String>]);
    batch.one("c", INSERT, params!["c", 0i64, Vec::<u8>::new(), ""]);
    let committed = db.commit(batch).await.unwrap();
    assert!(committed.rows(0)[0].int("id").unwrap() < committed.rows(1)[0].int("id").unwrap());
    let rows = db.read(ALL, vec![]).await.unwrap();
    let values: Vec<&[Value]> = rows.iter().map(Row::values).collect();
    assert_eq!(values[0], params!["c", 0i64, Vec::<u8>::new(), ""]);
    assert_eq!(values[1], params!["ä'$1{now}", i64::MAX, vec![0u8, 255], "x"]);
    assert_eq!(values[2], params!["b", 0i64, None::<Vec<u8>>, None::<String>]);
    let flags =
        db.read("SELECT CASE WHEN $1 = CAST('a' AS TEXT) THEN 1 ELSE 0 END AS f, 1 = 1 AS g", params!["a"]);
    let flags = flags.await.unwrap();
    assert!(flags[0].flag("f").unwrap() && flags[0].flag("g").unwrap());
}

async fn an_unmet_expectation_undoes_the_whole_batch(fresh: &Fresh) {
    let db = open(fresh).await;
    let mut batch = Batch::new();
    insert(&mut batch, "purse", 10);
    batch.one("spend", SPEND, params!["purse", 4i64]);
    batch.expect(Expect::AtLeast(1), "spend more", SPEND, params!["purse", 7i64]);
    let error = db.commit(batch).await.unwrap_err();
    assert_eq!(error, Error::Conflict { statement: 2, label: "spend more", rows: 0 });
    assert!(db.read(ALL, vec![]).await.unwrap().is_empty());
    assert_eq!((db.stats().batches, db.stats().conflicts), (0, 1));
}

async fn a_unique_index_that_refuses_is_a_conflict(fresh: &Fresh) {
    let db = open(fresh).await;
    let mut batch = Batch::new();
    insert(&mut batch, "a", 1);
    db.commit(batch.clone()).await.unwrap();
    let error = db.commit(batch).await.unwrap_err();
    assert_eq!(error, Error::Conflict { statement: 0, label: "insert", rows: 0 });
    let mut quiet = Batch::new();
    quiet.run("again", INSERT_QUIETLY, params!["a", 5i64]);
    let committed = db.commit(quiet).await.unwrap();
    assert_eq!(committed.affected(0), 0);
    assert_eq!(total(&db).await, 1);
}

async fn a_statement_that_is_wrong_names_itself(fresh: &Fresh) {
    let db = open(fresh).await;
    for (label, sql, params) in [
        ("syntax", "SELEKT 1", vec![]),
        ("too few", SPEND, params!["a"]),
        ("check", INSERT_QUIETLY, params!["a", -1i64]),
    ] {
        let mut batch = Batch::new();
        batch.run(label, sql, params);
        match db.commit(batch).await.unwrap_err() {
            Error::Sql { label: named, .. } => assert_eq!(named, label),
            other => panic!("{label}: {other}"),
        }
    }
    assert!(matches!(db.read("SELECT * FROM nothing", vec![]).await, Err(Error::Sql { .. })));
}

async fn a_failed_batch_does_not_hurt_its_neighbours(fresh: &Fresh) {
    let db = open(fresh).await;
    let commits = (0..64i64).map(|number| {
        let db = db.clone();
        tokio::spawn(async move {
            let mut batch = Batch::new();
            insert(&mut batch, &format!("item {number}"), 1);
            if number % 3 == 0 {
                batch.one("spend too much", SPEND, params![format!("item {number}"), 2i64]);
            }
            (number, db.commit(batch).await)
        })
    });
    for commit in commits.collect::<Vec<_>>() {
        let (number, answer) = commit.await.unwrap();
        assert_eq!(answer.is_ok(), number % 3 != 0, "{number}: {answer:?}");
    }
    assert_eq!(total(&db).await, 42);
    assert_eq!((db.stats().batches, db.stats().conflicts), (42, 22));
}

async fn writers_at_once_never_overdraw(fresh: &Fresh) {
    let db = open(fresh).await;
    let mut batch = Batch::new();
    insert(&mut batch, "purse", 100);
    db.commit(batch).await.unwrap();
    let spenders = (0..16).map(|_| {
        let db = db.clone();
        tokio::spawn(async move {
            let mut spent = 0;
            for _ in 0..10 {
                let mut batch = Batch::new();
                batch.one("spend", SPEND, params!["purse", 3i64]);
                match db.commit(batch).await {
                    Ok(_) => spent += 3,
                    Err(Error::Conflict { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            }
            spent
        })
    });
    let mut spent = 0;
    for spender in spenders.collect::<Vec<_>>() {
        spent += spender.await.unwrap();
    }
    assert_eq!((spent, total(&db).await), (99, 1));
}

async fn long_batches_keep_their_order(fresh: &Fresh) {
    let db = open(fresh).await;
    let mut batch = Batch::new();
    for number in 0..100 {
        insert(&mut batch, &format!("{number:03}"), number);
    }
    db.commit(batch).await.unwrap();
    let rows = db.read("SELECT name FROM items ORDER BY id", vec![]).await.unwrap();
    let names: Vec<_> = rows.iter().map(|row| row.text("name").unwrap()).collect();
    assert_eq!(names.len(), 100);
    assert!(names.is_sorted());
}

async fn a_conflict_names_the_statement_behind_many_others(fresh: &Fresh) {
    let db = open(fresh).await;
    let mut batch = Batch::new();
    for number in 0..20 {
        insert(&mut batch, &number.to_string(), 1);
    }
    batch.one("first", SPEND, params!["0", 2i64]).one("second", SPEND, params!["1", 2i64]);
    let error = db.commit(batch).await.unwrap_err();
    assert_eq!(error, Error::Conflict { statement: 20, label: "first", rows: 0 });
}

async fn a_database_from_the_future_is_refused(fresh: &Fresh) {
    const NEWER: &[Migration] =
        &[FIRST[0], Migration { number: 2, name: "more", sql: "CREATE TABLE more (id {int}) {strict}" }];
    drop(Db::open_with(&fresh.url, NEWER).await.unwrap());
    let error = Db::open_with(&fresh.url, FIRST).await.unwrap_err();
    assert!(matches!(error, Error::Schema { .. }), "{error}");
    assert!(error.to_string().contains("newer version"), "{error}");
}

async fn a_database_with_another_history_is_refused(fresh: &Fresh) {
    const OTHER: &[Migration] =
        &[Migration { number: 1, name: "other", sql: "CREATE TABLE o (id {int}) {strict}" }];
    drop(open(fresh).await);
    let error = Db::open_with(&fresh.url, OTHER).await.unwrap_err();
    assert!(error.to_string().contains("another build"), "{error}");
}

async fn a_migration_runs_once(fresh: &Fresh) {
    let db = open(fresh).await;
    let mut batch = Batch::new();
    insert(&mut batch, "kept", 7);
    db.commit(batch).await.unwrap();
    drop(db);
    assert_eq!(total(&open(fresh).await).await, 7);
}

async fn commits_are_announced(fresh: &Fresh) {
    let db = open(fresh).await;
    let mut changes = db.changes();
    changes.mark_unchanged();
    let mut batch = Batch::new();
    insert(&mut batch, "a", 1);
    db.commit(batch).await.unwrap();
    changes.changed().await.unwrap();
}

async fn answers_are_bounded(fresh: &Fresh) {
    const MANY: &str =
        "WITH RECURSIVE n(i) AS (SELECT CAST(1 AS {int}) UNION ALL SELECT i + 1 FROM n WHERE i < $1)
        SELECT i FROM n";
    let db = open(fresh).await;
    assert_eq!(db.read(MANY, params![100_000i64]).await.unwrap().len(), 100_000);
    let error = db.read(MANY, params![100_001i64]).await.unwrap_err();
    assert!(error.to_string().contains("LIMIT"), "{error}");
}

async fn a_read_that_takes_too_long_is_interrupted(fresh: &Fresh) {
    const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT (i + 1) % 1000 FROM n)
        SELECT count(*) AS c FROM n";
    let db = open(fresh).await;
    let (endless, quick) = tokio::join!(db.read(ENDLESS, vec![]), total(&db));
    assert!(matches!(endless, Err(Error::Unavailable { .. })), "{endless:?}");
    assert_eq!(quick, 0);
}

async fn the_clock_is_the_databases(fresh: &Fresh) {
    let db = open(fresh).await;
    let micros = || {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        i64::try_from(since.as_micros()).unwrap()
    };
    let before = micros();
    let now = db.read("SELECT {now} AS now", vec![]).await.unwrap()[0].int("now").unwrap();
    // The clock of SQLite counts milliseconds.
    assert!(before - 1_000 <= now && now <= micros() + 1_000, "{before} {now}");
}

#[tokio::test]
async fn a_wrong_address_says_how_to_write_one() {
    for url in [
        "",
        "sqlite:",
        "mysql://root:pw@host/db",
        "postgres://a:secret@h/x?sslmode=require",
        "sqlite:/no/such/dir/x.db",
    ] {
        let error = Db::open_with(url, FIRST).await.unwrap_err();
        assert!(matches!(error, Error::Address { .. }), "{url}: {error}");
        assert!(!error.to_string().contains("secret") && !error.to_string().contains("pw"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let error = Db::open_with("postgres://nobody@127.0.0.1:1/none", FIRST).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn a_second_process_is_kept_out_of_a_file() {
    let fresh = Fresh::sqlite();
    let first = open(&fresh).await;
    assert_eq!(first.engine(), Engine::Sqlite);
    let error = Db::open_with(&fresh.url, FIRST).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains("held by another process"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_corrupt() {
    let fresh = Fresh::sqlite();
    std::fs::write(fresh.url.strip_prefix("sqlite:").unwrap(), vec![b'x'; 8192]).unwrap();
    let error = Db::open_with(&fresh.url, FIRST).await.unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn when_the_commit_itself_fails_all_of_the_group_are_told() {
    const DEFERRED: &[Migration] = &[Migration {
        number: 1,
        name: "deferred",
        sql: "CREATE TABLE a (id INTEGER PRIMARY KEY) STRICT;
              CREATE TABLE b (a INTEGER REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED) STRICT;",
    }];
    let fresh = Fresh::sqlite();
    let db = Db::open_with(&fresh.url, DEFERRED).await.unwrap();
    let mut orphan = Batch::new();
    orphan.run("orphan", "INSERT INTO b (a) VALUES ($1)", params![7i64]);
    let mut good = Batch::new();
    good.run("good", "INSERT INTO a (id) VALUES ($1)", params![1i64]);
    let (first, second) = tokio::join!(db.commit(orphan), db.commit(good));
    assert!(first.is_err(), "{first:?}");
    // The neighbour shared the transaction or came after it; either way its answer is the truth.
    let kept = db.read("SELECT id FROM a", vec![]).await.unwrap().len();
    assert_eq!(kept, usize::from(second.is_ok()));
    assert!(db.read("SELECT a FROM b", vec![]).await.unwrap().is_empty());
}
