//! The effects that this process is performing right now.
//!
//! What this engine claimed and is not among them was lost sight of: its task panicked, or the answer to its claim or to
//! its end never came.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use store::effect::Lease;

/// Clones share the set.
#[derive(Clone, Default)]
pub(crate) struct Held(Arc<Mutex<HashSet<Lease>>>);

/// An effect's place in the set; dropping it, also in a panic, leaves the set.
pub(crate) struct Hold {
    held: Held,
    lease: Lease,
}

impl Held {
    pub(super) fn enter(&self, lease: Lease) -> Hold {
        self.change(|held| held.insert(lease.clone()));
        Hold { held: self.clone(), lease }
    }

    pub(super) fn contains(&self, lease: &Lease) -> bool {
        self.change(|held| held.contains(lease))
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashSet<Lease>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.held.change(|held| held.remove(&self.lease));
    }
}
