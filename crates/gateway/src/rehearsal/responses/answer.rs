//! The response object, and errors.

use super::item::Named;
use crate::rehearsal::dialect::Said;
use crate::rehearsal::scenario::Fault;
use domain::Timestamp;
use domain::call::Usage;
use serde_json::{Value, json};

/// An answer, whole and as it begins.
pub(super) struct Answer<'a> {
    /// Without output and usage.
    pub(super) begun: Value,
    pub(super) items: Vec<Named<'a>>,
    pub(super) whole: Value,
}

impl<'a> Answer<'a> {
    pub(super) fn of(said: &Said<'a>) -> Self {
        let items: Vec<_> = said.items.iter().map(|item| Named::new(item, said.ids)).collect();
        let id = format!("resp_{}", said.ids.next());
        let mut whole = response(&id, said.request, said.now, "completed");
        whole["output"] = items.iter().map(Named::done).collect();
        whole["usage"] = usage_of(said.usage);
        Self { begun: response(&id, said.request, said.now, "in_progress"), items, whole }
    }
}

fn response(id: &str, request: &Value, now: Timestamp, status: &str) -> Value {
    let echoed = |key: &str, default: Value| request.get(key).cloned().unwrap_or(default);
    json!({
        "id": id,
        "object": "response",
        "created_at": now.0.div_euclid(1_000_000),
        "status": status,
        "background": false,
        "error": null,
        "incomplete_details": null,
        "instructions": echoed("instructions", Value::Null),
        "max_output_tokens": echoed("max_output_tokens", Value::Null),
        "metadata": echoed("metadata", json!({})),
        "model": echoed("model", Value::Null),
        "output": [],
        "parallel_tool_calls": echoed("parallel_tool_calls", true.into()),
        "previous_response_id": null,
        "reasoning": {"effort": null, "summary": null},
        "store": false,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        // Not echoed: a scenario's answer stays small however many tools were offered.
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": null,
        "user": null,
    })
}

fn usage_of(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    })
}

/// `fault` as the API words it.
pub(super) fn failed(fault: &Fault) -> Value {
    let kind = match fault.status {
        429 if fault.code == "insufficient_quota" => "insufficient_quota",
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    json!({"error": {"message": fault.message, "type": kind, "param": null, "code": fault.code}})
}
