//! What is stopped, and by whom: the rules, in memory. The file is in [`log`].
//!
//! Per scope the newest stop and the newest lift are kept; the stop is in force while its epoch is greater than
//! the lift's. Invariants: merging is by greatest epoch, so the order of arrival does not matter; an order that was
//! never seen always stops, whatever epoch it brings (its epoch is raised over the lift's if need be).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::protocol::{ALL, Lift, Order, Stopped};

pub(crate) mod log;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    Stop(Order),
    Lift(Lift),
}

/// The stops and lifts of every scope.
#[derive(Debug, Default)]
pub(crate) struct Ledger(BTreeMap<String, Scope>);

#[derive(Debug, Default)]
struct Scope {
    stop: Option<Order>,
    /// Whether `stop` is known to be on disk.
    durable: bool,
    lift: Option<Lift>,
}

/// What a stop order means for the ledger.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stopping {
    /// To be written: the order, with the epoch it has to have.
    New(Order),
    /// In force and on disk already, with this epoch.
    Again { epoch: u64 },
    /// This very order was lifted since; doing it again would undo a person's decision.
    Lifted { by: String },
}

/// Why a lift is not possible.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotLifted {
    /// Nothing is stopped under the scope.
    NothingStopped,
    /// The stop is as new or newer.
    OldEpoch { stop: u64 },
    /// The greatest epoch would leave no room for another stop.
    LastEpoch,
    /// It was done before.
    Already,
}

impl Ledger {
    /// Replays one entry of the log.
    pub fn replay(&mut self, entry: Entry) {
        match entry {
            Entry::Stop(order) => self.put_stop(order, true),
            Entry::Lift(lift) => self.put_lift(lift),
        }
    }

    /// What `order` means; takes it in force when new. Call [`Ledger::stop_is_durable`] once it is on disk.
    pub fn stop(&mut self, mut order: Order) -> Stopping {
        let scope = self.0.entry(order.scope.clone()).or_default();
        let same = scope.stop.as_ref().filter(|stop| stop.id == order.id);
        match (same, &scope.lift) {
            (Some(stop), Some(lift)) if lift.epoch >= stop.epoch => {
                return Stopping::Lifted { by: lift.order.clone() };
            }
            (Some(stop), _) if scope.durable => return Stopping::Again { epoch: stop.epoch },
            (Some(stop), _) => order.epoch = stop.epoch,
            (None, Some(lift)) => order.epoch = order.epoch.max(lift.epoch.saturating_add(1)),
            (None, None) => {}
        }
        self.put_stop(order.clone(), false);
        Stopping::New(order)
    }

    /// `order` is on disk.
    pub fn stop_is_durable(&mut self, order: &Order) {
        let scope = self.0.entry(order.scope.clone()).or_default();
        if scope.stop.as_ref().is_some_and(|stop| stop.id == order.id) {
            scope.durable = true;
        }
    }

    /// Whether `lift` may be written.
    pub fn may_lift(&self, lift: &Lift) -> Result<(), NotLifted> {
        let scope = self.0.get(&lift.scope).ok_or(NotLifted::NothingStopped)?;
        if scope.lift.as_ref().is_some_and(|done| done.order == lift.order) && !scope.in_force() {
            return Err(NotLifted::Already);
        }
        let stop = scope.stop.as_ref().filter(|_| scope.in_force()).ok_or(NotLifted::NothingStopped)?;
        if lift.epoch == u64::MAX {
            return Err(NotLifted::LastEpoch);
        }
        if lift.epoch <= stop.epoch { Err(NotLifted::OldEpoch { stop: stop.epoch }) } else { Ok(()) }
    }

    /// A lift that is on disk.
    pub fn put_lift(&mut self, lift: Lift) {
        let scope = self.0.entry(lift.scope.clone()).or_default();
        if scope.lift.as_ref().is_none_or(|old| old.epoch < lift.epoch) {
            scope.lift = Some(lift);
        }
    }

    /// The stop that covers any of `labels`; a stop of everything comes first.
    pub fn covering<'a>(&self, labels: impl IntoIterator<Item = &'a str>) -> Option<Stopped> {
        let scopes = std::iter::once(ALL).chain(labels);
        let mut stops = scopes.filter_map(|label| self.0.get(label)).filter(|scope| scope.in_force());
        stops.find_map(|scope| scope.stop.as_ref().map(Stopped::from))
    }

    /// Every stop in force.
    pub fn in_force(&self) -> Vec<Stopped> {
        let stopped = self.0.values().filter(|scope| scope.in_force());
        stopped.filter_map(|scope| scope.stop.as_ref().map(Stopped::from)).collect()
    }

    fn put_stop(&mut self, order: Order, durable: bool) {
        let scope = self.0.entry(order.scope.clone()).or_default();
        if scope.stop.as_ref().is_none_or(|old| old.epoch < order.epoch) {
            *scope = Scope { stop: Some(order), durable, lift: scope.lift.take() };
        }
    }
}

impl Scope {
    fn in_force(&self) -> bool {
        let lifted = self.lift.as_ref().map(|lift| lift.epoch);
        self.stop.as_ref().is_some_and(|stop| lifted.is_none_or(|lifted| stop.epoch > lifted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(id: &str, epoch: u64) -> Order {
        let text = |text: &str| text.to_owned();
        Order { id: text(id), scope: text("team/t"), reason: text("r"), actor: text("a"), epoch, at_us: 1 }
    }

    fn lift(id: &str, epoch: u64) -> Lift {
        let text = |text: &str| text.to_owned();
        Lift { scope: text("team/t"), order: text(id), actor: text("a"), reason: text("r"), epoch, at_us: 2 }
    }

    fn stopped_by(ledger: &Ledger) -> Option<String> {
        ledger.covering(["run/1", "team/t"]).map(|stopped| stopped.order)
    }

    #[test]
    fn a_stop_covers_its_label_until_a_newer_lift() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.stop(order("o1", 5)), Stopping::New(order("o1", 5)));
        assert_eq!(stopped_by(&ledger).as_deref(), Some("o1"));
        assert_eq!(ledger.covering(["team/other"]), None);
        assert_eq!(ledger.may_lift(&lift("l", 5)), Err(NotLifted::OldEpoch { stop: 5 }));
        assert_eq!(ledger.may_lift(&lift("l", 6)), Ok(()));
        ledger.put_lift(lift("l", 6));
        assert_eq!(stopped_by(&ledger), None);
        assert_eq!(ledger.may_lift(&lift("l", 6)), Err(NotLifted::Already));
        assert_eq!(ledger.may_lift(&lift("m", 9)), Err(NotLifted::NothingStopped));
    }

    #[test]
    fn the_same_order_again_is_written_until_it_is_durable_and_stays_lifted() {
        let mut ledger = Ledger::default();
        ledger.stop(order("o1", 5));
        assert_eq!(ledger.stop(order("o1", 5)), Stopping::New(order("o1", 5)));
        ledger.stop_is_durable(&order("o1", 5));
        assert_eq!(ledger.stop(order("o1", 5)), Stopping::Again { epoch: 5 });
        ledger.put_lift(lift("l", 6));
        assert_eq!(ledger.stop(order("o1", 5)), Stopping::Lifted { by: "l".into() });
    }

    #[test]
    fn an_unseen_order_stops_even_with_an_old_epoch() {
        let mut ledger = Ledger::default();
        ledger.stop(order("o1", 5));
        ledger.put_lift(lift("l", 9));
        assert_eq!(ledger.stop(order("o2", 1)), Stopping::New(order("o2", 10)));
        assert_eq!(stopped_by(&ledger).as_deref(), Some("o2"));
    }

    #[test]
    fn replay_gives_the_same_in_any_order() {
        let entries = [Entry::Stop(order("o1", 1)), Entry::Lift(lift("l", 2)), Entry::Stop(order("o2", 3))];
        for turn in 0..entries.len() {
            let mut rotated = entries.clone();
            rotated.rotate_left(turn);
            let mut ledger = Ledger::default();
            rotated.into_iter().for_each(|entry| ledger.replay(entry));
            assert_eq!(stopped_by(&ledger).as_deref(), Some("o2"), "rotated by {turn}");
        }
    }

    #[test]
    fn a_stop_of_all_covers_everything() {
        let mut ledger = Ledger::default();
        ledger.stop(Order { scope: ALL.into(), ..order("o", 1) });
        assert_eq!(ledger.covering([]).map(|stopped| stopped.order).as_deref(), Some("o"));
    }
}
