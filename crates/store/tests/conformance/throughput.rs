//! Durable commits per second, printed and never judged:
//! `cargo test -p store --test conformance throughput -- --ignored --nocapture --test-threads 1`

use crate::support::Fresh;
use crate::support::facts::*;
use domain::Timestamp;
use domain::budget::Holder;
use std::time::{Duration, Instant};
use store::Store;
use store::run::Base;
use store::step::Commit;

const LONG: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures"]
async fn on_sqlite() {
    for tasks in [1, 32] {
        measure("SQLite", &Fresh::sqlite(), tasks).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures"]
async fn on_postgres() {
    for tasks in [1, 32] {
        let Some(fresh) = Fresh::postgres("throughput").await else { return };
        measure("PostgreSQL", &fresh, tasks).await;
        fresh.remove().await;
    }
}

async fn measure(engine: &str, fresh: &Fresh, tasks: u64) {
    let store = Store::open(&fresh.url).await.unwrap();
    for work in [Work::Steps, Work::Calls] {
        let before = store.stats();
        let begin = Instant::now();
        let workers = (0..tasks).map(|task| tokio::spawn(work.until(store.clone(), task, begin + LONG)));
        for worker in workers.collect::<Vec<_>>() {
            worker.await.unwrap();
        }
        let (after, took) = (store.stats(), begin.elapsed().as_secs_f64());
        let rate = |count: u64| (count as f64 / took).round();
        println!(
            "{engine}, {tasks} task(s), {work:?}: {} batches/s in {} commits/s",
            rate(after.batches - before.batches),
            rate(after.commits - before.commits),
        );
    }
}

#[derive(Clone, Copy, Debug)]
enum Work {
    /// Claims of runs: a run, a claim, two events, an effect.
    Steps,
    /// Reservations and settlements in a budget of the run and one of everybody.
    Calls,
}

impl Work {
    async fn until(self, store: Store, task: u64, end: Instant) {
        match self {
            Self::Steps => steps(store, task, end).await,
            Self::Calls => calls(store, task, end).await,
        }
    }
}

async fn steps(store: Store, task: u64, end: Instant) {
    let mut names = (0u64..).map(|n| format!("s{task}n{n}"));
    while Instant::now() < end {
        let name = names.next().unwrap();
        let step = claim(&issue(&name), &name, None, &Default::default(), 0, 10).unwrap();
        let commit = Commit { step: &step, base: Base::New, guards: None, effect: None, now: Timestamp(10) };
        store.commit_step(commit).await.unwrap();
    }
}

async fn calls(store: Store, task: u64, end: Instant) {
    let name = format!("c{task}");
    let step = claim(&issue(&name), &name, None, &Default::default(), 0, 10).unwrap();
    let commit = Commit { step: &step, base: Base::New, guards: None, effect: None, now: Timestamp(10) };
    store.commit_step(commit).await.unwrap();
    let accounts =
        [account(run_holder(&step.run), u64::MAX / 4), account(Holder::Team("pay".into()), u64::MAX / 4)];
    let mut names = (0u64..).map(|n| format!("{task}-{n}"));
    while Instant::now() < end {
        let open = call(&names.next().unwrap(), &step.run, 10);
        store.reserve_call(&open, &accounts).await.unwrap();
        store.settle_call(&done(&open, 5), &accounts).await.unwrap();
    }
}
