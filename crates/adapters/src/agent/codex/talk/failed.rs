//! Names a failed turn by what Codex says of it.

use domain::failure::{Failure, FailureKind};
use serde_json::Value;

/// What the gateway says when it refuses a run for good, with status 403: its code or its text, whichever of them
/// Codex passes on.
const STOPPED: [&str; 4] = [
    "\"contained\"",
    "\"stale_run\"",
    "calls are refused until a person lifts it",
    "an older claim of the run",
];

/// `codexErrorInfo` is a name, or an object with the name as its key.
pub(super) fn failure(error: &Value) -> Failure {
    let info = &error["codexErrorInfo"];
    let key = info.as_object().and_then(|object| object.keys().next()).map(String::as_str);
    let name = info.as_str().or(key).unwrap_or("other");
    let text = error_text(error);
    let status = key.and_then(|key| info[key]["httpStatusCode"].as_u64());
    let forbidden = status.map_or_else(|| text.contains("403"), |status| status == 403);
    let kind = match name {
        _ if forbidden && STOPPED.iter().any(|said| text.contains(said)) => FailureKind::Refused,
        "usageLimitExceeded" | "sessionBudgetExceeded" => FailureKind::BudgetSpent,
        "sandboxError" => FailureKind::Sandbox,
        _ => FailureKind::Model,
    };
    let status = status.map(|status| format!(" (HTTP {status})")).unwrap_or_default();
    Failure::new(kind, format!("{name}{status}: {text}"))
}

pub(super) fn error_text(error: &Value) -> String {
    error["message"].as_str().unwrap_or("codex gave no message").to_owned()
}
