//! The message object and its blocks.

use crate::rehearsal::dialect::Said;
use crate::rehearsal::item::Item;
use crate::rehearsal::tools::{Invocation, Payload};
use domain::call::Usage;
use serde_json::{Value, json};

/// The message as it stands before its first block.
pub(super) fn begun(said: &Said<'_>) -> Value {
    // The one token of output that a message begins with.
    let usage = usage_of(Usage { output: 1, reasoning: 0, ..said.usage });
    json!({
        "id": format!("msg_{}", said.ids.next()),
        "type": "message",
        "role": "assistant",
        "model": said.request["model"],
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": usage,
    })
}

/// The whole message.
pub(super) fn whole(said: &Said<'_>) -> Value {
    let mut message = begun(said);
    message["content"] = said.items.iter().map(block).collect();
    message["stop_reason"] = stop_reason(said).into();
    message["usage"] = usage_of(said.usage);
    message
}

/// Why the message ends: a client that is told `tool_use` answers the calls.
pub(super) fn stop_reason(said: &Said<'_>) -> &'static str {
    let calls = said.items.iter().any(|item| matches!(item, Item::Call { .. }));
    if calls { "tool_use" } else { "end_turn" }
}

/// Tokens as this API counts them: `input_tokens` are those that were neither read from the cache nor written to it.
pub(super) fn usage_of(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.input.saturating_sub(usage.cached).saturating_sub(usage.cache_write),
        "cache_read_input_tokens": usage.cached,
        "cache_creation_input_tokens": usage.cache_write,
        "output_tokens": usage.output,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
    })
}

/// A block as it stands before its first piece.
pub(super) fn begun_block(item: &Item) -> Value {
    match item {
        Item::Message { .. } => json!({"type": "text", "text": ""}),
        Item::Call { call_id, invocation } => tool_use(call_id, invocation, json!({})),
    }
}

fn block(item: &Item) -> Value {
    match item {
        Item::Message { text } => json!({"type": "text", "text": text}),
        Item::Call { call_id, invocation } => tool_use(call_id, invocation, input(&invocation.payload)),
    }
}

fn tool_use(call_id: &str, invocation: &Invocation, input: Value) -> Value {
    json!({"type": "tool_use", "id": call_id, "name": invocation.name, "input": input})
}

fn input(payload: &Payload) -> Value {
    match payload {
        // Made from an object by `tools`; what could not be read would be one without fields.
        Payload::Arguments(text) => serde_json::from_str(text).unwrap_or_else(|_| json!({})),
        Payload::Input(text) => json!({"input": text}),
    }
}
