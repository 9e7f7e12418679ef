//! The gateway itself: what it holds, and how it starts.

use crate::config::{Config, Problem};
use crate::containment::{self, Guard};
use crate::flight::Flights;
use crate::identity::Tokens;
use crate::ledger::{Ledger, Unavailable};
use crate::upstream::Upstream;
use base::clock::Clock;
use base::ids::Ids;
use base::tasks::Tasks;
use domain::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Admits, forwards, meters and cuts model calls. Cheap to clone; clones are the same gateway.
#[derive(Clone)]
pub struct Gateway {
    pub(crate) shared: Arc<Shared>,
}

/// Why the gateway does not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] Problem),
    /// What is contained is not known, so nothing may be admitted.
    #[error("the gateway cannot start without knowing what is contained")]
    Containments(#[source] Unavailable),
}

/// What every part of the gateway uses.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) tasks: Tasks,
    pub(crate) upstream: Upstream,
    pub(crate) tokens: Tokens,
    pub(crate) guard: Guard,
    pub(crate) flights: Arc<Flights>,
    /// Calls that have ended and are not settled yet.
    pub(crate) settling: watch::Sender<usize>,
}

impl Gateway {
    /// Checks `config`, reads what is contained, and starts to watch for orders. Its background work belongs to
    /// `tasks`: draining them ends it, after every ended call was settled.
    pub async fn new(
        config: Config,
        ledger: Arc<dyn Ledger>,
        clock: Clock,
        ids: Ids,
        tasks: Tasks,
    ) -> Result<Self, Error> {
        config.check()?;
        let upstream = Upstream::new(&config)?;
        let contained = ledger.containments().await.map_err(Error::Containments)?;
        let shared = Arc::new(Shared {
            config,
            ledger,
            clock,
            ids,
            tasks,
            upstream,
            tokens: Tokens::default(),
            guard: Guard::new(contained),
            flights: Flights::new(),
            settling: watch::Sender::new(0),
        });
        containment::start(&shared);
        Ok(Self { shared })
    }
}

impl Shared {
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.clock.now_us())
    }

    /// Waits at most `patience` until every ended call is settled. False when there was none to wait for.
    pub(crate) async fn settled(&self, patience: Duration) -> bool {
        let mut settling = self.settling.subscribe();
        if *settling.borrow_and_update() == 0 {
            return false;
        }
        let _ = tokio::time::timeout(patience, settling.wait_for(|&count| count == 0)).await;
        true
    }
}
