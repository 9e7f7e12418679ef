//! Names a failed turn by what Claude Code says of it.

use domain::failure::{Failure, FailureKind};
use serde_json::Value;

use crate::agent::dialogue::start_of;

/// How the gateway says, with status 403, that it refuses a run for good.
const STOPPED: [&str; 4] =
    ["contained", "stale_run", "calls are refused until a person lifts it", "an older claim of the run"];

/// A `result` message with `is_error`.
pub(super) fn failure(result: &Value) -> Failure {
    let status = result["api_error_status"].as_u64();
    let text = text_of(result);
    let kind = match (result["subtype"].as_str().unwrap_or_default(), status) {
        (_, Some(402)) | ("error_max_budget_usd", _) => FailureKind::BudgetSpent,
        (_, Some(403)) if STOPPED.iter().any(|said| text.contains(said)) => FailureKind::Refused,
        ("error_max_turns", _) => FailureKind::TurnsExhausted,
        ("success", _) | (_, Some(_)) => FailureKind::Model,
        (_, None) => FailureKind::Protocol,
    };
    let reason = result["terminal_reason"].as_str().or(result["subtype"].as_str()).unwrap_or("failed");
    let status = status.map(|status| format!(" (HTTP {status})")).unwrap_or_default();
    Failure::new(kind, start_of(&format!("{reason}{status}: {text}")))
}

fn text_of(result: &Value) -> String {
    let errors = result["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let all: Vec<&str> = result["result"].as_str().into_iter().chain(errors).collect();
    if all.is_empty() { "claude gave no message".to_owned() } else { all.join("; ") }
}
