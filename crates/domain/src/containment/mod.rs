//! Stopping: who is reached by an order, what each layer proved, and what an order means afterwards.
//!
//! Invariants: epochs only grow; an order given twice changes nothing the second time; a token minted
//! before a scope's epoch stays refused for ever, also after the scope was lifted.

mod receipt;
mod scope;
mod set;

pub use receipt::{Layer, Proof, Receipt, Verdict, verdict};
pub use scope::{Identity, Scope, UnknownScope};
pub use set::{Containments, Denied};

use crate::{Epoch, OrderId, Timestamp};
use serde::{Deserialize, Serialize};

/// Soft asks the agent first; hard freezes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Identity and gateway first, an interrupt, then the kill.
    Soft,
    /// Freeze and kill first, then the rest.
    #[default]
    Hard,
}

/// One command to stop a scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its name.
    pub id: OrderId,
    /// Whom it reaches.
    pub scope: Scope,
    /// How.
    pub mode: Mode,
    /// Why, in the person's words.
    pub reason: String,
    /// Who gave it.
    pub actor: String,
    /// Grows with every order of this installation.
    pub epoch: Epoch,
    /// When it was given.
    pub given_at: Timestamp,
}

/// How a scope stands: stopped by an order, or lifted again. A scope never named has no entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Containment {
    /// The order that stopped it last.
    pub order: Order,
    /// Who lifted it and why, once lifted.
    pub lifted: Option<Lift>,
}

/// The end of a containment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lift {
    /// The lifting order's epoch; larger than the stop's.
    pub epoch: Epoch,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl Containment {
    /// Whether the scope is stopped now.
    pub fn in_force(&self) -> bool {
        self.lifted.is_none()
    }
}
