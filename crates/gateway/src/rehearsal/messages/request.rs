//! Reads a request to `POST /v1/messages`.

use crate::rehearsal::dialect::Heard;
use crate::rehearsal::tools::{Kind, Tool};
use serde_json::Value;

/// The conversation: `messages`, block by block.
pub(super) fn heard(request: &Value) -> Vec<Heard<'_>> {
    messages(request).flat_map(heard_in).collect()
}

fn heard_in(message: &Value) -> Vec<Heard<'_>> {
    if message["role"] != "assistant" {
        return vec![Heard::Other];
    }
    let blocks = message["content"].as_array().filter(|blocks| !blocks.is_empty());
    match blocks {
        Some(blocks) => blocks.iter().map(|block| Heard::Model { call: call_of(block) }).collect(),
        None => vec![Heard::Model { call: None }],
    }
}

fn call_of(block: &Value) -> Option<&str> {
    block["id"].as_str().filter(|_| block["type"] == "tool_use")
}

/// What users, tools and the model say. Messages of the role `system` are the client's own words, as `system` is: Claude
/// Code describes itself in them at length, and any condition would fit.
pub(super) fn text(request: &Value) -> String {
    let mut text = String::new();
    messages(request)
        .filter(|message| message["role"] != "system")
        .for_each(|message| add(&message["content"], &mut text));
    text
}

/// The client's tools. Those that the provider runs itself have a type and no schema; nobody here runs them.
pub(super) fn offered(request: &Value) -> Vec<Tool<'_>> {
    let tools = request["tools"].as_array().into_iter().flatten();
    let own = tools.filter(|tool| matches!(tool["type"].as_str(), None | Some("custom")));
    let named = own.filter_map(|tool| Some((tool["name"].as_str()?, &tool["input_schema"])));
    named.map(|(name, parameters)| Tool { name, namespace: None, kind: Kind::Function, parameters }).collect()
}

fn messages(request: &Value) -> impl Iterator<Item = &Value> {
    request["messages"].as_array().into_iter().flatten()
}

/// A text; or blocks of text and of what tools answered, which is a text or blocks of text again.
fn add(content: &Value, text: &mut String) {
    let mut line = |part: &str| {
        text.push_str(part);
        text.push('\n');
    };
    if let Some(whole) = content.as_str() {
        line(whole);
    }
    for block in content.as_array().into_iter().flatten() {
        let answered = block["content"].as_array().into_iter().flatten().map(|part| &part["text"]);
        let parts = [&block["text"], &block["content"]].into_iter().chain(answered);
        parts.filter_map(Value::as_str).for_each(&mut line);
    }
}
