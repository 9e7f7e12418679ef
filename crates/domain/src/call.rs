//! One model request through the gateway: what it may cost, what it did cost, how it ended.

use crate::containment::Identity;
use crate::run::Purpose;
use crate::{CallId, Fence, IssueId, MicroUsd, Timestamp};
use serde::{Deserialize, Serialize};

/// Tokens by kind, as providers bill them. `input` includes `cached` and `cache_write`; `output` includes `reasoning`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Everything sent.
    #[serde(default)]
    pub input: u64,
    /// Of it, read from the provider's cache.
    #[serde(default)]
    pub cached: u64,
    /// Of it, written to the provider's cache.
    #[serde(default)]
    pub cache_write: u64,
    /// Everything generated.
    #[serde(default)]
    pub output: u64,
    /// Of it, reasoning.
    #[serde(default)]
    pub reasoning: u64,
}

impl Usage {
    /// The sum of two usages.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            cached: self.cached.saturating_add(other.cached),
            cache_write: self.cache_write.saturating_add(other.cache_write),
            output: self.output.saturating_add(other.output),
            reasoning: self.reasoning.saturating_add(other.reasoning),
        }
    }
}

/// What a model costs, micro-dollars per million tokens (so that 1.25 USD per million is 1,250,000).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Per million input tokens that are neither cached nor written to the cache.
    pub input: MicroUsd,
    /// Per million input tokens read from the cache.
    pub cached: MicroUsd,
    /// Per million input tokens written to the cache.
    pub cache_write: MicroUsd,
    /// Per million output tokens, reasoning included.
    pub output: MicroUsd,
    /// The most output tokens one call may make when the request names no limit.
    pub max_output_tokens: u64,
}

const PER_MILLION: u128 = 1_000_000;

impl Price {
    /// What `usage` costs, rounded up to a whole micro-dollar.
    pub fn cost(&self, usage: Usage) -> MicroUsd {
        let plain = usage.input.saturating_sub(usage.cached).saturating_sub(usage.cache_write);
        let parts = [
            (plain, self.input),
            (usage.cached, self.cached),
            (usage.cache_write, self.cache_write),
            (usage.output, self.output),
        ];
        let total: u128 = parts.iter().map(|&(tokens, price)| u128::from(tokens) * u128::from(price.0)).sum();
        MicroUsd(u64::try_from(total.div_ceil(PER_MILLION)).unwrap_or(u64::MAX))
    }

    /// The most a request may cost: a token is at least one byte, so the body's length bounds its input
    /// tokens; output is bounded by what the request allows or the model can make. Input is taken at the
    /// dearest of its three prices.
    pub fn most(&self, body_bytes: u64, max_output_tokens: Option<u64>) -> MicroUsd {
        let dearest = self.input.max(self.cached).max(self.cache_write);
        let output =
            max_output_tokens.map_or(self.max_output_tokens, |asked| asked.min(self.max_output_tokens));
        Self { input: dearest, ..*self }.cost(Usage { input: body_bytes, output, ..Usage::default() })
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// On its way; its reservation stands.
    Open,
    /// Answered whole.
    Done,
    /// The provider answered with an error.
    Failed,
    /// The stream broke, on the provider's side or ours.
    Broken,
    /// The client left before the end.
    Left,
    /// Cut by an order.
    Cut,
}

impl Status {
    /// The name, as stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Broken => "broken",
            Self::Left => "left",
            Self::Cut => "cut",
        }
    }
}

/// A call as recorded: one row, tied to run, attempt and turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Its name, also the span id and the `x-seawall-call` header.
    pub id: CallId,
    /// Who made it.
    #[serde(flatten)]
    pub identity: Identity,
    /// For which issue.
    pub issue: IssueId,
    /// For which purpose.
    pub purpose: Purpose,
    /// In which attempt.
    pub attempt: u32,
    /// Under which claim.
    pub fence: Fence,
    /// Which model turn of the attempt, from 1; given by the store at reservation.
    pub turn: u32,
    /// The model name that was asked for.
    pub asked: String,
    /// `provider/model` that it went to.
    pub route: String,
    /// Whether a rehearsal answered, not a model.
    pub rehearsal: bool,
    /// How it ended.
    pub status: Status,
    /// What was set aside for it.
    pub reserved: MicroUsd,
    /// What it did cost.
    pub cost: MicroUsd,
    /// Tokens, from the provider's own report.
    pub usage: Usage,
    /// The provider's HTTP status, 0 before there is one.
    pub http_status: u16,
    /// What went wrong, if anything; never a secret or a body.
    pub error: Option<String>,
    /// The provider's own id of its answer.
    pub provider_id: Option<String>,
    /// sha256 of the request body, kept as a blob.
    pub request_blob: Option<String>,
    /// sha256 of the answer's body, kept as a blob.
    pub response_blob: Option<String>,
    /// When it came in.
    pub started_at: Timestamp,
    /// When the first byte of the answer came.
    pub first_byte_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PRICE: Price = Price {
        input: MicroUsd(1_250_000),
        cached: MicroUsd(125_000),
        cache_write: MicroUsd(1_500_000),
        output: MicroUsd(10_000_000),
        max_output_tokens: 1_000,
    };

    #[test]
    fn cached_tokens_are_billed_at_their_own_price() {
        let usage = Usage { input: 1_000_000, cached: 400_000, output: 100_000, ..Usage::default() };
        assert_eq!(PRICE.cost(usage), MicroUsd(750_000 + 50_000 + 1_000_000));
    }

    #[test]
    fn a_fraction_is_rounded_up_so_that_nothing_is_free() {
        assert_eq!(PRICE.cost(Usage { input: 1, ..Usage::default() }), MicroUsd(2));
    }

    proptest! {
        #[test]
        fn no_call_costs_more_than_was_reserved(
            body in 0u64..10_000_000, asked in proptest::option::of(0u64..2_000),
            input in 0.0f64..=1.0, cached in 0.0f64..=1.0, output in 0.0f64..=1.0,
        ) {
            let share = |part: f64, whole: u64| (part * whole as f64) as u64;
            let input = share(input, body);
            let most_output = asked.map_or(1_000, |a| a.min(1_000));
            let usage = Usage {
                input, cached: share(cached, input), output: share(output, most_output), ..Usage::default()
            };
            prop_assert!(PRICE.cost(usage) <= PRICE.most(body, asked));
        }
    }
}
