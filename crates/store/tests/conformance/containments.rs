//! Containments, orders, receipts, keys.

use crate::on_both_engines;
use crate::support::Fresh;
use crate::support::facts::*;
use domain::Timestamp;
use domain::containment::{Layer, Proof, Receipt, Verdict};
use store::key::Key;
use store::{Error, Store};

on_both_engines!(
    the_newer_entry_wins_in_whatever_order_they_arrive,
    two_orders_decided_at_once_do_not_share_an_epoch,
    an_order_is_verified_when_every_layer_proved_it,
    a_later_receipt_replaces_an_earlier_one,
    a_key_is_found_until_it_is_forgotten,
);

async fn the_newer_entry_wins_in_whatever_order_they_arrive(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let stop = order("team/pay", 3);
    let lift = lifted(&stop, 5);
    store.merge_containment(&stop).await.unwrap();
    store.merge_containment(&lift).await.unwrap();
    let settled = store.containments_at_version().await.unwrap();
    assert!(!settled.0.get(&stop.order.scope).unwrap().in_force());
    for older in [&stop, &lift, &order("team/pay", 4)] {
        store.merge_containment(older).await.unwrap();
    }
    assert_eq!(store.containments_at_version().await.unwrap(), settled);
    assert_eq!(settled.1, 2);
    let records = store.orders(10).await.unwrap();
    let known: Vec<_> = records.iter().map(|r| (r.order.epoch.0, r.in_force, r.lifted.is_some())).collect();
    assert_eq!(known, [(4, false, false), (3, false, true)]);
}

async fn two_orders_decided_at_once_do_not_share_an_epoch(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let (_, version) = store.containments_at_version().await.unwrap();
    store.contain(&order("team/pay", 1), version).await.unwrap();
    let mut second = order("team/web", 1);
    second.order.id = "another".into();
    let error = store.contain(&second, version).await.unwrap_err();
    assert_eq!(error, Error::Outdated { what: "the containments" });
    assert_eq!(store.orders(10).await.unwrap().len(), 1);
    assert_eq!(store.containments().await.unwrap().iter().count(), 1);
}

async fn an_order_is_verified_when_every_layer_proved_it(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let stop = order("all", 1);
    store.contain(&stop, 0).await.unwrap();
    let record = store.order(&stop.order.id).await.unwrap().unwrap();
    assert_eq!((record.receipts.len(), record.verdict(), record.in_force), (3, Verdict::Partial, true));
    for layer in Layer::ALL {
        assert_eq!(store.unproven(&[layer]).await.unwrap().len(), 1);
        let proof = Proof::Verified { by: "nothing lives".into() };
        let receipt = Receipt { order: stop.order.id.clone(), layer, proof, after_us: 9, at: Timestamp(10) };
        store.prove(&receipt).await.unwrap();
        assert!(store.unproven(&[layer]).await.unwrap().is_empty());
    }
    let record = store.order(&stop.order.id).await.unwrap().unwrap();
    assert_eq!((&record.order, record.verdict()), (&stop.order, Verdict::Verified));
    assert_eq!(store.orders(10).await.unwrap(), [record]);
    assert!(store.order(&"nothing".into()).await.unwrap().is_none());
    let stop = order("team/pay", 2);
    store.contain(&stop, 1).await.unwrap();
    store.contain(&lifted(&stop, 3), 2).await.unwrap();
    assert!(store.unproven(&Layer::ALL).await.unwrap().is_empty());
}

async fn a_later_receipt_replaces_an_earlier_one(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let stop = order("all", 1);
    store.contain(&stop, 0).await.unwrap();
    let prove = async |at, proof| {
        let receipt = Receipt {
            order: stop.order.id.clone(),
            layer: Layer::Gateway,
            proof,
            after_us: 0,
            at: Timestamp(at),
        };
        store.prove(&receipt).await.unwrap();
        let record = store.order(&stop.order.id).await.unwrap().unwrap();
        record.receipts.into_iter().find(|r| r.layer == Layer::Gateway).unwrap().at
    };
    assert_eq!(prove(20, Proof::Unverified { why: "a stream is open".into() }).await, Timestamp(20));
    assert_eq!(prove(30, Proof::Verified { by: "no stream".into() }).await, Timestamp(30));
    assert_eq!(prove(25, Proof::Requested).await, Timestamp(30));
}

async fn a_key_is_found_until_it_is_forgotten(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let mut key =
        Key { kid: "k1".into(), public: [7; 32], created_at: Timestamp(1), expires_at: Timestamp(10) };
    store.put_key(&key).await.unwrap();
    key.expires_at = Timestamp(20);
    store.put_key(&key).await.unwrap();
    assert_eq!(store.key("k1").await.unwrap(), Some(key.clone()));
    let other = Key { public: [8; 32], ..key.clone() };
    assert!(matches!(store.put_key(&other).await, Err(Error::Outdated { .. })));
    assert_eq!(store.forget_keys(Timestamp(19)).await.unwrap(), 0);
    assert_eq!(store.forget_keys(Timestamp(20)).await.unwrap(), 1);
    assert_eq!(store.key("k1").await.unwrap(), None);
}
