//! Every way a request is refused, in the shape and with the retry signals that the clients of its protocol obey.

use super::{Body, whole};
use crate::ledger::{Refused, Unavailable};
use crate::protocol::{self, Protocol};
use base::signing::token::TokenError;
use domain::MicroUsd;
use domain::containment::Denied;
use hyper::header::{ALLOW, CONNECTION, HeaderName, HeaderValue, UPGRADE};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// Why a request is not served. The texts go to the client: what failed, and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "no run token was sent; send `Authorization: Bearer TOKEN` or `x-api-key: TOKEN` with the token the run was started with"
    )]
    NoToken,
    #[error(transparent)]
    Token(TokenError),
    #[error("the run token's time is over; the run's next attempt gets a new one")]
    Expired,
    #[error("this socket belongs to another run; use the gateway address the run was started with")]
    WrongDoor,
    #[error("{0}; calls are refused until a person lifts it")]
    Contained(Denied),
    #[error("the run is stopped by order {0}; calls are refused until a person lifts it")]
    Stopped(String),
    #[error("the call was cut by an order; calls are refused until a person lifts it")]
    Cut,
    #[error("this token belongs to an older claim of the run; only the newest attempt may call")]
    Stale,
    #[error(
        "the budget of {holder} is spent: {available} of {limit} is left and this call may cost more; raise the budget, or ask for fewer output tokens"
    )]
    Spent { holder: String, limit: MicroUsd, available: MicroUsd },
    #[error("the model `{model}` is not configured; ask for one of: {known}")]
    UnknownModel { model: String, known: String },
    #[error(
        "no route of the model `{model}` speaks {protocol}, only {routes}; ask for another model, or give it a route to a provider that does"
    )]
    NotSpoken { model: String, protocol: Protocol, routes: String },
    #[error(
        "the price of {provider}/{model} is not known, and a call without a price is never made; add it to the provider's prices"
    )]
    NoPrice { provider: String, model: String },
    #[error("{0}")]
    Body(String),
    #[error("the body is compressed; send it without content-encoding")]
    Encoded,
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the body did not arrive within {} s", .limit.as_secs())]
    Slow { limit: Duration },
    #[error("websockets are not spoken here; send POST /v1/responses")]
    Upgrade,
    #[error("the method is not allowed here; use {allowed}")]
    Method { allowed: &'static str },
    #[error(
        "no such path; the gateway serves POST /v1/responses, /v1/messages and /v1/messages/count_tokens, GET /v1/models and /healthz"
    )]
    NoSuchPath,
    #[error(transparent)]
    Unavailable(Unavailable),
    #[error("the provider {provider} cannot be reached ({why}); try again, or check its base_url")]
    Unreachable { provider: String, why: String },
    #[error(
        "the provider {provider} refused the gateway's own key (status {status}); check the provider's key in the configuration"
    )]
    ProviderKey { provider: String, status: u16 },
    #[error("the provider {provider} did not begin to answer in time; try again, or stream")]
    Silent { provider: String },
}

const INVALID: &str = "invalid_request_error";
const SERVER: &str = "server_error";

impl Refusal {
    /// HTTP status, OpenAI's `type`, and the `code`.
    fn shape(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NoToken | Self::Token(_) => (StatusCode::UNAUTHORIZED, INVALID, "invalid_api_key"),
            Self::Expired => (StatusCode::UNAUTHORIZED, INVALID, "token_expired"),
            Self::WrongDoor => (StatusCode::FORBIDDEN, "permission_error", "wrong_socket"),
            Self::Contained(_) | Self::Stopped(_) | Self::Cut => {
                (StatusCode::FORBIDDEN, "permission_error", "contained")
            }
            Self::Stale => (StatusCode::FORBIDDEN, "permission_error", "stale_run"),
            Self::Spent { .. } => (StatusCode::TOO_MANY_REQUESTS, "insufficient_quota", "insufficient_quota"),
            // 400 and not 404: clients try again after a 404, and nothing would change.
            Self::UnknownModel { .. } => (StatusCode::BAD_REQUEST, INVALID, "model_not_found"),
            Self::NotSpoken { .. } => (StatusCode::BAD_REQUEST, INVALID, "protocol_not_spoken"),
            Self::NoPrice { .. } => (StatusCode::BAD_REQUEST, INVALID, "price_unknown"),
            Self::Body(_) | Self::Encoded => (StatusCode::BAD_REQUEST, INVALID, "invalid_body"),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, INVALID, "body_too_large"),
            Self::Slow { .. } => (StatusCode::REQUEST_TIMEOUT, INVALID, "body_too_slow"),
            Self::Upgrade => (StatusCode::UPGRADE_REQUIRED, INVALID, "websocket_not_supported"),
            Self::Method { .. } => (StatusCode::METHOD_NOT_ALLOWED, INVALID, "method_not_allowed"),
            Self::NoSuchPath => (StatusCode::NOT_FOUND, INVALID, "not_found"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, SERVER, "store_unavailable"),
            Self::Unreachable { .. } => (StatusCode::BAD_GATEWAY, SERVER, "provider_unreachable"),
            Self::ProviderKey { .. } => (StatusCode::BAD_GATEWAY, SERVER, "provider_key_refused"),
            Self::Silent { .. } => (StatusCode::GATEWAY_TIMEOUT, SERVER, "provider_silent"),
        }
    }

    /// The `code` of the error, also recorded with the call.
    pub(crate) fn code(&self) -> &'static str {
        self.shape().2
    }

    /// Whether the same request could fare better later.
    fn may_retry(&self) -> bool {
        matches!(
            self,
            Self::Slow { .. } | Self::Unavailable(_) | Self::Unreachable { .. } | Self::Silent { .. }
        )
    }

    /// The status where Anthropic's clients obey another one than OpenAI's. A model that cannot be had is 404 there:
    /// after a 400, Claude Code sends the same again and again with one field less each time.
    fn status_of_messages(&self) -> Option<StatusCode> {
        let no_model =
            matches!(self, Self::UnknownModel { .. } | Self::NotSpoken { .. } | Self::NoPrice { .. });
        let spent = matches!(self, Self::Spent { .. }).then_some(StatusCode::PAYMENT_REQUIRED);
        spent.or(no_model.then_some(StatusCode::NOT_FOUND))
    }

    /// Status and body in `protocol`.
    fn told(&self, protocol: Protocol) -> (StatusCode, Value) {
        let (status, kind, code) = self.shape();
        match protocol {
            Protocol::Responses => {
                let error = json!({"message": self.to_string(), "type": kind, "param": null, "code": code});
                (status, json!({"error": error}))
            }
            Protocol::Messages => {
                let status = self.status_of_messages().unwrap_or(status);
                (status, protocol::messages_error(status.as_u16(), &self.to_string()))
            }
        }
    }

    /// The answer to a client that speaks `protocol`.
    pub(crate) fn into_response(self, protocol: Protocol) -> Response<Body> {
        let (status, body) = self.told(protocol);
        let mut response = whole(status, body.to_string());
        let headers = response.headers_mut();
        if !self.may_retry() {
            headers.insert(HeaderName::from_static("x-should-retry"), HeaderValue::from_static("false"));
        }
        if matches!(self, Self::Upgrade) {
            headers.insert(UPGRADE, HeaderValue::from_static("HTTP/1.1"));
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        }
        if let Self::Method { allowed } = self {
            headers.insert(ALLOW, HeaderValue::from_static(allowed));
        }
        // What is left of the body is not read, so the connection cannot serve another request.
        if matches!(self, Self::TooLarge { .. } | Self::Slow { .. }) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Spent { holder, limit, available } => Self::Spent { holder, limit, available },
            Refused::Contained { order } => Self::Stopped(order),
            Refused::Stale { .. } => Self::Stale,
            Refused::Unavailable(unavailable) => Self::Unavailable(unavailable),
        }
    }
}
