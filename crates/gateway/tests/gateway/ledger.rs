//! A store that lives in memory and remembers everything.

use domain::budget::Account;
use domain::call::{Call, Status};
use domain::containment::{Containment, Containments, Order, Receipt};
use domain::{Fence, MicroUsd, RunId};
use gateway::ledger::{Key, Later, Ledger, Refused, Unavailable};
use std::collections::BTreeMap;
use std::sync::Mutex;
use tokio::sync::watch;

pub struct Fake {
    state: Mutex<State>,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
pub struct State {
    pub keys: BTreeMap<String, Key>,
    pub containments: Containments,
    pub fences: BTreeMap<RunId, Fence>,
    pub calls: Vec<Call>,
    /// Reserved and settled, by holder.
    pub money: BTreeMap<String, (u64, u64)>,
    pub receipts: Vec<Receipt>,
    /// Nothing can be reserved.
    pub down: bool,
    /// So many settlements fail before one works.
    pub failing_settlements: u32,
}

impl Fake {
    pub fn new() -> Self {
        Self { state: Mutex::default(), changes: watch::Sender::new(0) }
    }

    pub fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        let seen = look(&mut self.state.lock().unwrap());
        self.changes.send_modify(|n| *n += 1);
        seen
    }

    pub fn contain(&self, entry: Containment) {
        self.with(|state| state.containments.merge(entry));
    }

    /// Waits until `look` finds something.
    pub async fn until<T>(&self, look: impl Fn(&State) -> Option<T>) -> T {
        let mut changes = self.changes.subscribe();
        let found = async {
            loop {
                if let Some(found) = look(&self.state.lock().unwrap()) {
                    return found;
                }
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), found).await.expect("it happens within 10 s")
    }

    /// Waits until the only call is settled.
    pub async fn settled(&self) -> Call {
        self.until(|state| state.calls.iter().find(|call| call.status != Status::Open).cloned()).await
    }
}

impl Ledger for Fake {
    fn key<'a>(&'a self, kid: &'a str) -> Later<'a, Result<Option<Key>, Unavailable>> {
        Box::pin(async move { Ok(self.state.lock().unwrap().keys.get(kid).copied()) })
    }

    fn containments(&self) -> Later<'_, Result<Containments, Unavailable>> {
        Box::pin(async move { Ok(self.state.lock().unwrap().containments.clone()) })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn reserve<'a>(&'a self, call: &'a Call, accounts: &'a [Account]) -> Later<'a, Result<u32, Refused>> {
        Box::pin(async move { self.with(|state| state.reserve(call, accounts)) })
    }

    fn settle<'a>(&'a self, call: &'a Call, accounts: &'a [Account]) -> Later<'a, Result<(), Unavailable>> {
        Box::pin(async move {
            self.with(|state| {
                if state.failing_settlements > 0 {
                    state.failing_settlements -= 1;
                    return Err(Unavailable("busy".to_owned()));
                }
                state.settle(call, accounts);
                Ok(())
            })
        })
    }

    fn unproven(&self) -> Later<'_, Result<Vec<Order>, Unavailable>> {
        Box::pin(async move {
            let state = self.state.lock().unwrap();
            let proven = |order: &Order| state.receipts.iter().filter(|r| r.order == order.id).count() >= 2;
            let in_force = state.containments.iter().filter(|c| c.in_force()).map(|c| c.order.clone());
            Ok(in_force.filter(|order| !proven(order)).collect())
        })
    }

    fn prove<'a>(&'a self, receipt: &'a Receipt) -> Later<'a, Result<(), Unavailable>> {
        Box::pin(async move {
            self.with(|state| state.receipts.push(receipt.clone()));
            Ok(())
        })
    }
}

impl State {
    fn reserve(&mut self, call: &Call, accounts: &[Account]) -> Result<u32, Refused> {
        if self.down {
            return Err(Unavailable("down".to_owned()).into());
        }
        let current = self.fences.get(&call.identity.run).copied();
        if current.is_some_and(|fence| fence != call.fence) {
            return Err(Refused::Stale { current });
        }
        for account in accounts {
            let (reserved, settled) = *self.money.entry(account.holder.to_string()).or_default();
            if reserved + settled + call.reserved.0 > account.limit.0 {
                let available = MicroUsd(account.limit.0 - reserved - settled);
                return Err(Refused::Spent {
                    holder: account.holder.to_string(),
                    limit: account.limit,
                    available,
                });
            }
        }
        for account in accounts {
            self.money.entry(account.holder.to_string()).or_default().0 += call.reserved.0;
        }
        self.calls.push(call.clone());
        Ok(u32::try_from(self.calls.len()).unwrap())
    }

    fn settle(&mut self, call: &Call, accounts: &[Account]) {
        let Some(row) = self.calls.iter_mut().find(|row| row.id == call.id) else { return };
        assert_eq!(row.status, Status::Open, "a call is settled once");
        *row = call.clone();
        for account in accounts {
            let money = self.money.entry(account.holder.to_string()).or_default();
            money.0 -= call.reserved.0;
            money.1 += call.cost.0;
        }
    }
}
