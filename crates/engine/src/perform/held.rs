//! The effects that this process is performing right now.
//!
//! A lease that ended is no proof that its performer is lost: a machine that slept, or a database that stood still,
//! ends every lease at once. What is held here is still being performed and will be renewed or let go by whoever
//! performs it.

use domain::EffectId;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Clones share the set.
#[derive(Clone, Default)]
pub(crate) struct Held(Arc<Mutex<HashSet<EffectId>>>);

/// An effect's place in the set; dropping it, also in a panic, leaves the set.
pub(crate) struct Hold {
    held: Held,
    effect: EffectId,
}

impl Held {
    pub(super) fn enter(&self, effect: EffectId) -> Hold {
        self.change(|held| held.insert(effect.clone()));
        Hold { held: self.clone(), effect }
    }

    pub(super) fn contains(&self, effect: &EffectId) -> bool {
        self.change(|held| held.contains(effect))
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashSet<EffectId>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.held.change(|held| held.remove(&self.effect));
    }
}
