//! Every containment at once, and what it denies.

use super::{Containment, Identity, Order, Scope};
use crate::Epoch;

/// Every containment that was ever ordered, by scope. Small: people give orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Containments {
    by_scope: std::collections::BTreeMap<Scope, Containment>,
}

/// Why an identity may not act.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// A scope that covers it is stopped.
    #[error("{} is stopped by order {} ({}): {}", .0.scope, .0.id, .0.actor, .0.reason)]
    Stopped(Box<Order>),
    /// Its token is older than an order that covered it.
    #[error("the token was revoked by order {} on {}", .0.id, .0.scope)]
    Revoked(Box<Order>),
}

impl Denied {
    /// The order that denies.
    pub fn order(&self) -> &Order {
        match self {
            Self::Stopped(order) | Self::Revoked(order) => order,
        }
    }
}

impl Containments {
    /// The set made of the stored entries; of two for one scope the higher epoch wins.
    pub fn from_entries(entries: impl IntoIterator<Item = Containment>) -> Self {
        let mut set = Self::default();
        for entry in entries {
            set.merge(entry);
        }
        set
    }

    /// Takes `entry` in; an older one than is known changes nothing.
    pub fn merge(&mut self, entry: Containment) {
        let age = |c: &Containment| c.lifted.as_ref().map_or(c.order.epoch, |l| l.epoch);
        match self.by_scope.get(&entry.order.scope) {
            Some(known) if age(known) >= age(&entry) => {}
            Some(_) | None => {
                self.by_scope.insert(entry.order.scope.clone(), entry);
            }
        }
    }

    /// The order that stops `identity` now, the widest scope first.
    pub fn stopping(&self, identity: &Identity) -> Option<&Order> {
        let scopes = identity.scopes();
        scopes.iter().rev().filter_map(|s| self.by_scope.get(s)).find(|c| c.in_force()).map(|c| &c.order)
    }

    /// Whether a token of `identity` minted at `epoch` may still be used.
    pub fn admit(&self, identity: &Identity, epoch: Epoch) -> Result<(), Denied> {
        if let Some(order) = self.stopping(identity) {
            return Err(Denied::Stopped(Box::new(order.clone())));
        }
        let older = |c: &&Containment| c.order.epoch > epoch;
        match identity.scopes().iter().filter_map(|s| self.by_scope.get(s)).find(older) {
            Some(c) => Err(Denied::Revoked(Box::new(c.order.clone()))),
            None => Ok(()),
        }
    }

    /// The scope's entry, if it was ever named by an order.
    pub fn get(&self, scope: &Scope) -> Option<&Containment> {
        self.by_scope.get(scope)
    }

    /// Every entry, in the order of scopes.
    pub fn iter(&self) -> impl Iterator<Item = &Containment> {
        self.by_scope.values()
    }

    /// The highest epoch of any order or lift here.
    pub fn epoch(&self) -> Epoch {
        self.iter()
            .map(|c| c.lifted.as_ref().map_or(c.order.epoch, |l| l.epoch.max(c.order.epoch)))
            .max()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Lift, Mode};
    use super::*;
    use crate::{OrderId, Timestamp};

    fn order(scope: Scope, epoch: u64) -> Order {
        Order {
            id: OrderId::new(format!("o{epoch}")),
            scope,
            mode: Mode::Hard,
            reason: "loops".into(),
            actor: "ana".into(),
            epoch: Epoch(epoch),
            given_at: Timestamp(0),
        }
    }

    fn identity() -> Identity {
        Identity { run: "r1".into(), agent: "author".into(), team: "pay".into(), project: "shop".into() }
    }

    fn stopped(scope: Scope, epoch: u64) -> Containment {
        Containment { order: order(scope, epoch), lifted: None }
    }

    #[test]
    fn every_covering_scope_denies() {
        for scope in identity().scopes() {
            let set = Containments::from_entries([stopped(scope.clone(), 3)]);
            assert!(matches!(set.admit(&identity(), Epoch(9)), Err(Denied::Stopped(_))), "{scope}");
        }
        let other = Containments::from_entries([stopped(Scope::Team("web".into()), 3)]);
        assert_eq!(other.admit(&identity(), Epoch(0)), Ok(()));
    }

    #[test]
    fn a_lifted_scope_admits_new_tokens_and_never_the_old() {
        let mut lifted = stopped(Scope::All, 3);
        lifted.lifted =
            Some(Lift { epoch: Epoch(4), actor: "bo".into(), reason: "ok".into(), at: Timestamp(1) });
        let set = Containments::from_entries([lifted]);
        assert!(matches!(set.admit(&identity(), Epoch(2)), Err(Denied::Revoked(_))));
        assert_eq!(set.admit(&identity(), Epoch(4)), Ok(()));
    }

    #[test]
    fn merging_is_idempotent_and_keeps_the_newer() {
        let mut set = Containments::from_entries([stopped(Scope::All, 5)]);
        set.merge(stopped(Scope::All, 5));
        set.merge(stopped(Scope::All, 2));
        assert_eq!(set.epoch(), Epoch(5));
        assert_eq!(set.iter().count(), 1);
    }
}
