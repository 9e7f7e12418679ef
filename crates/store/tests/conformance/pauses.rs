//! Pauses: the first word counts, and a resumed project is as if it had never been paused.

use crate::on_both_engines;
use crate::support::Fresh;
use crate::support::facts::{claim, issue, live, step};
use domain::run::{AttemptEnd, Input, Spent};
use domain::{Fence, Millis, Timestamp};
use store::Store;
use store::pause::Pause;
use store::run::{Base, Totals};
use store::step::Commit;

on_both_engines!(
    a_pause_keeps_its_first_reason_until_it_is_taken_back,
    what_agents_reported_is_summed_over_runs_and_attempts,
);

async fn a_pause_keeps_its_first_reason_until_it_is_taken_back(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    let shop = "shop".into();
    let pause = |reason: &str, at| Pause { reason: reason.into(), actor: "ana".into(), at: Timestamp(at) };
    assert!(store.pause(&shop, &pause("a freeze", 5)).await.unwrap());
    assert!(!store.pause(&shop, &pause("another", 6)).await.unwrap());
    assert_eq!(store.pauses().await.unwrap()[&shop], pause("a freeze", 5));
    assert!(store.resume(&shop, "ben", Timestamp(7)).await.unwrap());
    assert!(!store.resume(&shop, "eve", Timestamp(8)).await.unwrap());
    assert!(store.pauses().await.unwrap().is_empty());
    assert!(store.pause(&shop, &pause("again", 9)).await.unwrap());
    let told = store.pause_records(10).await.unwrap();
    assert_eq!((told[0].pause.reason.as_str(), &told[0].ended), ("again", &None));
    assert_eq!(told[1].ended, Some(("ben".to_owned(), Timestamp(7))));
}

async fn what_agents_reported_is_summed_over_runs_and_attempts(fresh: &Fresh) {
    let store = Store::open(&fresh.url).await.unwrap();
    for (number, (input, output, ran)) in [(100, 20, 1_500), (7, 3, 500)].into_iter().enumerate() {
        let (issue, name) = (issue(&number.to_string()), format!("run{number}"));
        let none = domain::containment::Containments::default();
        let claimed = claim(&issue, &name, None, &none, 0, 10).unwrap();
        let commit =
            Commit { step: &claimed, base: Base::New, guards: None, effect: None, now: Timestamp(10) };
        store.commit_step(commit).await.unwrap();
        let stored = store.run(&name.as_str().into()).await.unwrap().unwrap();
        let tokens = domain::call::Usage { input, output, ..Default::default() };
        let end = AttemptEnd::Finished { summary: "done".into(), review: None };
        let spent = Spent { tokens, ran: Millis(ran) };
        let input = Input::AttemptEnded { fence: Fence(1), end, spent };
        step(&store, &stored, input, 20).await.unwrap();
    }
    assert_eq!(store.totals().await.unwrap(), Totals { input: 107, output: 23, ran: Millis(2_000) });
    assert_eq!(live(&store).await, 0);
}
