//! Runs and steps: claims that exclude each other, versions, guards, priors, lists.

use crate::on_both_engines;
use crate::support::Fresh;
use crate::support::facts::*;
use domain::Timestamp;
use domain::run::{Input, Left};
use store::run::{Base, Filter, Found};
use store::step::{Commit, Start};
use store::{Error, Store};

on_both_engines!(
    a_step_is_read_back_whole,
    a_step_from_an_old_version_changes_nothing,
    an_issue_is_claimed_once_whoever_races,
    slots_are_not_overrun_by_decisions_made_at_once,
    a_start_decided_before_an_order_is_refused_after_it,
    the_prior_run_tells_when_it_was_settled,
    a_stopped_run_is_prior_until_its_order_is_lifted,
    runs_are_found_by_either_end_of_their_name,
    runs_are_listed_in_pages_newest_first,
    starts_that_were_decided_together_are_kept_together,
    the_prior_run_is_the_open_one_when_a_clock_was_set_back,
);

async fn a_step_is_read_back_whole(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let facts = store.start_facts(&"shop".into()).await.unwrap();
    let step = claim(&issue("1"), "run1", None, &facts.containments, 0, 10).unwrap();
    let commit = Commit {
        step: &step,
        base: Base::New,
        guards: Some(&facts.guards),
        effect: None,
        now: Timestamp(10),
    };
    assert_eq!(store.commit_step(commit).await.unwrap(), 1);
    let stored = store.run(&"run1".into()).await.unwrap().unwrap();
    assert_eq!((&stored.run, stored.version, stored.updated_at), (&step.run, 1, Timestamp(10)));
    let events = store.events_of(&"run1".into(), 100).await.unwrap();
    assert_eq!(events.iter().map(|e| e.event.clone()).collect::<Vec<_>>(), step.events);
    assert_eq!(events[0].project, "shop".into());
    let claimed = store.claim_effects("me", 10, LEASE).await.unwrap();
    assert_eq!(claimed.iter().map(|c| c.effect.clone()).collect::<Vec<_>>(), step.effects);
    assert_eq!(live(&store).await, 1);
    assert_eq!(store.counts().await.unwrap()[&"shop".into()].open, 1);
    assert!(store.run(&"nobody".into()).await.unwrap().is_none());
}

async fn a_step_from_an_old_version_changes_nothing(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let old = claimed(&store, "run1", "1", 10).await;
    let new = step(&store, &old, started(&old.run), 11).await.unwrap();
    let events = store.events_of(&"run1".into(), 100).await.unwrap();
    let error = step(&store, &old, Input::IssueLeft(Left::Gone), 12).await.unwrap_err();
    assert_eq!(error, Error::Outdated { what: "the run" });
    assert_eq!(store.run(&"run1".into()).await.unwrap().unwrap(), new);
    assert_eq!(store.events_of(&"run1".into(), 100).await.unwrap(), events);
    assert_eq!(store.owed_effects().await.unwrap(), 1);
}

async fn an_issue_is_claimed_once_whoever_races(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let racers = (0..8).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            // No guards: the index alone must hold.
            let step = claim(&issue("1"), &format!("run{n}"), None, &Default::default(), 0, 10).unwrap();
            let commit =
                Commit { step: &step, base: Base::New, guards: None, effect: None, now: Timestamp(10) };
            store.commit_step(commit).await
        })
    });
    let mut won = 0;
    for racer in racers.collect::<Vec<_>>() {
        match racer.await.unwrap() {
            Ok(_) => won += 1,
            Err(error) => assert_eq!(error, Error::Outdated { what: "the run" }),
        }
    }
    assert_eq!((won, store.open_runs().await.unwrap().len()), (1, 1));
    assert_eq!(store.owed_effects().await.unwrap(), 1);
}

async fn slots_are_not_overrun_by_decisions_made_at_once(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let racers = (0..6).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            loop {
                let facts = store.start_facts(&"shop".into()).await.unwrap();
                let (name, number) = (format!("run{n}"), n.to_string());
                let live = live(&store).await;
                let Ok(step) = claim(&issue(&number), &name, None, &facts.containments, live, 10) else {
                    return false;
                };
                let guards = Some(&facts.guards);
                let commit =
                    Commit { step: &step, base: Base::New, guards, effect: None, now: Timestamp(10) };
                match store.commit_step(commit).await {
                    Ok(_) => return true,
                    Err(error) => assert_eq!(error, Error::Outdated { what: "the project's claims" }),
                }
            }
        })
    });
    let mut started = 0;
    for racer in racers.collect::<Vec<_>>() {
        started += u32::from(racer.await.unwrap());
    }
    assert_eq!((started, live(&store).await), (2, 2));
}

async fn a_start_decided_before_an_order_is_refused_after_it(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let facts = store.start_facts(&"shop".into()).await.unwrap();
    let step = claim(&issue("1"), "run1", None, &facts.containments, 0, 10).unwrap();
    store.merge_containment(&order("team/pay", 1)).await.unwrap();
    let guards = Some(&facts.guards);
    let commit = Commit { step: &step, base: Base::New, guards, effect: None, now: Timestamp(10) };
    let error = store.commit_step(commit).await.unwrap_err();
    assert_eq!(error, Error::Outdated { what: "a containment" });
    assert!(store.open_runs().await.unwrap().is_empty());
}

async fn the_prior_run_tells_when_it_was_settled(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let prior = async || store.prior(&"shop".into(), &"1".into(), &Default::default()).await.unwrap();
    assert_eq!(prior().await, None);
    let run = claimed(&store, "run1", "1", 10).await;
    let open = prior().await.unwrap();
    assert_eq!((open.run.as_str(), open.outcome, open.settled_at), ("run1", None, None));
    step(&store, &run, Input::IssueLeft(Left::Over("Done".into())), 20).await.unwrap();
    let ended = prior().await.unwrap();
    assert_eq!((ended.outcome.unwrap().name(), ended.settled_at), ("cancelled", None));
    for (performed, claimed) in store.claim_effects("me", 10, LEASE).await.unwrap().into_iter().enumerate() {
        let now = Timestamp(30 + i64::try_from(performed).unwrap());
        store.finish_effect(&claimed.lease, store::step::Ending::Done, now).await.unwrap();
    }
    let last = store.effects_of(&"run1".into(), 10).await.unwrap().last().unwrap().done_at;
    assert_eq!(prior().await.unwrap().settled_at, last);
    assert_eq!(store.owed_effects().await.unwrap(), 0);
}

async fn a_stopped_run_is_prior_until_its_order_is_lifted(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let run = claimed(&store, "run1", "1", 10).await;
    let stop = order("project/shop", 1);
    store.contain(&stop, 0).await.unwrap();
    step(&store, &run, Input::Contained(stop.order.clone()), 20).await.unwrap();
    let prior = async || {
        let containments = store.containments().await.unwrap();
        store.prior(&"shop".into(), &"1".into(), &containments).await.unwrap().unwrap()
    };
    assert!(!prior().await.lifted);
    store.contain(&lifted(&stop, 2), 1).await.unwrap();
    assert!(prior().await.lifted);
}

async fn runs_are_found_by_either_end_of_their_name(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    for (n, name) in ["abc1", "abd2", "x%y_"].into_iter().enumerate() {
        claimed(&store, name, &n.to_string(), 10).await;
    }
    for (part, name) in [("abc1", "abc1"), ("abd", "abd2"), ("1", "abc1"), ("x%", "x%y_"), ("_", "x%y_")] {
        match store.find_run(part).await.unwrap() {
            Found::One(found) => assert_eq!(found.run.id.as_str(), name, "{part}"),
            other => panic!("{part}: {other:?}"),
        }
    }
    assert!(matches!(store.find_run("ab").await.unwrap(), Found::Several(runs) if runs.len() == 2));
    for nothing in ["", "ABC", "c1x", "%", "bc"] {
        assert_eq!(store.find_run(nothing).await.unwrap(), Found::Nothing, "{nothing:?}");
    }
}

async fn runs_are_listed_in_pages_newest_first(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    for n in 0..5i64 {
        let run = claimed(&store, &format!("run{n}"), &n.to_string(), 10 + n / 2).await;
        if n == 3 {
            step(&store, &run, Input::IssueLeft(Left::Gone), 20).await.unwrap();
        }
        store.reserve_call(&call(&format!("call{n}"), &run.run, 3), &[]).await.ok();
    }
    let list = async |filter: &Filter| {
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let (lines, next) = store.list_runs(filter, after.as_ref(), 2).await.unwrap();
            names.extend(lines.into_iter().map(|line| (line.stored.run.id.to_string(), line.spend.calls)));
            match next {
                // What a client sends back.
                Some(cursor) => after = Some(cursor.to_string().parse().unwrap()),
                None => return names,
            }
        }
    };
    let all = [("run4", 1), ("run3", 0), ("run2", 1), ("run1", 1), ("run0", 1)];
    assert_eq!(list(&Filter::default()).await, all.map(|(name, calls)| (name.to_owned(), calls)));
    let open = list(&Filter { open_only: true, ..Filter::default() }).await;
    assert_eq!(open.len(), 4);
    let of_issue = list(&Filter { issue: Some("2".into()), ..Filter::default() }).await;
    assert_eq!(of_issue, [("run2".to_owned(), 1)]);
    assert!(list(&Filter { project: Some("other".into()), ..Filter::default() }).await.is_empty());
    assert!(list(&Filter { parent: Some("run1".into()), ..Filter::default() }).await.is_empty());
}

async fn starts_that_were_decided_together_are_kept_together(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let facts = store.start_facts(&"shop".into()).await.unwrap();
    let start = |name: &str, number: &str| {
        let step = claim(&issue(number), name, None, &facts.containments, 0, 10).unwrap();
        Start { step, base: Base::New }
    };
    let both = [start("run1", "1"), start("run2", "2")];
    assert_eq!(store.commit_starts(&both, &facts.guards, Timestamp(10)).await.unwrap(), [1, 1]);
    let stale = store.commit_starts(&[start("run3", "3")], &facts.guards, Timestamp(10)).await.unwrap_err();
    assert_eq!(stale, Error::Outdated { what: "the project's claims" });
    // The second is claimed already: the first is not kept either.
    let guards = store.start_facts(&"shop".into()).await.unwrap().guards;
    let half = [start("run4", "4"), start("run5", "2")];
    assert!(matches!(store.commit_starts(&half, &guards, Timestamp(10)).await, Err(Error::Outdated { .. })));
    assert_eq!(live(&store).await, 2);
    assert_eq!(store.claim_effects("me", 10, LEASE).await.unwrap().len(), 2);
}

async fn the_prior_run_is_the_open_one_when_a_clock_was_set_back(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let prior = async || store.prior(&"shop".into(), &"1".into(), &Default::default()).await.unwrap();
    let run = claimed(&store, "run1", "1", 1_000).await;
    step(&store, &run, Input::IssueLeft(Left::Gone), 1_001).await.unwrap();
    claimed(&store, "run2", "1", 10).await;
    assert_eq!(prior().await.unwrap().run.as_str(), "run2");
}
