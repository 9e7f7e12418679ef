//! Why the model gave no answer, and whether asking again can help.

use std::time::Duration;

use domain::failure::{Failure, FailureKind};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{HeaderMap, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::Value;

/// Silence of the gateway after which a request is made again. Models think for minutes before the first event.
pub(super) const SILENCE: Duration = Duration::from_secs(300);
/// An error body beyond this is not read, bytes.
const MAX_ERROR_BYTES: usize = 64 * 1024;
/// Of an error's text, what is kept, characters.
const ERROR_START: usize = 500;
/// Codes that say no request of this run will be answered again.
const SPENT: [&str; 3] = ["insufficient_quota", "usage_limit_reached", "billing_hard_limit_reached"];
/// Codes by which the gateway says that the run may not call any more: it is contained, or another claim has it.
const STOPPED: [&str; 2] = ["contained", "stale_run"];
/// Codes of failed responses that may pass.
const PASSING: [&str; 4] =
    ["server_error", "rate_limit_exceeded", "server_is_overloaded", "overloaded_error"];

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Asking again cannot help.
    Final(Failure),
    /// Asking again may help, after the time the server asked for.
    Passing { why: String, after: Option<Duration> },
}

/// What a status other than 200 means.
pub(super) async fn refused(response: Response<Incoming>) -> Trouble {
    let (parts, body) = response.into_parts();
    let read = tokio::time::timeout(SILENCE, Limited::new(body, MAX_ERROR_BYTES).collect()).await;
    let body = read.ok().and_then(Result::ok).map(|body| body.to_bytes()).unwrap_or_default();
    let error =
        serde_json::from_slice::<Value>(&body).map(|mut body| body["error"].take()).unwrap_or_default();
    judge(parts.status, &parts.headers, &error)
}

fn judge(status: StatusCode, headers: &HeaderMap, error: &Value) -> Trouble {
    let said = format!("{} {}", status.as_u16(), text_of(error));
    if let Some(kind) = kind_of(error) {
        return last(kind, &said);
    }
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let may_pass = status.is_server_error() || [408, 409, 425, 429].contains(&status.as_u16());
    if !may_pass || header("x-should-retry") == Some("false") {
        return last(FailureKind::Model, &format!("the gateway refused: {said}"));
    }
    let seconds = header(RETRY_AFTER.as_str()).and_then(|text| text.trim().parse().ok());
    again(&said, seconds.map(Duration::from_secs))
}

/// What a stream's own error means.
pub(super) fn failed(error: &Value, after: Option<Duration>) -> Trouble {
    let said = text_of(error);
    if let Some(kind) = kind_of(error) {
        return last(kind, &said);
    }
    let code = error["code"].as_str().or(error["type"].as_str()).unwrap_or_default();
    if PASSING.contains(&code) {
        return again(&said, after);
    }
    last(FailureKind::Model, &format!("the model failed: {said}"))
}

/// What the gateway refuses for good, by name.
fn kind_of(error: &Value) -> Option<FailureKind> {
    let codes = || [&error["code"], &error["type"]].into_iter().filter_map(Value::as_str);
    if codes().any(|code| SPENT.contains(&code)) {
        return Some(FailureKind::BudgetSpent);
    }
    codes().any(|code| STOPPED.contains(&code)).then_some(FailureKind::Refused)
}

fn text_of(error: &Value) -> String {
    let code = error["code"].as_str().or(error["type"].as_str()).unwrap_or("error");
    let message = error["message"].as_str().unwrap_or("no message");
    format!("{code}: {message}").chars().take(ERROR_START).collect()
}

pub(super) fn passing(what: &str, error: &dyn std::error::Error) -> Trouble {
    again(&format!("{what}: {}", base::error::chain(error)), None)
}

pub(super) fn again(why: &str, after: Option<Duration>) -> Trouble {
    Trouble::Passing { why: why.to_owned(), after }
}

pub(super) fn last(kind: FailureKind, detail: &str) -> Trouble {
    Trouble::Final(Failure::new(kind, detail))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(status: u16, headers: &[(&'static str, &'static str)], code: &str, expect: &str) {
        let pairs = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let error = json!({"code": code, "message": "m"});
        let got = match judge(StatusCode::from_u16(status).unwrap(), &pairs.collect(), &error) {
            Trouble::Final(failure) => failure.kind.name().to_owned(),
            Trouble::Passing { after, .. } => format!("again {:?}", after.map(|after| after.as_secs())),
        };
        assert_eq!(got, expect, "{status} {code}");
    }

    #[test]
    fn only_what_may_pass_is_asked_again() {
        check(429, &[("retry-after", "7")], "rate_limit_exceeded", "again Some(7)");
        check(429, &[], "insufficient_quota", "budget_spent");
        check(429, &[("x-should-retry", "false")], "rate_limit_exceeded", "model");
        check(403, &[], "contained", "refused");
        check(403, &[("x-should-retry", "false")], "stale_run", "refused");
        check(403, &[], "permission_denied", "model");
        check(400, &[], "bad", "model");
        check(503, &[], "", "again None");
    }

    #[test]
    fn a_stream_cut_by_a_containment_is_named() {
        let cut = failed(&json!({"code": "contained", "message": "m"}), None);
        assert!(matches!(cut, Trouble::Final(failure) if failure.kind == FailureKind::Refused));
    }
}
