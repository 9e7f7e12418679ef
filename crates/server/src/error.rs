//! What goes wrong at this door, in the one shape of the API: `{"error":{"code","message","hint"}}`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base::error::chain;
use wire::error::{Code, ErrorBody, ErrorDetail};

use crate::control;

/// A refusal or failure on its way to the client. The message says what failed, the hint what to do.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// The fitting HTTP status.
    pub status: StatusCode,
    /// A stable word for programs.
    pub code: &'static str,
    /// What failed, for people. Never a secret.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl ApiError {
    fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { status, code, message: message.into(), hint: hint.into() }
    }

    /// No or wrong credentials.
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            Code::Unauthorized.name(),
            "this door opens with the control secret",
            "send `Authorization: Bearer SECRET`; `seawall up` prints the secret. A run token is never accepted here",
        )
    }

    /// A `Host` that is not ours.
    pub fn misdirected() -> Self {
        Self::new(
            StatusCode::MISDIRECTED_REQUEST,
            "wrong_host",
            "the request was addressed to a host that this server is not",
            "use 127.0.0.1 or localhost, or add the name to `control.hosts`",
        )
    }

    /// An unsafe method from another site.
    pub fn cross_site() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "cross_site",
            "a page of another site may not change anything here",
            "use the dashboard itself, or send the secret as a bearer token",
        )
    }

    /// Nothing is called that.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            Code::NotFound.name(),
            what,
            "see `seawall runs`, or /api/v1/runs, for what there is",
        )
    }

    /// No issue that is being worked on is called that; the code is Symphony's.
    pub fn issue_not_found() -> Self {
        let hint = "/api/v1/why/{issue} says why an issue is not being worked on";
        Self::new(StatusCode::NOT_FOUND, Code::IssueNotFound.name(), "Issue not found", hint)
    }

    /// A delivery that wakes nobody. Says no more than a stranger may know.
    pub fn webhook_refused(why: String) -> Self {
        let hint = "set tracker.provider.webhook_secret to the secret that the provider signs with";
        Self::new(StatusCode::FORBIDDEN, "webhook_refused", why, hint)
    }

    /// The parts of a snapshot did not answer in time; the code is Symphony's.
    pub fn snapshot_timeout() -> Self {
        let hint = "the machine or the store is busy; try again";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "snapshot_timeout", "Snapshot timed out", hint)
    }

    /// A snapshot cannot be had; the code is Symphony's.
    pub fn snapshot_unavailable() -> Self {
        let hint = "`seawall doctor` says what is broken";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "snapshot_unavailable", "Snapshot unavailable", hint)
    }

    /// The method does not belong to the path.
    pub fn method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            Code::MethodNotAllowed.name(),
            "this path does not answer to that method",
            "the `allow` header names the methods it answers to",
        )
    }

    /// A body, path or query that cannot be read.
    pub fn bad_request(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::InvalidRequest.name(), message, hint)
    }

    /// All places of the live feed are taken.
    pub fn too_many_feeds(most: usize) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_feeds",
            format!("all {most} places of the live feed are taken"),
            "close a dashboard tab, or read /api/v1/runs/{id}/log in pages",
        )
    }

    /// The body is larger than the `most` bytes that this door reads of it.
    pub fn too_large(most: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            Code::TooLarge.name(),
            format!("the body is larger than {most} bytes"),
            "send less; where it has a reason, a shorter one",
        )
    }

    /// The body did not come in time.
    pub fn slow(what: String) -> Self {
        let hint = "send it again; the tracker is read at its next poll all the same";
        Self::new(StatusCode::REQUEST_TIMEOUT, "slow_request", what, hint)
    }

    /// Something of ours failed; logged here, because nobody above handles it.
    pub fn internal(what: &'static str, error: &dyn std::error::Error) -> Self {
        tracing::error!(what, error = chain(error), "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            Code::Internal.name(),
            format!("{what}: {}", chain(error)),
            "try again; if it stays, `seawall doctor` says what is broken",
        )
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error = ErrorDetail { code: self.code.to_owned(), message: self.message, hint: self.hint };
        (self.status, Json(ErrorBody { error })).into_response()
    }
}

impl From<store::Error> for ApiError {
    fn from(error: store::Error) -> Self {
        Self::internal("the store did not answer", &error)
    }
}

impl From<control::Error> for ApiError {
    fn from(error: control::Error) -> Self {
        let message = error.to_string();
        match error {
            control::Error::UnknownScope(_) => Self::new(
                StatusCode::NOT_FOUND,
                "unknown_scope",
                message,
                "a scope is run/ID, agent/NAME, team/NAME, project/NAME or all",
            ),
            control::Error::NotStopped(_) => Self::new(
                StatusCode::CONFLICT,
                "not_stopped",
                message,
                "/api/v1/orders lists what is stopped",
            ),
            control::Error::Unavailable(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                Code::Unavailable.name(),
                message,
                "try again at once",
            ),
        }
    }
}
