//! Calls whose gateway was lost: nobody settles them any more, so we do.
//!
//! Invariant: a lost call is settled at its whole reservation. Whether the provider billed it is not known, and
//! a budget is a promise.

use base::clock::Clock;
use base::tasks::Tasks;
use domain::Timestamp;
use domain::call::{Call, Status};
use gateway::Limits;
use std::time::Duration;
use store::Store;

/// Calls settled in one go; the rest in the next.
const PAGE: u32 = 500;
/// How often calls are looked for whose gateway, perhaps another machine's, was lost.
const LOOK: Duration = Duration::from_secs(600);
/// Beyond a gateway's own limits: what it may need to settle, and how far two machines' clocks may differ.
const GRACE: Duration = Duration::from_secs(300);

/// Settles what an earlier process left open, before this one's gateway makes calls. `only` says that no other
/// gateway works on this store: then every open call is lost.
pub(super) async fn settle_at_start(store: &Store, clock: &Clock, only: bool) -> Result<(), store::Error> {
    let now = Timestamp(clock.now_us());
    let before = if only { Timestamp(i64::MAX) } else { oldest_alive(now, &Limits::default()) };
    settle(store, before, now).await
}

/// Goes on looking for lost calls until `tasks` are drained.
pub(super) fn watch(store: Store, clock: Clock, tasks: &Tasks) {
    let over = tasks.token();
    tasks.spawn("settle lost calls", async move {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = over.cancelled() => return,
            }
            let now = Timestamp(clock.now_us());
            if let Err(error) = settle(&store, oldest_alive(now, &Limits::default()), now).await {
                tracing::warn!(
                    error = base::error::chain(&error),
                    "cannot settle lost calls; tried again later"
                );
            }
        }
    });
}

/// A call that came in before this instant and is still open has no gateway any more.
fn oldest_alive(now: Timestamp, limits: &Limits) -> Timestamp {
    let longest = limits.connect_time + limits.answer_time + limits.stream_time + limits.drain_time + GRACE;
    Timestamp(now.0.saturating_sub(i64::try_from(longest.as_micros()).unwrap_or(i64::MAX)))
}

/// One call that cannot be settled keeps its reservation and holds nobody up.
async fn settle(store: &Store, before: Timestamp, now: Timestamp) -> Result<(), store::Error> {
    loop {
        let open = store.open_calls(before, PAGE).await?;
        let (found, mut settled) = (open.len(), 0);
        for lost in open {
            let (call, run, cost) =
                (lost.call.id.clone(), lost.call.identity.run.clone(), lost.call.reserved);
            match store.settle_lost(lost, |call| end(call, now)).await {
                Ok(_) => {
                    settled += 1;
                    tracing::warn!(%call, %run, %cost, "a call's gateway was lost; it counts as spent in full");
                }
                Err(error) => {
                    let error = base::error::chain(&error);
                    tracing::error!(%call, %run, error, "a lost call cannot be settled; its reservation stands");
                }
            }
        }
        if found < PAGE as usize || settled == 0 {
            return Ok(());
        }
    }
}

fn end(call: &mut Call, now: Timestamp) {
    call.status = Status::Broken;
    call.cost = call.reserved;
    call.error = Some("the gateway was lost; counted as spent in full".to_owned());
    call.ended_at = Some(now);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_given_its_longest_life_before_it_counts_as_lost() {
        let now = Timestamp(100_000_000_000);
        let longest_s = 10 + 600 + 3600 + 10 + 300;
        assert_eq!(oldest_alive(now, &Limits::default()), Timestamp(now.0 - longest_s * 1_000_000));
    }
}
