//! The same operations leave the same traces on both engines.

use crate::support::Fresh;
use crate::support::facts::*;
use domain::budget::{Account, Holder};
use domain::failure::{Failure, FailureKind};
use domain::run::{AttemptEnd, Input, Left, Run, Spent};
use domain::{Millis, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use store::effect::Lease;
use store::run::Filter;
use store::step::{Commit, Ending};
use store::{Error, Store};

/// Something to do. Numbers pick among what there is.
#[derive(Clone, Debug)]
enum Op {
    Claim { run: u8, issue: u8 },
    Step { run: u8, input: u8, stale: bool },
    ClaimEffects { limit: u32 },
    EndEffect { lease: u8, how: u8 },
    EndLeases,
    GiveBack,
    Reserve { run: u8, call: u8, amount: u64 },
    Settle { call: u8, cost: u64 },
    Contain { scope: u8, epoch: u64, lift: bool },
    Activity { run: u8, lines: u8 },
}

const SCOPES: [&str; 5] = ["run/run1", "agent/author", "team/pay", "project/shop", "all"];

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0u8..6, 0u8..4).prop_map(|(run, issue)| Op::Claim { run, issue }),
        6 => (0u8..6, 0u8..6, prop::bool::weighted(0.1)).prop_map(|(run, input, stale)| Op::Step { run, input, stale }),
        // All or none: which of several are due first depends on the clocks' precision.
        3 => prop::sample::select(vec![0u32, 100]).prop_map(|limit| Op::ClaimEffects { limit }),
        3 => (any::<u8>(), 0u8..3).prop_map(|(lease, how)| Op::EndEffect { lease, how }),
        1 => Just(Op::EndLeases),
        1 => Just(Op::GiveBack),
        4 => (0u8..6, 0u8..8, 0u64..60).prop_map(|(run, call, amount)| Op::Reserve { run, call, amount }),
        3 => (0u8..8, 0u64..60).prop_map(|(call, cost)| Op::Settle { call, cost }),
        1 => (0u8..5, 0u64..9, any::<bool>()).prop_map(|(scope, epoch, lift)| Op::Contain { scope, epoch, lift }),
        1 => (0u8..3, 0u8..4).prop_map(|(run, lines)| Op::Activity { run, lines }),
    ]
}

/// A store and the leases it gave out so far.
struct Subject {
    store: Store,
    leases: Vec<Lease>,
}

#[test]
fn the_same_operations_leave_the_same_traces() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(Config { cases: 24, max_shrink_iters: 200, ..Config::default() });
    let ops = prop::collection::vec(op(), 1..40);
    let outcome = runner.run(&ops, |ops| runtime.block_on(compare(ops)));
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

async fn compare(ops: Vec<Op>) -> Result<(), TestCaseError> {
    let small = Fresh::sqlite();
    let Some(large) = Fresh::postgres("the_same_operations_leave_the_same_traces").await else {
        return Ok(());
    };
    let mut subjects = Vec::new();
    for fresh in [&small, &large] {
        subjects.push(Subject { store: Store::open(&fresh.url).await.unwrap(), leases: Vec::new() });
    }
    for (now, op) in (100i64..).zip(&ops) {
        let mut answers = Vec::new();
        for subject in &mut subjects {
            answers.push(subject.apply(op, now).await);
        }
        prop_assert_eq!(&answers[0], &answers[1], "{:?}", op);
    }
    let on_sqlite = snapshot(&subjects[0].store).await;
    let on_postgres = snapshot(&subjects[1].store).await;
    prop_assert_eq!(on_sqlite, on_postgres);
    drop(subjects);
    large.remove().await;
    Ok(())
}

impl Subject {
    /// Does `op` and tells what was answered.
    async fn apply(&mut self, op: &Op, now: i64) -> String {
        let store = &self.store;
        match *op {
            Op::Claim { run, issue } => claim_at(store, run, issue, now).await,
            Op::Step { run, input, stale } => step_at(store, run, input, stale, now).await,
            Op::ClaimEffects { limit } => {
                let claimed = store.claim_effects("me", limit, LEASE).await.unwrap();
                self.leases.extend(claimed.iter().map(|c| c.lease.clone()));
                format!("{claimed:?}")
            }
            Op::EndEffect { lease, how } => {
                if self.leases.is_empty() {
                    return String::new();
                }
                let lease = &self.leases[usize::from(lease) % self.leases.len()];
                let ended = match how {
                    0 => store.finish_effect(lease, Ending::Done, Timestamp(now)).await,
                    1 => store.finish_effect(lease, Ending::Dead("no"), Timestamp(now)).await,
                    _ => store.retry_effect(lease, Millis(0), "again").await,
                };
                format!("{ended:?}")
            }
            Op::EndLeases => format!("{:?}", store.end_all_leases().await),
            Op::GiveBack => {
                let Some(expired) = store.expired_effects("other", 1).await.unwrap().pop() else {
                    return String::new();
                };
                format!("{:?}", store.retry_effect(&expired.lease, Millis(0), "lost").await)
            }
            Op::Reserve { run, call: name, amount } => {
                let Some(run) = found(store, run).await else { return String::new() };
                let open = call(&format!("c{name}"), &run.run, amount);
                format!("{:?}", store.reserve_call(&open, &accounts(&run.run)).await)
            }
            Op::Settle { call: name, cost } => {
                let Some(open) = store.call(&format!("c{name}").as_str().into()).await.unwrap() else {
                    return String::new();
                };
                let run = store.run(&open.identity.run).await.unwrap().unwrap().run;
                let ended = done(&open, cost.min(open.reserved.0));
                format!("{:?}", store.settle_call(&ended, &accounts(&run)).await)
            }
            Op::Contain { scope, epoch, lift } => {
                let stop = order(SCOPES[usize::from(scope)], epoch);
                let entry = if lift { lifted(&stop, epoch + 1) } else { stop };
                format!("{:?}", store.merge_containment(&entry).await)
            }
            Op::Activity { run, lines } => {
                let line = |n: u8| store::activity::Activity {
                    seq: 0,
                    attempt: 1,
                    at: Timestamp(now),
                    kind: "message".into(),
                    text: n.to_string(),
                };
                let lines: Vec<_> = (0..lines).map(line).collect();
                format!("{:?}", store.add_activity(&format!("run{run}").as_str().into(), &lines).await)
            }
        }
    }
}

async fn found(store: &Store, run: u8) -> Option<store::run::StoredRun> {
    store.run(&format!("run{run}").as_str().into()).await.unwrap()
}

fn accounts(run: &Run) -> Vec<Account> {
    vec![account(run_holder(run), 80), account(Holder::Team("pay".into()), 150)]
}

async fn claim_at(store: &Store, run: u8, issue_number: u8, now: i64) -> String {
    let facts = store.start_facts(&"shop".into()).await.unwrap();
    let issue = issue(&issue_number.to_string());
    let prior = store.prior(&"shop".into(), &issue.id, &facts.containments).await.unwrap();
    let name = format!("run{run}");
    let step = match claim(&issue, &name, prior.as_ref(), &facts.containments, live(store).await, now) {
        Ok(step) => step,
        Err(refusal) => return refusal.to_string(),
    };
    let guards = Some(&facts.guards);
    let commit =
        Commit { step: &step, base: store::run::Base::New, guards, effect: None, now: Timestamp(now) };
    format!("{:?}", store.commit_step(commit).await)
}

async fn step_at(store: &Store, run: u8, input: u8, stale: bool, now: i64) -> String {
    let Some(mut stored) = found(store, run).await else { return String::new() };
    let failure = Failure::new(FailureKind::Lost, "gone");
    let input = match input {
        0 => started(&stored.run),
        1 => finished(&stored.run),
        2 => Input::NothingChanged { fence: stored.run.fence },
        3 => Input::AttemptEnded {
            fence: stored.run.fence,
            end: AttemptEnd::Failed(failure),
            spent: Spent::default(),
        },
        4 => Input::CollectFailed { fence: stored.run.fence, failure },
        _ => Input::IssueLeft(Left::Gone),
    };
    if domain::run::step(&stored.run, input.clone(), &project(), Timestamp(now)).is_err() {
        return "ignored".into();
    }
    stored.version += u64::from(stale);
    match step(store, &stored, input, now).await {
        Ok(stored) => format!("{stored:?}"),
        Err(error) => {
            assert!(matches!(error, Error::Outdated { .. }), "{error}");
            error.to_string()
        }
    }
}

/// Everything that can be observed, apart from numbers that an undone transaction may leave out.
async fn snapshot(store: &Store) -> Vec<String> {
    let mut all = Vec::new();
    let (lines, next) = store.list_runs(&Filter::default(), None, 1_000).await.unwrap();
    assert!(next.is_none());
    for line in &lines {
        let id = &line.stored.run.id;
        let events = store.events_of(id, 1_000).await.unwrap();
        all.push(format!("{:?}", events.iter().map(|e| (e.at, &e.event)).collect::<Vec<_>>()));
        all.push(format!("{:?}", store.effects_of(id, 1_000).await.unwrap()));
        all.push(format!(
            "{:?} {:?}",
            store.calls_of(id, 1_000).await.unwrap(),
            store.spend(id).await.unwrap()
        ));
        let activity = store.last_activity(id, 1_000).await.unwrap();
        all.push(format!("{:?}", activity.iter().map(|a| (a.at, &a.text)).collect::<Vec<_>>()));
    }
    all.push(format!("{lines:?} {:?}", store.open_runs().await.unwrap()));
    all.push(format!(
        "{:?} {:?}",
        store.counts().await.unwrap(),
        store.start_facts(&"shop".into()).await.unwrap()
    ));
    all.push(format!(
        "{:?} {:?}",
        store.budgets(Timestamp(0)).await.unwrap(),
        store.orders(100).await.unwrap()
    ));
    let open = store.open_calls(Timestamp(i64::MAX), 100).await.unwrap();
    all.push(format!("{open:?} {}", store.owed_effects().await.unwrap()));
    all.push(format!("{:?}", store.containments_at_version().await.unwrap()));
    all
}
