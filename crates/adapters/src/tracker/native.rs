//! What the provider-native tools have in common: how they answer an agent.
//!
//! Invariants: an answer is JSON, bounded, and without the token; what went wrong is told with a stable name, and the
//! session goes on.

use super::http::{Client, in_seconds};
use super::{Error, ToolContext};
use crate::agent::ToolAnswer;
use serde_json::{Value, json};

/// A longer answer would push everything else out of the model's memory.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// What the provider said; `ok` tells whether it did what was asked.
pub(super) fn answer(client: &Client, ok: bool, said: &Value) -> ToolAnswer {
    let text = client.scrub(&said.to_string());
    if text.len() > MAX_ANSWER_BYTES {
        let what = format!("the answer has {} bytes; ask for fewer fields or a smaller page", text.len());
        return refused(&what);
    }
    ToolAnswer { ok, text }
}

/// The provider was asked, or not asked, in vain.
pub(super) fn failed(client: &Client, error: &Error) -> ToolAnswer {
    let mut told = json!({"category": error.category().name(), "message": client.scrub(&error.to_string())});
    if let Error::RateLimited { retry_after } = error {
        told["message"] =
            json!(format!("the tracker asks for patience; try again {}", in_seconds(*retry_after)));
        told["retry_after_ms"] = json!(retry_after.map(|wait| wait.0));
    }
    failure(&told)
}

/// The arguments are not acceptable.
pub(super) fn refused(what: &str) -> ToolAnswer {
    failure(&json!({"category": "tracker_refused", "message": what}))
}

/// There is no such tool.
pub(super) fn unknown(name: &str, known: &str) -> ToolAnswer {
    refused(&format!("there is no tool {name:?}; there is {known:?}"))
}

/// The line of a log that says who did what with a tool.
pub(super) fn log(tool: &str, context: &ToolContext, ok: bool) {
    let (run, issue) = (&context.mark.run, &context.issue.identifier);
    tracing::info!(tool, %run, %issue, ok, "an agent used its tracker");
}

fn failure(error: &Value) -> ToolAnswer {
    ToolAnswer { ok: false, text: json!({"success": false, "error": error}).to_string() }
}
