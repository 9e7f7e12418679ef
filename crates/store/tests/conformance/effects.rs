//! Effects: leases, fences, retries, and ends that share the step's transaction.

use crate::on_both_engines;
use crate::support::Fresh;
use crate::support::facts::*;
use domain::{Millis, Timestamp};
use std::collections::BTreeSet;
use store::lease::{Fence, Tenure};
use store::run::Base;
use store::step::{Commit, Ending};
use store::{Error, Store};

on_both_engines!(
    an_effect_is_claimed_by_one_performer_only,
    an_effect_owed_twice_is_owed_once,
    an_effect_that_is_taken_over_no_longer_listens_to_its_first_performer,
    what_an_engine_holds_is_lost_to_others_only_and_only_in_time,
    an_engine_that_was_followed_by_another_writes_nothing_more,
    a_retried_effect_waits_and_keeps_its_error,
    a_step_and_the_end_of_its_effect_are_one,
    a_dead_effect_says_why,
    an_attempt_elsewhere_is_one_that_another_engine_holds,
);

async fn an_effect_is_claimed_by_one_performer_only(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    for n in 0..20 {
        claimed(&store, &format!("run{n}"), &n.to_string(), 10).await;
    }
    let performers = (0..5).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { store.claim_effects(&format!("p{n}"), 6, LEASE).await.unwrap() })
    });
    let (mut names, mut claims) = (BTreeSet::new(), 0);
    for performer in performers.collect::<Vec<_>>() {
        for claimed in performer.await.unwrap() {
            claims += 1;
            names.insert(claimed.lease.effect);
        }
    }
    for claimed in store.claim_effects("last", 20, LEASE).await.unwrap() {
        claims += 1;
        names.insert(claimed.lease.effect);
    }
    assert_eq!((claims, names.len()), (20, 20));
}

async fn an_effect_owed_twice_is_owed_once(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let run = claimed(&store, "run1", "1", 10).await;
    let mut step = domain::run::step(&run.run, started(&run.run), &project(), Timestamp(11)).unwrap();
    step.effects = store.claim_effects("me", 1, LEASE).await.unwrap().into_iter().map(|c| c.effect).collect();
    let base = Base::Version(run.version);
    store
        .commit_step(Commit { step: &step, base, guards: None, effect: None, now: Timestamp(11) })
        .await
        .unwrap();
    assert_eq!(store.owed_effects().await.unwrap(), 1);
    assert!(store.claim_effects("me", 1, LEASE).await.unwrap().is_empty());
}

async fn an_effect_that_is_taken_over_no_longer_listens_to_its_first_performer(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    claimed(&store, "run1", "1", 10).await;
    let first = store.claim_effects("first", 1, LEASE).await.unwrap().remove(0).lease;
    assert_eq!(first.tries, 1);
    assert_eq!(store.end_all_leases().await.unwrap(), 1);
    let expired = store.expired_effects("second", 10).await.unwrap().remove(0).lease;
    assert_eq!(expired, first);
    store.retry_effect(&expired, Millis(0), "its performer was lost").await.unwrap();
    let second = store.claim_effects("second", 1, LEASE).await.unwrap().remove(0).lease;
    assert_eq!((second.owner.as_str(), second.tries), ("second", 2));
    let lost = Error::LeaseLost { effect: first.effect.clone() };
    assert_eq!(store.retry_effect(&first, Millis(0), "x").await, Err(lost.clone()));
    assert_eq!(store.finish_effect(&first, Ending::Done, Timestamp(1)).await, Err(lost));
    store.finish_effect(&second, Ending::Done, Timestamp(1)).await.unwrap();
    assert!(store.finish_effect(&second, Ending::Done, Timestamp(1)).await.is_err());
    assert!(store.expired_effects("third", 10).await.unwrap().is_empty());
}

async fn what_an_engine_holds_is_lost_to_others_only_and_only_in_time(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    claimed(&store, "run1", "1", 10).await;
    let held = store.claim_effects("first", 1, LEASE).await.unwrap().remove(0);
    assert!(store.expired_effects("second", 10).await.unwrap().is_empty());
    assert!(store.held_effects("first").await.unwrap().is_empty());
    store.end_all_leases().await.unwrap();
    assert!(store.expired_effects("first", 10).await.unwrap().is_empty());
    assert_eq!(store.held_effects("first").await.unwrap(), std::slice::from_ref(&held.lease));
    assert!(store.held_effects("second").await.unwrap().is_empty());
    assert_eq!(store.expired_effects("second", 10).await.unwrap(), std::slice::from_ref(&held));
    store.disown_effect(&held.lease).await.unwrap();
    assert_eq!(store.expired_effects("first", 10).await.unwrap()[0].effect, held.effect);
}

async fn an_engine_that_was_followed_by_another_writes_nothing_more(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let hold = async |holder: &str| match store.acquire_lease("engine", holder, LEASE).await.unwrap() {
        Tenure::Ours { epoch } => Fence { name: "engine", holder: holder.to_owned(), epoch },
        Tenure::Theirs { holder } => panic!("{holder} has it"),
    };
    let first = hold("first").await;
    let old = store.clone().under(first.clone());
    let run = claimed(&old, "run1", "1", 10).await;
    let held = old.claim_effects("first", 1, LEASE).await.unwrap().remove(0).lease;
    store.release_lease("engine", "first", first.epoch).await.unwrap();
    let new = store.clone().under(hold("second").await);

    let input = finished(&run.run);
    assert_eq!(step(&old, &run, input.clone(), 11).await, Err(Error::Superseded));
    assert_eq!(old.claim_effects("first", 1, LEASE).await, Err(Error::Superseded));
    assert_eq!(old.finish_effect(&held, Ending::Done, Timestamp(11)).await, Err(Error::Superseded));
    assert_eq!(old.retry_effect(&held, Millis(0), "x").await, Err(Error::Superseded));
    assert_eq!(store.run(&"run1".into()).await.unwrap().unwrap(), run);
    step(&new, &run, input, 12).await.unwrap();
}

async fn a_retried_effect_waits_and_keeps_its_error(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    claimed(&store, "run1", "1", 10).await;
    let held = store.claim_effects("me", 1, LEASE).await.unwrap().remove(0).lease;
    assert_eq!(store.next_effect_in().await.unwrap(), None);
    store.retry_effect(&held, LEASE, "the disk was full").await.unwrap();
    let wait = store.next_effect_in().await.unwrap().unwrap();
    assert!(Millis(0) < wait && wait <= LEASE, "{wait:?}");
    assert!(store.claim_effects("me", 1, LEASE).await.unwrap().is_empty());
    let line = store.effects_of(&"run1".into(), 10).await.unwrap().remove(0);
    assert_eq!((line.status.as_str(), line.tries), ("pending", 1));
    assert_eq!(line.last_error.as_deref(), Some("the disk was full"));

    claimed(&store, "run2", "2", 10).await;
    let held = store.claim_effects("me", 1, LEASE).await.unwrap().remove(0).lease;
    store.retry_effect(&held, Millis(0), "again").await.unwrap();
    assert_eq!(store.next_effect_in().await.unwrap(), Some(Millis(0)));
    let again = store.claim_effects("me", 1, LEASE).await.unwrap().remove(0);
    assert_eq!((again.lease.tries, again.last_error.as_deref()), (2, Some("again")));
}

async fn a_step_and_the_end_of_its_effect_are_one(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let run = claimed(&store, "run1", "1", 10).await;
    let held = store.claim_effects("me", 1, LEASE).await.unwrap().remove(0).lease;
    let step = domain::run::step(&run.run, finished(&run.run), &project(), Timestamp(11)).unwrap();
    let commit = |version, lease| Commit {
        step: &step,
        base: Base::Version(version),
        guards: None,
        effect: Some((lease, Ending::Done)),
        now: Timestamp(11),
    };
    let stale = store::effect::Lease { tries: 7, ..held.clone() };
    let lost = store.commit_step(commit(run.version, &stale)).await.unwrap_err();
    assert_eq!(lost, Error::LeaseLost { effect: held.effect.clone() });
    let outdated = store.commit_step(commit(run.version + 1, &held)).await.unwrap_err();
    assert_eq!(outdated, Error::Outdated { what: "the run" });
    store.commit_step(commit(run.version, &held)).await.unwrap();
    let line = store.effects_of(&"run1".into(), 1).await.unwrap().remove(0);
    assert_eq!((line.status.as_str(), line.done_at), ("done", Some(Timestamp(11))));
}

async fn a_dead_effect_says_why(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    claimed(&store, "run1", "1", 10).await;
    let held = store.claim_effects("me", 1, LEASE).await.unwrap().remove(0).lease;
    store.finish_effect(&held, Ending::Dead("no such remote"), Timestamp(12)).await.unwrap();
    let line = store.effects_of(&"run1".into(), 1).await.unwrap().remove(0);
    assert_eq!((line.status.as_str(), line.last_error.as_deref()), ("dead", Some("no such remote")));
    assert_eq!(store.owed_effects().await.unwrap(), 0);
}

async fn an_attempt_elsewhere_is_one_that_another_engine_holds(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    claimed(&store, "run1", "1", 10).await;
    assert!(store.attempts_elsewhere("me").await.unwrap().is_empty());
    let held = store.claim_effects("other", 1, LEASE).await.unwrap().remove(0).lease;
    assert_eq!(store.attempts_elsewhere("me").await.unwrap(), ["run1".into()]);
    assert!(store.attempts_elsewhere("other").await.unwrap().is_empty());
    store.finish_effect(&held, Ending::Done, Timestamp(11)).await.unwrap();
    assert!(store.attempts_elsewhere("me").await.unwrap().is_empty());
}
