//! Events, activity, issues, refusals.

use crate::on_both_engines;
use crate::support::Fresh;
use crate::support::facts::*;
use domain::run::Refusal;
use domain::{IssueId, Timestamp};
use std::collections::BTreeMap;
use store::Store;
use store::activity::{Activity, MAX_LINES};
use store::cursor::EventCursor;
use store::event::StoredEvent;

on_both_engines!(
    the_feed_shows_each_event_once_while_many_write,
    a_feed_can_begin_at_the_end,
    events_that_came_from_another_server_are_shown,
    activity_is_kept_in_order_and_bounded,
    issues_follow_the_tracker,
    a_refusal_is_written_when_it_changes,
);

async fn the_feed_shows_each_event_once_while_many_write(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let writers: Vec<_> = (0..8)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                for m in 0..10 {
                    let name = format!("{n}-{m}");
                    let step = claim(&issue(&name), &name, None, &Default::default(), 0, 10).unwrap();
                    let base = store::run::Base::New;
                    let now = Timestamp(10);
                    let commit = store::step::Commit { step: &step, base, guards: None, effect: None, now };
                    store.commit_step(commit).await.unwrap();
                }
            })
        })
        .collect();
    // Each claim makes two events. The feed is read while they are written.
    let (mut cursor, mut seen, mut changes) = (EventCursor::default(), Vec::new(), store.changes());
    while seen.len() < 160 {
        let page = store.events_since(cursor, 7).await.unwrap();
        match page.last() {
            Some(last) => cursor = last.cursor.to_string().parse().unwrap(),
            None => changes.changed().await.unwrap(),
        }
        seen.extend(page.into_iter().map(|e| e.cursor));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(seen.is_sorted_by(|a, b| a < b), "an event came twice or out of order");
    assert!(store.events_since(cursor, 10).await.unwrap().is_empty());
}

async fn a_feed_can_begin_at_the_end(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    assert_eq!(store.newest_event().await.unwrap(), EventCursor::default());
    let run = claimed(&store, "run1", "1", 10).await;
    assert_eq!(feed(&store, EventCursor::default(), 2).await.len(), 2);
    let newest = store.newest_event().await.unwrap();
    step(&store, &run, started(&run.run), 11).await.unwrap();
    let new = feed(&store, newest, 1).await;
    assert_eq!(new.iter().map(|e| e.event.kind()).collect::<Vec<_>>(), ["attempt_started"]);
    assert_eq!((new[0].at, new[0].run.as_str()), (Timestamp(11), "run1"));
}

async fn events_that_came_from_another_server_are_shown(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let run = claimed(&store, "run1", "1", 10).await;
    // As a dump of a server that had seen many more transactions.
    let mut batch = store::db::Batch::new();
    batch.run("restore", "UPDATE events SET tx = 9000000000000", vec![]);
    store.db().commit(batch).await.unwrap();
    assert!(store.events_since(EventCursor::default(), 100).await.unwrap().is_empty());
    drop(store);
    let store = Store::open(&fresh.url).await.unwrap();
    step(&store, &run, started(&run.run), 11).await.unwrap();
    let kinds: Vec<_> =
        feed(&store, EventCursor::default(), 3).await.iter().map(|e| e.event.kind()).collect();
    assert_eq!(kinds, ["claimed", "attempt_claimed", "attempt_started"]);
}

/// The events after `cursor` once there are `wanted`: other tests' transactions may hold them back.
async fn feed(store: &Store, cursor: EventCursor, wanted: usize) -> Vec<StoredEvent> {
    let mut changes = store.changes();
    loop {
        let events = store.events_since(cursor, 100).await.unwrap();
        if events.len() >= wanted {
            return events;
        }
        changes.changed().await.unwrap();
    }
}

async fn activity_is_kept_in_order_and_bounded(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let line = |n: i64| Activity {
        seq: 0,
        attempt: 1,
        at: Timestamp(n),
        kind: "message".into(),
        text: format!("line {n}"),
    };
    store.add_activity(&"other".into(), &[line(0)]).await.unwrap();
    let lines: Vec<_> = (0..i64::from(MAX_LINES) + 300).map(line).collect();
    store.add_activity(&"run1".into(), &lines).await.unwrap();
    let (mut seq, mut kept) = (0, Vec::new());
    loop {
        let page = store.activity_since(&"run1".into(), seq, 1_000).await.unwrap();
        let Some(last) = page.last() else { break };
        seq = last.seq;
        kept.extend(page.into_iter().map(|a| a.at.0));
    }
    assert_eq!(kept.len(), MAX_LINES as usize);
    assert_eq!((kept[0], kept.is_sorted()), (300, true));
    let last = store.last_activity(&"run1".into(), 2).await.unwrap();
    assert_eq!(last.iter().map(|a| a.text.as_str()).collect::<Vec<_>>(), ["line 5298", "line 5299"]);
    assert_eq!(store.last_activity(&"other".into(), 2).await.unwrap().len(), 1);
}

async fn issues_follow_the_tracker(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let shop = "shop".into();
    store.observe_issues(&shop, &[issue("1"), issue("2")], &[], Timestamp(1)).await.unwrap();
    store.observe_issues(&"web".into(), &[issue("1")], &[], Timestamp(1)).await.unwrap();
    store.observe_issues(&shop, &[issue("2")], &["3".into()], Timestamp(2)).await.unwrap();
    let known = store.known_issues(&shop).await.unwrap();
    assert_eq!(known.iter().map(|known| known.id.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(store.issues(&shop).await.unwrap()[1].observed_at, Timestamp(1), "it reads as it did");
    let mut changed = issue("2");
    (changed.version, changed.title) = ("v2".into(), "Other".into());
    store.observe_issues(&shop, std::slice::from_ref(&changed), &["1".into()], Timestamp(3)).await.unwrap();
    let seen = store.issues(&shop).await.unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!((&seen[0].issue, seen[0].observed_at), (&changed, Timestamp(3)));
    assert!(store.issue(&shop, &"1".into()).await.unwrap().is_none());
    assert_eq!(store.issues_named("SHOP-1").await.unwrap().len(), 1);
    assert_eq!(store.issues_named("2").await.unwrap()[0].issue, changed);
}

async fn a_refusal_is_written_when_it_changes(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let (shop, one) = ("shop".into(), IssueId::new("1"));
    let refuse = async |refusals: &[(&str, Refusal)], gone: &[IssueId], now| {
        let map: BTreeMap<IssueId, Refusal> =
            refusals.iter().map(|(id, r)| ((*id).into(), r.clone())).collect();
        store.record_refusals(&shop, &map, gone, Timestamp(now)).await.unwrap();
    };
    let no_slot = Refusal::NoSlot { slots: 2 };
    refuse(&[("1", no_slot.clone()), ("2", no_slot.clone())], &[], 1).await;
    refuse(&[("1", no_slot.clone()), ("2", no_slot.clone())], &[], 2).await;
    assert_eq!(store.decision(&shop, &one).await.unwrap().unwrap().changed_at, Timestamp(1));
    refuse(&[("1", Refusal::NotDue)], &["2".into()], 3).await;
    let decisions = store.decisions(&shop).await.unwrap();
    assert_eq!(decisions.len(), 1);
    assert_eq!((&decisions[0].refusal, decisions[0].changed_at), (&Refusal::NotDue, Timestamp(3)));
}
