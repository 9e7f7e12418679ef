//! What each layer proved in answer to an order. A layer counts only when it proved it.

use crate::{OrderId, Timestamp};
use serde::{Deserialize, Serialize};

/// The layers that an order acts on. Payment and framework join them with the issue on containment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// Processes.
    Runtime,
    /// Tokens.
    Identity,
    /// Calls and streams.
    Gateway,
}

impl Layer {
    /// Every layer, in the order of a receipt.
    pub const ALL: [Self; 3] = [Self::Runtime, Self::Identity, Self::Gateway];

    /// The name, as it stands in receipts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Runtime => "runtime",
            Self::Identity => "identity",
            Self::Gateway => "gateway",
        }
    }
}

/// What a layer proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Proof {
    /// Asked, not answered yet.
    Requested,
    /// Proven; `by` says how.
    Verified {
        /// The observation that proves it.
        by: String,
    },
    /// Not proven; `why` says what is missing.
    Unverified {
        /// What is missing.
        why: String,
    },
}

/// One layer's answer to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The order.
    pub order: OrderId,
    /// The layer.
    pub layer: Layer,
    /// What it proved.
    #[serde(flatten)]
    pub proof: Proof,
    /// From the order to the proof, microseconds.
    pub after_us: u64,
    /// When.
    pub at: Timestamp,
}

/// What the receipts say together. Never "sent".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Every layer proved it.
    Verified,
    /// At least one layer has not.
    Partial,
}

/// Verified only if every layer has a verified receipt.
pub fn verdict(receipts: &[Receipt]) -> Verdict {
    let proven =
        |layer: Layer| receipts.iter().any(|r| r.layer == layer && matches!(r.proof, Proof::Verified { .. }));
    if Layer::ALL.into_iter().all(proven) { Verdict::Verified } else { Verdict::Partial }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_missing_layer_makes_it_partial() {
        let receipt =
            |layer, proof| Receipt { order: "o".into(), layer, proof, after_us: 1, at: Timestamp(0) };
        let verified = || Proof::Verified { by: "populated 0".into() };
        let mut all: Vec<_> = Layer::ALL.into_iter().map(|l| receipt(l, verified())).collect();
        assert_eq!(verdict(&all), Verdict::Verified);
        all[1].proof = Proof::Requested;
        assert_eq!(verdict(&all), Verdict::Partial);
        assert_eq!(verdict(&[]), Verdict::Partial);
    }
}
