//! What follows the end of a call: its bodies get their names, its money is booked, its bodies are kept.
//!
//! Invariant: the money comes before the files, so that the next call of the run sees it as soon as can be.

use crate::blob::{Blob, Pieces};
use crate::gateway::Shared;
use domain::budget::Account;
use domain::call::Call;
use std::sync::Arc;
use std::time::Duration;

/// Tries to settle before a reservation is left to stand; together about six seconds.
const SETTLE_TRIES: u32 = 7;
/// The wait after the first; doubles.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// A call that has ended, and what is left to do for it.
pub(crate) struct Settlement {
    pub(crate) shared: Arc<Shared>,
    pub(crate) call: Call,
    pub(crate) accounts: Vec<Account>,
    pub(crate) request: Pieces,
    pub(crate) response: Pieces,
}

impl Settlement {
    /// Begins to settle, as a task that the gateway's tasks wait for.
    pub(crate) fn start(self) {
        // Without a runtime the process is ending; what is not settled stays reserved.
        if tokio::runtime::Handle::try_current().is_ok() {
            let shared = Arc::clone(&self.shared);
            shared.settling.send_modify(|count| *count += 1);
            shared.tasks.spawn("settle a call", self.run());
        }
    }

    async fn run(mut self) {
        let (request, response) = (self.request, self.response);
        let named = match self.shared.config.blobs {
            Some(_) => tokio::task::spawn_blocking(|| [request.into_blob(), response.into_blob()]).await,
            None => Ok([None, None]),
        };
        let blobs = named.unwrap_or_default();
        let name = |blob: &Option<Blob>| blob.as_ref().map(|blob| blob.name.clone());
        (self.call.request_blob, self.call.response_blob) = (name(&blobs[0]), name(&blobs[1]));
        settle(&self.shared, &self.call, &self.accounts).await;
        self.shared.settling.send_modify(|count| *count -= 1);
        keep(&self.shared, &self.call, blobs).await;
    }
}

async fn settle(shared: &Shared, call: &Call, accounts: &[Account]) {
    let mut wait = FIRST_WAIT;
    for tried in 1..=SETTLE_TRIES {
        match shared.ledger.settle(call, accounts).await {
            Ok(()) => return,
            Err(error) if tried == SETTLE_TRIES => {
                tracing::error!(call = %call.id, %error, "a call is not settled; its reservation stands");
            }
            Err(_) => tokio::time::sleep(wait).await,
        }
        wait *= 2;
    }
}

async fn keep(shared: &Shared, call: &Call, blobs: [Option<Blob>; 2]) {
    let Some(dir) = shared.config.blobs.clone() else { return };
    let written =
        tokio::task::spawn_blocking(move || blobs.iter().flatten().try_for_each(|blob| blob.keep(&dir)));
    if let Ok(Err(error)) = written.await {
        tracing::warn!(call = %call.id, %error, "the bodies of a call could not be kept");
    }
}
