//! The one shape of every error of the control door.

use serde::{Deserialize, Serialize};

/// `{"error":{"code","message","hint"}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong, for a program (`code`) and for a person (`message`, `hint`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// A stable name; the ones this version makes are [`Code`].
    pub code: String,
    /// What failed.
    pub message: String,
    /// What to do about it; empty when there is nothing to do.
    #[serde(default)]
    pub hint: String,
}

/// The names of errors, each with its HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The request is not one we can read.
    InvalidRequest,
    /// No secret, or a wrong one.
    Unauthorized,
    /// The secret is right, but this is not allowed.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// There is no such issue; the name is Symphony's.
    IssueNotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// It contradicts what already is.
    Conflict,
    /// The body is larger than [`crate::MAX_REQUEST_BYTES`], a delivery's than [`crate::MAX_DELIVERY_BYTES`].
    TooLarge,
    /// A part we need does not answer.
    Unavailable,
    /// A fault of ours.
    Internal,
}

impl Code {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::IssueNotFound => "issue_not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound | Self::IssueNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }
}

impl ErrorBody {
    /// The body for `code`; `hint` may be empty.
    pub fn new(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Self {
        let (message, hint) = (message.into(), hint.into());
        Self { error: ErrorDetail { code: code.name().to_owned(), message, hint } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_has_the_shape_of_the_contract() {
        let body = ErrorBody::new(Code::NotFound, "no run `x`", "see `seawall runs`");
        assert_eq!(
            serde_json::to_string(&body).unwrap(),
            r#"{"error":{"code":"not_found","message":"no run `x`","hint":"see `seawall runs`"}}"#
        );
    }

    #[test]
    fn an_error_without_a_hint_is_read() {
        let body: ErrorBody =
            serde_json::from_str(r#"{"error":{"code":"later","message":"m","more":1}}"#).unwrap();
        assert_eq!((body.error.code.as_str(), body.error.hint.as_str()), ("later", ""));
    }
}
