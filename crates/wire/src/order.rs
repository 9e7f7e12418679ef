//! Orders that stop a scope, what each layer proved in answer, and the end of a containment.

use crate::{RunSummary, Time};
use domain::containment::{Lift, Mode, Order, Proof, Receipt, Scope, Verdict, verdict};
use domain::{OrderId, Timestamp};
use serde::{Deserialize, Serialize};

/// The most characters of a reason; it is shown in every refused call.
pub const MAX_REASON: usize = 500;

/// `POST /api/v1/orders`. Answered with an [`OrderView`], or with an [`OrderPreview`] when `dry_run` is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRequest {
    /// Whom it reaches: `run/ID`, `agent/NAME`, `team/NAME`, `project/NAME` or `all`.
    pub scope: Scope,
    /// `hard` (default) or `soft`.
    #[serde(default)]
    pub mode: Mode,
    /// Why, in the person's words; 1 to [`MAX_REASON`] characters.
    pub reason: String,
    /// Say whom it would reach, and do nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// `POST /api/v1/lifts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiftRequest {
    /// The scope that an order named.
    pub scope: Scope,
    /// Why, in the person's words; 1 to [`MAX_REASON`] characters.
    pub reason: String,
}

/// Why a reason is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the reason must have 1 to {MAX_REASON} characters; say in a few words why")]
pub struct UnfitReason;

/// The reason without outer blanks, if it has 1 to [`MAX_REASON`] characters.
pub fn reason(text: &str) -> Result<String, UnfitReason> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= MAX_REASON;
    if fits { Ok(text.to_owned()) } else { Err(UnfitReason) }
}

/// Whom an order would reach right now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPreview {
    /// The scope asked for.
    pub scope: Scope,
    /// Open runs it covers.
    pub runs: Vec<RunSummary>,
}

/// An order with what was proven so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderView {
    /// Its name.
    pub id: OrderId,
    /// Whom it reaches.
    pub scope: Scope,
    /// How.
    pub mode: Mode,
    /// Why.
    pub reason: String,
    /// Who gave it.
    pub actor: String,
    /// Grows with every order of this installation.
    pub epoch: u64,
    /// When.
    pub given_at: Time,
    /// One for each layer that answered.
    pub receipts: Vec<ReceiptView>,
    /// `VERIFIED` once every layer proved it, `PARTIAL` until then.
    pub verdict: Verdict,
    /// The end of it, once lifted.
    pub lifted: Option<LiftView>,
}

/// What one layer proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptView {
    /// `runtime`, `identity`, `gateway`.
    pub layer: domain::containment::Layer,
    /// `requested`, `verified` (with `by`), `unverified` (with `why`).
    #[serde(flatten)]
    pub proof: Proof,
    /// From the order to the proof.
    pub after_us: u64,
    /// When.
    pub at: Time,
}

/// The end of a containment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiftView {
    /// Which scope.
    pub scope: Scope,
    /// The lift's own epoch.
    pub epoch: u64,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Time,
}

impl OrderView {
    /// The view of `order` with its receipts.
    pub fn of(order: &Order, receipts: &[Receipt], lifted: Option<&Lift>) -> Self {
        Self {
            id: order.id.clone(),
            scope: order.scope.clone(),
            mode: order.mode,
            reason: order.reason.clone(),
            actor: order.actor.clone(),
            epoch: order.epoch.0,
            given_at: order.given_at.into(),
            receipts: receipts.iter().map(ReceiptView::from).collect(),
            verdict: verdict(receipts),
            lifted: lifted.map(|lift| LiftView::of(&order.scope, lift)),
        }
    }

    /// Whether every layer has answered, proven or not, so that waiting longer changes nothing.
    pub fn answered(&self) -> bool {
        domain::containment::Layer::ALL.into_iter().all(|layer| {
            let told = |r: &&ReceiptView| r.layer == layer && r.proof != Proof::Requested;
            self.receipts.iter().any(|r| told(&r))
        })
    }
}

impl From<&Receipt> for ReceiptView {
    fn from(receipt: &Receipt) -> Self {
        Self {
            layer: receipt.layer,
            proof: receipt.proof.clone(),
            after_us: receipt.after_us,
            at: receipt.at.into(),
        }
    }
}

impl LiftView {
    /// The view of a scope's lift.
    pub fn of(scope: &Scope, lift: &Lift) -> Self {
        Self {
            scope: scope.clone(),
            epoch: lift.epoch.0,
            actor: lift.actor.clone(),
            reason: lift.reason.clone(),
            at: lift.at.into(),
        }
    }
}

/// The receipt of `layer` at `at`, for whoever makes views without a stored receipt, such as `seawall kill`
/// when only the kill plane answers.
pub fn receipt(layer: domain::containment::Layer, proof: Proof, after_us: u64, at: Timestamp) -> ReceiptView {
    ReceiptView { layer, proof, after_us, at: at.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Epoch;
    use domain::containment::Layer;

    fn order() -> Order {
        Order {
            id: "o1".into(),
            scope: Scope::All,
            mode: Mode::Hard,
            reason: "loops".into(),
            actor: "ann".into(),
            epoch: Epoch(3),
            given_at: Timestamp(0),
        }
    }

    fn told(layer: Layer, proof: Proof) -> Receipt {
        Receipt { order: "o1".into(), layer, proof, after_us: 9, at: Timestamp(9) }
    }

    #[test]
    fn an_order_is_verified_only_when_every_layer_proved_it() {
        let proven = |layer| told(layer, Proof::Verified { by: "seen".into() });
        let some = OrderView::of(&order(), &[proven(Layer::Runtime), proven(Layer::Identity)], None);
        assert_eq!((some.verdict, some.answered()), (Verdict::Partial, false));
        let all: Vec<Receipt> = Layer::ALL.into_iter().map(proven).collect();
        assert_eq!(OrderView::of(&order(), &all, None).verdict, Verdict::Verified);
    }

    #[test]
    fn a_layer_that_could_not_prove_it_has_answered() {
        let all: Vec<Receipt> =
            Layer::ALL.into_iter().map(|l| told(l, Proof::Unverified { why: "gone".into() })).collect();
        let view = OrderView::of(&order(), &all, None);
        assert!(view.answered());
        assert_eq!(view.verdict, Verdict::Partial);
    }

    #[test]
    fn an_order_survives_the_way_through_json() {
        let view = OrderView::of(&order(), &[told(Layer::Runtime, Proof::Requested)], None);
        let json = serde_json::to_string(&view).unwrap();
        assert!(json.contains(r#""layer":"runtime","state":"requested""#), "{json}");
        assert_eq!(serde_json::from_str::<OrderView>(&json).unwrap(), view);
    }

    #[test]
    fn a_blank_or_endless_reason_is_refused() {
        assert_eq!(reason("  it loops "), Ok("it loops".to_owned()));
        assert_eq!(reason("  "), Err(UnfitReason));
        assert_eq!(reason(&"x".repeat(MAX_REASON + 1)), Err(UnfitReason));
    }

    #[test]
    fn a_request_with_a_misspelt_field_is_refused() {
        let bad = r#"{"scope":"all","reason":"r","dryrun":true}"#;
        assert!(serde_json::from_str::<OrderRequest>(bad).is_err());
    }
}
