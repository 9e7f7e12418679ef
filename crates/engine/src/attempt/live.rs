//! The attempts that live in this process, so that an order or a person can reach them.

use super::telemetry::Telemetry;
use crate::runs::Runs;
use base::secret::Secret;
use domain::containment::{Identity, Scope};
use domain::{Fence, RunId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Every live attempt; clones share them.
#[derive(Clone)]
pub(crate) struct LiveAttempts(Arc<Shared>);

struct Shared {
    entries: Mutex<HashMap<(RunId, Fence), Entry>>,
    count: watch::Sender<usize>,
}

struct Entry {
    identity: Identity,
    token: Secret,
    interrupt: CancellationToken,
    cancel: CancellationToken,
    telemetry: Arc<Mutex<Telemetry>>,
}

/// An attempt's place in the list; dropping it leaves the list.
pub(crate) struct Place {
    attempts: LiveAttempts,
    key: (RunId, Fence),
    /// Cancelled to have the agent end politely.
    pub(crate) interrupt: CancellationToken,
    /// Cancelled to have the agent killed.
    pub(crate) cancel: CancellationToken,
    /// What it reported.
    pub(crate) telemetry: Arc<Mutex<Telemetry>>,
}

impl Default for LiveAttempts {
    fn default() -> Self {
        Self(Arc::new(Shared { entries: Mutex::default(), count: watch::channel(0).0 }))
    }
}

impl LiveAttempts {
    /// Enters an attempt.
    pub(crate) fn enter(&self, identity: Identity, fence: Fence, token: Secret) -> Place {
        let (interrupt, cancel) = (CancellationToken::new(), CancellationToken::new());
        let key = (identity.run.clone(), fence);
        let telemetry = Arc::<Mutex<Telemetry>>::default();
        let entry = Entry {
            identity,
            token,
            interrupt: interrupt.clone(),
            cancel: cancel.clone(),
            telemetry: telemetry.clone(),
        };
        self.change(|entries| _ = entries.insert(key.clone(), entry));
        Place { attempts: self.clone(), key, interrupt, cancel, telemetry }
    }

    /// Interrupts every attempt that `scope` covers. The future resolves when they have left.
    pub(crate) fn interrupt(&self, scope: &Scope) -> impl Future<Output = ()> + use<> {
        let mut reached = vec![];
        self.change(|entries| {
            for (key, entry) in entries.iter() {
                if entry.identity.scopes().contains(scope) {
                    entry.interrupt.cancel();
                    reached.push(key.clone());
                }
            }
        });
        let (attempts, mut count) = (self.clone(), self.0.count.subscribe());
        async move {
            let gone = |attempts: &Self| {
                let entries = attempts.0.entries.lock().unwrap_or_else(PoisonError::into_inner);
                !reached.iter().any(|key| entries.contains_key(key))
            };
            while !gone(&attempts) {
                if count.changed().await.is_err() {
                    return;
                }
            }
        }
    }

    /// Kills one attempt's agent, if it lives here.
    pub(crate) fn cancel(&self, run: &RunId, fence: Fence) {
        self.change(|entries| {
            if let Some(entry) = entries.get(&(run.clone(), fence)) {
                entry.cancel.cancel();
            }
        });
    }

    /// Whether any attempt of `run` lives here.
    pub(crate) fn has(&self, run: &RunId) -> bool {
        let entries = self.0.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.keys().any(|(live, _)| live == run)
    }

    /// Ends those that live here and whose claim is over: the one that was owed their end may have been performed by
    /// another machine, which cannot reach them.
    pub(crate) fn end_stale(&self, runs: &Runs) {
        let entries = self.0.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let stale = runs.over(entries.keys());
        drop(entries);
        for (run, fence) in stale {
            self.cancel(&run, fence);
        }
    }

    /// The tokens of the attempts that `scope` covers.
    pub(crate) fn tokens(&self, scope: &Scope) -> Vec<(RunId, Secret)> {
        let entries = self.0.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let covered = entries.values().filter(|entry| entry.identity.scopes().contains(scope));
        covered.map(|entry| (entry.identity.run.clone(), entry.token.clone())).collect()
    }

    /// What each reported so far.
    pub(crate) fn telemetry(&self) -> Vec<(RunId, Telemetry)> {
        let entries = self.0.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let told = |entry: &Entry| entry.telemetry.lock().unwrap_or_else(PoisonError::into_inner).clone();
        entries.iter().map(|((run, _), entry)| (run.clone(), told(entry))).collect()
    }

    /// How many live here.
    pub(crate) fn len(&self) -> usize {
        *self.0.count.borrow()
    }

    fn change(&self, change: impl FnOnce(&mut HashMap<(RunId, Fence), Entry>)) {
        let mut entries = self.0.entries.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut entries);
        self.0.count.send_replace(entries.len());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.attempts.change(|entries| _ = entries.remove(&self.key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(run: &str, team: &str) -> Identity {
        Identity { run: run.into(), agent: "author".into(), team: team.into(), project: "shop".into() }
    }

    fn enter(attempts: &LiveAttempts, run: &str, team: &str) -> Place {
        attempts.enter(identity(run, team), Fence(1), Secret::new("t"))
    }

    #[tokio::test]
    async fn an_interrupt_reaches_the_scope_and_waits_for_it_alone() {
        let attempts = LiveAttempts::default();
        let (mine, other) = (enter(&attempts, "a", "pay"), enter(&attempts, "b", "web"));
        let left = attempts.interrupt(&Scope::Team("pay".into()));
        assert!(mine.interrupt.is_cancelled() && !other.interrupt.is_cancelled());
        assert_eq!(attempts.tokens(&Scope::All).len(), 2);
        drop(mine);
        left.await;
        assert_eq!(attempts.len(), 1);
    }

    #[test]
    fn only_the_named_claim_is_cancelled() {
        let attempts = LiveAttempts::default();
        let place = attempts.enter(identity("a", "pay"), Fence(2), Secret::new("t"));
        attempts.cancel(&"a".into(), Fence(1));
        assert!(!place.cancel.is_cancelled());
        attempts.cancel(&"a".into(), Fence(2));
        assert!(place.cancel.is_cancelled());
    }
}
