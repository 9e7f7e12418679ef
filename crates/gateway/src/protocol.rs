//! The protocols that are spoken here, and what may be asked for in each.
//!
//! A call goes the same way whatever its protocol; where protocols differ, the difference is asked for here or
//! dispatched on [`Protocol`], so that the compiler names every place a third one needs.

use domain::MicroUsd;
use domain::call::Price;
use hyper::HeaderMap;
use serde_json::{Value, json};
use std::fmt;

/// A way to speak to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OpenAI's Responses API.
    Responses,
    /// Anthropic's Messages API.
    Messages,
}

/// What is asked of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `POST /v1/responses`
    CreateResponse,
    /// `POST /v1/messages`
    CreateMessage,
    /// `POST /v1/messages/count_tokens`: how many tokens a message would send. Providers do not bill it.
    CountTokens,
}

impl Operation {
    /// Everything there is.
    pub const ALL: [Self; 3] = [Self::CreateResponse, Self::CreateMessage, Self::CountTokens];

    /// The operation at `path`.
    pub(crate) fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.path() == path)
    }

    /// Where it is served, here and (but for the `/v1` of some) at the provider.
    pub fn path(self) -> &'static str {
        match self {
            Self::CreateResponse => "/v1/responses",
            Self::CreateMessage => "/v1/messages",
            Self::CountTokens => "/v1/messages/count_tokens",
        }
    }

    /// The protocol it belongs to.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::CreateResponse => Protocol::Responses,
            Self::CreateMessage | Self::CountTokens => Protocol::Messages,
        }
    }

    /// The most it may cost at `price`, with a body of `body_bytes` that allows `max_output_tokens`.
    pub(crate) fn most(self, price: &Price, body_bytes: u64, max_output_tokens: Option<u64>) -> MicroUsd {
        match self {
            Self::CreateResponse | Self::CreateMessage => price.most(body_bytes, max_output_tokens),
            Self::CountTokens => MicroUsd::ZERO,
        }
    }
}

impl Protocol {
    /// The protocol of a request that is no operation: clients of the Messages API name its version.
    pub(crate) fn of(path: &str, headers: &HeaderMap) -> Self {
        let named = Operation::at(path).map(Operation::protocol);
        let by_header =
            || if headers.contains_key("anthropic-version") { Self::Messages } else { Self::Responses };
        named.unwrap_or_else(by_header)
    }

    /// The field of a body that bounds the tokens of the answer.
    pub(crate) fn limit_field(self) -> &'static str {
        match self {
            Self::Responses => "max_output_tokens",
            Self::Messages => "max_tokens",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Responses => "the Responses API",
            Self::Messages => "the Messages API",
        })
    }
}

/// An error of the Messages API; its type follows from the status.
pub(crate) fn messages_error(status: u16, message: &str) -> Value {
    let kind = match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        408 | 504 => "timeout_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    json!({"type": "error", "error": {"type": kind, "message": message}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_found_at_its_path_only() {
        for operation in Operation::ALL {
            assert_eq!(Operation::at(operation.path()), Some(operation));
        }
        for path in ["/v1/messages/", "/v1/messages/batches", "/messages", "/v1/response"] {
            assert_eq!(Operation::at(path), None, "{path}");
        }
    }

    #[test]
    fn counting_tokens_reserves_nothing() {
        let price = Price { input: MicroUsd(9_000_000), max_output_tokens: 10, ..Price::default() };
        assert_eq!(Operation::CountTokens.most(&price, 100, None), MicroUsd::ZERO);
        assert_eq!(Operation::CreateMessage.most(&price, 100, None), MicroUsd(900));
    }
}
