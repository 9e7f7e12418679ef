//! What the gateway asks of the store: keys, containments, reservations, settlements, receipts.
//!
//! A trait, because the tests put a fake at this border. Invariants of every implementation: a reservation is
//! durable before [`Ledger::reserve`] answers; it checks containment, fence and every account in one
//! transaction; settling twice changes nothing the second time.

mod durable;

use domain::budget::Account;
use domain::call::Call;
use domain::containment::{Containments, Order, Receipt};
use domain::{Fence, MicroUsd, Timestamp};
use std::future::Future;
use std::pin::Pin;
use tokio::sync::watch;

/// An answer that takes a while.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The durable side of the gateway.
pub trait Ledger: Send + Sync + 'static {
    /// The key named `kid` that run tokens may be signed with, expired or not.
    fn key<'a>(&'a self, kid: &'a str) -> Later<'a, Result<Option<Key>, Unavailable>>;

    /// Every containment that was ever ordered.
    fn containments(&self) -> Later<'_, Result<Containments, Unavailable>>;

    /// Changes when something was committed. A hint: it may come late, merged or too often.
    fn changes(&self) -> watch::Receiver<u64>;

    /// Records `call` as open and sets `call.reserved` aside in every account; answers with its turn, from 1.
    fn reserve<'a>(&'a self, call: &'a Call, accounts: &'a [Account]) -> Later<'a, Result<u32, Refused>>;

    /// Records how `call` ended and books `call.cost` where the reservation stood.
    fn settle<'a>(&'a self, call: &'a Call, accounts: &'a [Account]) -> Later<'a, Result<(), Unavailable>>;

    /// Orders in force that lack a verified receipt of the identity or the gateway layer.
    fn unproven(&self) -> Later<'_, Result<Vec<Order>, Unavailable>>;

    /// Records a receipt; a later one of the same order and layer replaces it.
    fn prove<'a>(&'a self, receipt: &'a Receipt) -> Later<'a, Result<(), Unavailable>>;
}

/// A key that run tokens may be signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The Ed25519 public key.
    pub public: [u8; 32],
    /// From when on no token of it is accepted.
    pub expires_at: Timestamp,
}

/// The store cannot be asked now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store does not answer ({0}); nothing is forwarded until it does")]
pub struct Unavailable(pub String);

/// Why nothing was reserved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A budget has too little left.
    #[error("the budget of {holder} cannot take it: {limit} is the limit, {available} is left")]
    Spent {
        /// `run/ID`, `agent/NAME` or `team/NAME`.
        holder: String,
        /// The most.
        limit: MicroUsd,
        /// What may still be reserved.
        available: MicroUsd,
    },
    /// An order stops the run.
    #[error("stopped by order {order}")]
    Contained {
        /// The order.
        order: String,
    },
    /// A newer claim of the run exists, or the run is over.
    #[error("the run's claim is no longer current")]
    Stale {
        /// The current fence, if the run is still claimed.
        current: Option<Fence>,
    },
    /// The store cannot be asked.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
