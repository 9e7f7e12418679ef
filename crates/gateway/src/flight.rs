//! The calls that are open now, so that an order can cut them.
//!
//! Invariant: a call enters here before it asks the containments for the last time, and an order reaches the
//! containments before it looks here; so no call slips between.

use domain::containment::{Containments, Denied, Identity, Scope};
use domain::{CallId, Epoch};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Every open call of this process.
#[derive(Debug)]
pub(crate) struct Flights {
    open: Mutex<BTreeMap<CallId, Entry>>,
    landed: watch::Sender<()>,
}

#[derive(Debug)]
struct Entry {
    identity: Identity,
    epoch: Epoch,
    cut: CancellationToken,
    /// Set once the answer is on its way: from then on only the whole connection can be broken at once, even
    /// when its client does not read.
    connection: Option<CancellationToken>,
}

/// One open call; leaves the registry when dropped.
#[derive(Debug)]
pub(crate) struct Flight {
    flights: Arc<Flights>,
    id: CallId,
    cut: CancellationToken,
}

impl Flights {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { open: Mutex::default(), landed: watch::Sender::new(()) })
    }

    /// Registers the call `id`.
    pub(crate) fn enter(self: &Arc<Self>, id: CallId, identity: Identity, epoch: Epoch) -> Flight {
        let cut = CancellationToken::new();
        let entry = Entry { identity, epoch, cut: cut.clone(), connection: None };
        self.open().insert(id.clone(), entry);
        Flight { flights: Arc::clone(self), id, cut }
    }

    /// Cuts every call that `containments` deny; answers with each denial.
    pub(crate) fn cut(&self, containments: &Containments) -> Vec<Denied> {
        let mut denials = Vec::new();
        for entry in self.open().values().filter(|entry| !entry.cut.is_cancelled()) {
            if let Err(denied) = containments.admit(&entry.identity, entry.epoch) {
                entry.cut.cancel();
                entry.connection.iter().for_each(CancellationToken::cancel);
                denials.push(denied);
            }
        }
        denials
    }

    /// Waits at most `patience` until no call that `scope` covers is open; answers how many still are.
    pub(crate) async fn clear(&self, scope: &Scope, patience: Duration) -> usize {
        let mut landed = self.landed.subscribe();
        let gone = async {
            while self.covered(scope) > 0 {
                // The sender lives as long as `self`.
                let _ = landed.changed().await;
            }
        };
        let _ = tokio::time::timeout(patience, gone).await;
        self.covered(scope)
    }

    fn covered(&self, scope: &Scope) -> usize {
        self.open().values().filter(|entry| entry.identity.scopes().contains(scope)).count()
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<CallId, Entry>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// Whether an order cut this call.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.is_cancelled()
    }

    /// Waits until an order cuts this call.
    pub(crate) fn cut(&self) -> CancellationToken {
        self.cut.clone()
    }

    /// From here on a cut breaks `connection`. False when the cut came first.
    pub(crate) fn streams_over(&self, connection: &CancellationToken) -> bool {
        if let Some(entry) = self.flights.open().get_mut(&self.id) {
            entry.connection = Some(connection.clone());
        }
        !self.is_cut()
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.open().remove(&self.id);
        self.flights.landed.send_replace(());
    }
}
