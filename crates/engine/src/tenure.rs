//! The one engine of a database.
//!
//! What an author left lies in a folder of the machine that worked on it, so two engines on one database would
//! take each other's work up and find nothing. Until effects know their machine, the first engine holds a lease
//! and the others stand by: they start when it ends, and take up what it held.
//!
//! Invariants: an engine that may have lost the lease ends its agents before it can be anybody else's, as far as its clock
//! runs; one that sleeps through that writes nothing of runs and effects afterwards, because each write is conditional on
//! the lease's epoch.

use crate::Engine;
use domain::Millis;
use std::path::Path;
use std::time::Duration;
use store::Store;
use store::lease::{Fence, Tenure};
use tokio_util::sync::CancellationToken;

const NAME: &str = "engine";
/// How long an engine that shows no sign of life keeps others waiting.
pub(crate) const LIFE: Millis = Millis::seconds(15);
/// How often it shows one.
const RENEW: Duration = Duration::from_secs(4);
/// The wait after a sign of life that the store refused to take.
const AGAIN: Duration = Duration::from_secs(1);
/// How long after the last sign of life was sent an engine gives up: the rest of [`LIFE`] is for its agents to end.
const GIVE_UP: Duration = Duration::from_secs(11);
/// How often one that stands by asks.
const ASK: Duration = Duration::from_secs(1);
/// Below the state folder: this installation's name as a holder, the same over restarts, so that a daemon that was
/// killed need not wait for its own lease.
const HOLDER_FILE: &str = "engine.id";

/// The lease, held.
#[derive(Debug)]
pub(crate) struct Held {
    holder: String,
    epoch: u64,
    /// When it was asked for.
    since: tokio::time::Instant,
    /// Cancelled when it may be somebody else's.
    pub(crate) lost: CancellationToken,
}

/// This installation's name; made once.
pub(crate) fn holder(state_dir: &Path, fresh: impl FnOnce() -> String) -> std::io::Result<String> {
    let file = state_dir.join(HOLDER_FILE);
    match std::fs::read_to_string(&file) {
        Ok(known) if !known.trim().is_empty() => Ok(known.trim().to_owned()),
        Ok(_) | Err(_) => {
            let name = fresh();
            base::files::write_atomic(&file, name.as_bytes(), 0o600)?;
            Ok(name)
        }
    }
}

/// Waits until the lease is ours.
pub(crate) async fn acquire(store: &Store, holder: String) -> Result<Held, store::Error> {
    let mut told = false;
    loop {
        let since = tokio::time::Instant::now();
        match store.acquire_lease(NAME, &holder, LIFE).await? {
            Tenure::Ours { epoch } => {
                return Ok(Held { holder, epoch, since, lost: CancellationToken::new() });
            }
            Tenure::Theirs { holder: other } => {
                if !told {
                    tracing::warn!(other, "another daemon works on this database; standing by to take over");
                    told = true;
                }
                tokio::time::sleep(ASK).await;
            }
        }
    }
}

impl Held {
    /// What its engine writes under.
    pub(crate) fn fence(&self) -> Fence {
        Fence { name: NAME, holder: self.holder.clone(), epoch: self.epoch }
    }
}

impl Engine {
    /// Shows signs of life until the engine is drained. When the lease may be lost, every attempt is ended: a
    /// second engine may be starting them anew.
    pub(crate) async fn keep_tenure(&self) {
        let over = self.0.tasks.token();
        let tenure = &self.0.tenure;
        // Counted from when each was sent: the answer may come much later.
        let mut renewed = tenure.since;
        let mut next = renewed + RENEW;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = over.cancelled() => return,
            }
            let sent = tokio::time::Instant::now();
            let asked = self.0.store.renew_lease(NAME, &tenure.holder, tenure.epoch, LIFE);
            // After a machine slept the time is up before it is asked; the answer still tells.
            let until = (renewed + GIVE_UP).max(sent + AGAIN);
            match tokio::time::timeout_at(until, asked).await {
                Ok(Ok(true)) => (renewed, next) = (sent, sent + RENEW),
                Ok(Ok(false)) => return self.lose_tenure("another daemon took over"),
                Ok(Err(_)) if sent + AGAIN < renewed + GIVE_UP => next = sent + AGAIN,
                Ok(Err(_)) | Err(_) => return self.lose_tenure("the store did not answer for too long"),
            }
        }
    }

    /// Lets a successor start at once. Only when everything here has ended.
    pub(crate) async fn end_tenure(&self) {
        let tenure = &self.0.tenure;
        if let Err(error) = self.0.store.release_lease(NAME, &tenure.holder, tenure.epoch).await {
            tracing::warn!(error = base::error::chain(&error), "the lease of this engine ends by itself");
        }
    }

    pub(crate) fn lose_tenure(&self, why: &str) {
        if self.0.tenure.lost.is_cancelled() {
            return;
        }
        tracing::error!(why, "this is no longer the engine of its database; every attempt here is ended");
        self.0.tenure.lost.cancel();
        self.0.tasks.token().cancel();
    }

    /// Resolves when this is no longer the engine of its database: the daemon must end.
    pub async fn lost(&self) {
        self.0.tenure.lost.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_keeps_its_name_over_restarts() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(holder(dir.path(), || "first".into()).unwrap(), "first");
        assert_eq!(holder(dir.path(), || "second".into()).unwrap(), "first");
    }

    #[tokio::test]
    async fn the_second_engine_waits_until_the_first_lets_go() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", dir.path().join("s.db").display())).await.unwrap();
        let first = acquire(&store, "a".into()).await.unwrap();
        let second = acquire(&store, "b".into());
        tokio::pin!(second);
        assert!(tokio::time::timeout(Duration::from_millis(50), &mut second).await.is_err());
        store.release_lease(NAME, &first.holder, first.epoch).await.unwrap();
        assert_eq!(second.await.unwrap().epoch, 2);
    }
}
