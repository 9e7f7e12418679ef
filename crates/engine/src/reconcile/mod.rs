//! Compares what is wanted with what is, again and again; takes no input but the clock and a wake-up.

mod issues;
mod runs;

use crate::order::Error;
use crate::perform::Unseen;
use crate::{Engine, kill_plane};
use domain::Timestamp;
use std::time::Duration;

/// The shortest time between two looks at what may start; wake-ups in between are taken together.
const SHORTEST: Duration = Duration::from_millis(25);
/// How often waiting runs and lost effects are looked for without a wake-up.
const RUNS_TICK: Duration = Duration::from_millis(500);
/// How often this engine looks for what it claimed and does not perform. It takes a mistake or a lost answer to happen.
const UNSEEN_TICK: Duration = Duration::from_secs(10);
/// How often an order that is not proven is asked again.
const ORDERS_TICK: Duration = Duration::from_secs(2);
/// How long an order that the kill plane has may be on its way to the store, microseconds.
const ON_ITS_WAY_US: i64 = 10_000_000;

impl Engine {
    /// Takes waiting runs up when they are due, ends what lost its reason, takes up lost effects.
    pub(crate) async fn reconcile_runs_forever(&self) {
        let over = self.0.tasks.token();
        let mut due = self.0.due.listen();
        let (mut unseen, mut looked) = (Unseen::default(), tokio::time::Instant::now());
        while !over.is_cancelled() {
            if let Err(error) = self.reconcile_runs().await {
                tracing::error!(error = base::error::chain(&error), "cannot reconcile runs");
            }
            if looked.elapsed() >= UNSEEN_TICK {
                looked = tokio::time::Instant::now();
                if let Err(error) = self.disown_unseen(&mut unseen).await {
                    tracing::error!(
                        error = base::error::chain(&error),
                        "cannot look for what nobody performs"
                    );
                }
            }
            tokio::select! {
                () = tokio::time::sleep(RUNS_TICK) => {}
                () = due.woken() => tokio::time::sleep(SHORTEST).await,
                () = over.cancelled() => {}
            }
        }
    }

    /// Brings the orders of the store and of this machine's kill plane together, and asks again for what is not proven.
    pub(crate) async fn reconcile_orders_forever(&self) {
        let over = self.0.tasks.token();
        loop {
            tokio::select! {
                () = tokio::time::sleep(ORDERS_TICK) => {}
                () = over.cancelled() => return,
            }
            match self.reconcile_orders().await {
                // Who keeps the kill plane alive has said so.
                Ok(()) | Err(Error::KillPlane(kill_plane::Error::Down(_))) => {}
                Err(error) => {
                    let error = base::error::chain(&error);
                    tracing::warn!(
                        error,
                        "cannot bring the orders of the store and of the kill plane together"
                    );
                }
            }
        }
    }

    async fn reconcile_orders(&self) -> Result<(), Error> {
        let given_before = Timestamp(self.now().0.saturating_sub(ON_ITS_WAY_US));
        self.prove_again().await?;
        self.adopt_tombstones(given_before).await?;
        self.hand_down_orders().await
    }
}
