//! Calls and budgets: what refuses a reservation, and that no crowd of callers passes a limit.

use crate::on_both_engines;
use crate::support::Fresh;
use crate::support::facts::*;
use domain::budget::Holder;
use domain::call::Status;
use domain::run::{Input, Left};
use domain::{Fence, MicroUsd, Timestamp};
use store::Store;
use store::call::Refused;

on_both_engines!(
    a_call_is_reserved_and_settled,
    turns_count_within_an_attempt,
    a_budget_that_has_too_little_left_refuses_and_says_so,
    a_limit_below_the_first_reservation_refuses,
    a_stale_claim_cannot_reserve,
    a_contained_run_cannot_reserve,
    a_name_is_reserved_once,
    callers_at_once_never_pass_a_limit,
    the_call_of_a_lost_gateway_is_settled_by_another,
);

async fn a_call_is_reserved_and_settled(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let run = claimed(&store, "run1", "1", 10).await.run;
    let accounts = [account(Holder::Team("pay".into()), 1_000), account(run_holder(&run), 100)];
    let open = call("c1", &run, 60);
    assert_eq!(store.reserve_call(&open, &accounts).await.unwrap(), 1);
    let stored = store.call(&"c1".into()).await.unwrap().unwrap();
    assert_eq!(stored, domain::call::Call { turn: 1, ..open.clone() });
    for account in &accounts {
        let standing = store.standing(account).await.unwrap();
        assert_eq!((standing.reserved, standing.settled), (MicroUsd(60), MicroUsd(0)));
    }
    let ended = done(&open, 25);
    assert!(store.settle_call(&ended, &accounts).await.unwrap());
    assert!(!store.settle_call(&done(&open, 60), &accounts).await.unwrap());
    assert!(!store.settle_call(&done(&call("unknown", &run, 1), 1), &accounts).await.unwrap());
    assert_eq!(store.calls_of(&run.id, 10).await.unwrap(), [domain::call::Call { turn: 1, ..ended }]);
    let standings = store.budgets(Timestamp(0)).await.unwrap();
    let sums: Vec<_> =
        standings.iter().map(|s| (s.holder.as_str(), s.limit.0, s.reserved.0, s.settled.0)).collect();
    assert_eq!(sums, [("run/run1", 100, 0, 25), ("team/pay", 1_000, 0, 25)]);
    let spend = store.spend(&run.id).await.unwrap();
    assert_eq!((spend.calls, spend.rehearsal, spend.cost, spend.usage.reasoning), (1, true, MicroUsd(25), 7));
}

async fn turns_count_within_an_attempt(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let run = claimed(&store, "run1", "1", 10).await;
    let run = step(&store, &run, started(&run.run), 11).await.unwrap().run;
    for turn in 1..=3 {
        assert_eq!(store.reserve_call(&call(&format!("c{turn}"), &run, 1), &[]).await.unwrap(), turn);
    }
    let turns: Vec<_> = store.calls_of(&run.id, 10).await.unwrap().iter().map(|c| c.turn).collect();
    assert_eq!(turns, [1, 2, 3]);
}

async fn a_budget_that_has_too_little_left_refuses_and_says_so(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let run = claimed(&store, "run1", "1", 10).await.run;
    let (team, own) = (account(Holder::Team("pay".into()), 100), account(run_holder(&run), 1_000));
    let accounts = [team.clone(), own.clone()];
    store.reserve_call(&call("c1", &run, 70), &accounts).await.unwrap();
    match store.reserve_call(&call("c2", &run, 31), &accounts).await.unwrap_err() {
        Refused::Spent(standing) => {
            assert_eq!((standing.holder.as_str(), standing.available()), ("team/pay", MicroUsd(30)));
        }
        other => panic!("{other:?}"),
    }
    // Nothing of the refused one is left behind, in no budget and no turn.
    assert_eq!(store.standing(&own).await.unwrap().reserved, MicroUsd(70));
    assert_eq!(store.reserve_call(&call("c3", &run, 30), &accounts).await.unwrap(), 2);
    assert_eq!(store.standing(&team).await.unwrap().available(), MicroUsd(0));
    // The configuration gave it more.
    let more = [account(Holder::Team("pay".into()), 200)];
    store.reserve_call(&call("c4", &run, 100), &more).await.unwrap();
}

async fn a_limit_below_the_first_reservation_refuses(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let run = claimed(&store, "run1", "1", 10).await.run;
    let own = account(run_holder(&run), 10);
    let refused = store.reserve_call(&call("c1", &run, 11), std::slice::from_ref(&own)).await.unwrap_err();
    assert!(matches!(refused, Refused::Spent(s) if s.available() == MicroUsd(10)));
    store.reserve_call(&call("c1", &run, 10), &[own]).await.unwrap();
}

async fn a_stale_claim_cannot_reserve(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let run = claimed(&store, "run1", "1", 10).await;
    let mut other = run.run.clone();
    other.fence = Fence(2);
    let refused = store.reserve_call(&call("c1", &other, 1), &[]).await.unwrap_err();
    assert_eq!(refused, Refused::Stale { current: Some(Fence(1)) });
    let ended = step(&store, &run, Input::IssueLeft(Left::Gone), 20).await.unwrap().run;
    let refused = store.reserve_call(&call("c1", &ended, 1), &[]).await.unwrap_err();
    assert_eq!(refused, Refused::Stale { current: None });
    assert!(store.call(&"c1".into()).await.unwrap().is_none());
}

async fn a_contained_run_cannot_reserve(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let run = claimed(&store, "run1", "1", 10).await.run;
    let mut version = 0;
    for scope in ["run/run1", "agent/author", "team/pay", "project/shop", "all"] {
        let stop = order(scope, version + 1);
        store.contain(&stop, version).await.unwrap();
        match store.reserve_call(&call("c", &run, 1), &[]).await.unwrap_err() {
            Refused::Contained(by) => assert_eq!(*by, stop.order),
            other => panic!("{scope}: {other:?}"),
        }
        store.contain(&lifted(&stop, version + 2), version + 1).await.unwrap();
        version += 2;
    }
    store.merge_containment(&order("team/web", 99)).await.unwrap();
    assert_eq!(store.reserve_call(&call("c", &run, 1), &[]).await.unwrap(), 1);
}

async fn a_name_is_reserved_once(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let run = claimed(&store, "run1", "1", 10).await.run;
    let own = [account(run_holder(&run), 100)];
    store.reserve_call(&call("c1", &run, 10), &own).await.unwrap();
    let refused = store.reserve_call(&call("c1", &run, 10), &own).await.unwrap_err();
    assert!(matches!(refused, Refused::Store(_)), "{refused:?}");
    assert_eq!(store.standing(&own[0]).await.unwrap().reserved, MicroUsd(10));
}

async fn callers_at_once_never_pass_a_limit(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let mut callers = Vec::new();
    for n in 0..2 {
        let run = claimed(&store, &format!("run{n}"), &n.to_string(), 10).await.run;
        for caller in 0..8 {
            callers.push((store.clone(), run.clone(), format!("{n}-{caller}")));
        }
    }
    let tasks = callers.into_iter().map(|(store, run, name)| {
        tokio::spawn(async move {
            let accounts = [account(run_holder(&run), 150), account(Holder::Team("pay".into()), 200)];
            let mut spent = 0;
            for n in 0..10u64 {
                let open = call(&format!("{name}-{n}"), &run, 10);
                match store.reserve_call(&open, &accounts).await {
                    Ok(_) => {
                        let cost = n % 11;
                        assert!(store.settle_call(&done(&open, cost), &accounts).await.unwrap());
                        spent += cost;
                    }
                    Err(Refused::Spent(_)) => {}
                    Err(other) => panic!("{other}"),
                }
                let team = store.standing(&accounts[1]).await.unwrap();
                assert!(team.reserved.plus(team.settled) <= team.limit, "{team:?}");
            }
            spent
        })
    });
    let mut spent = 0;
    for task in tasks.collect::<Vec<_>>() {
        spent += task.await.unwrap();
    }
    let team = store.standing(&account(Holder::Team("pay".into()), 200)).await.unwrap();
    assert_eq!((team.reserved, team.settled), (MicroUsd(0), MicroUsd(spent)));
    assert!(spent > 150, "the callers hardly competed: {spent}");
}

async fn the_call_of_a_lost_gateway_is_settled_by_another(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let run = claimed(&store, "run1", "1", 10).await.run;
    let accounts = [account(run_holder(&run), 100), account(Holder::Agent("author".into()), 100)];
    store.reserve_call(&call("c1", &run, 40), &accounts).await.unwrap();
    assert!(store.open_calls(Timestamp(5), 10).await.unwrap().is_empty());
    let open = store.open_calls(Timestamp(6), 10).await.unwrap().remove(0);
    let end = |call: &mut domain::call::Call| {
        call.status = Status::Broken;
        call.cost = call.reserved;
        call.error = Some("its gateway was lost".into());
    };
    assert!(store.settle_lost(open.clone(), end).await.unwrap());
    assert!(!store.settle_lost(open, end).await.unwrap());
    for account in &accounts {
        let standing = store.standing(account).await.unwrap();
        assert_eq!((standing.reserved, standing.settled), (MicroUsd(0), MicroUsd(40)));
    }
    assert!(store.open_calls(Timestamp(i64::MAX), 10).await.unwrap().is_empty());
}
