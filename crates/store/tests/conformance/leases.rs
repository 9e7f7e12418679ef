//! Leases: one holder at a time, taken over when their time is over or they are let go.

use crate::on_both_engines;
use crate::support::Fresh;
use domain::Millis;
use store::Store;
use store::lease::Tenure;

on_both_engines!(
    a_lease_has_one_holder_until_it_is_let_go,
    a_holder_that_comes_back_outlives_its_own_older_self,
);

const LONG: Millis = Millis::seconds(60);

fn theirs(holder: &str) -> Tenure {
    Tenure::Theirs { holder: holder.to_owned() }
}

async fn a_lease_has_one_holder_until_it_is_let_go(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    assert_eq!(store.acquire_lease("engine", "a", LONG).await.unwrap(), Tenure::Ours { epoch: 1 });
    assert_eq!(store.acquire_lease("engine", "b", LONG).await.unwrap(), theirs("a"));
    assert!(store.renew_lease("engine", "a", 1, LONG).await.unwrap());
    store.release_lease("engine", "a", 1).await.unwrap();
    assert_eq!(store.acquire_lease("engine", "b", LONG).await.unwrap(), Tenure::Ours { epoch: 2 });
    assert!(!store.renew_lease("engine", "a", 1, LONG).await.unwrap(), "an old epoch renews nothing");
    assert_eq!(store.acquire_lease("other", "a", LONG).await.unwrap(), Tenure::Ours { epoch: 1 });
}

async fn a_holder_that_comes_back_outlives_its_own_older_self(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    store.acquire_lease("engine", "a", LONG).await.unwrap();
    assert_eq!(store.acquire_lease("engine", "a", LONG).await.unwrap(), Tenure::Ours { epoch: 2 });
    assert!(!store.renew_lease("engine", "a", 1, LONG).await.unwrap());
    assert!(store.renew_lease("engine", "a", 2, LONG).await.unwrap());
}
