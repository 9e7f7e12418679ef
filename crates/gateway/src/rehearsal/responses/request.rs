//! Reads a request to `POST /v1/responses`.

use crate::rehearsal::dialect::Heard;
use crate::rehearsal::tools::{Kind, Tool};
use serde_json::Value;

/// The conversation: `input`, item by item.
pub(super) fn heard(request: &Value) -> Vec<Heard<'_>> {
    let items = request["input"].as_array().into_iter().flatten();
    items
        .map(
            |item| {
                if by_model(item) { Heard::Model { call: item["call_id"].as_str() } } else { Heard::Other }
            },
        )
        .collect()
}

fn by_model(item: &Value) -> bool {
    let kind = item["type"].as_str().unwrap_or("message");
    match kind {
        "message" => item["role"] == "assistant",
        "reasoning" => true,
        kind => kind.ends_with("_call"),
    }
}

/// Everything the input says.
pub(super) fn text(request: &Value) -> String {
    let mut text = String::new();
    match &request["input"] {
        Value::String(all) => text.push_str(all),
        Value::Array(items) => items.iter().for_each(|item| add_text(item, &mut text)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {}
    }
    text
}

fn add_text(item: &Value, text: &mut String) {
    for field in ["content", "output", "text"] {
        match &item[field] {
            Value::String(part) => {
                text.push_str(part);
                text.push('\n');
            }
            // Parts hold their text in `text`; nothing nests deeper.
            Value::Array(parts) => {
                for part in parts.iter().filter_map(|part| part["text"].as_str()) {
                    text.push_str(part);
                    text.push('\n');
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {}
        }
    }
}

/// The tools of `body`: `tools`, and for some models an input item of type `additional_tools`.
pub(super) fn offered(body: &Value) -> Vec<Tool<'_>> {
    let mut found = Vec::new();
    let lists = body["input"].as_array().into_iter().flatten();
    let lists = lists.filter(|item| item["type"] == "additional_tools").map(|item| &item["tools"]);
    for list in std::iter::once(&body["tools"]).chain(lists) {
        collect(list, None, &mut found);
    }
    found
}

fn collect<'a>(list: &'a Value, namespace: Option<&'a str>, found: &mut Vec<Tool<'a>>) {
    for tool in list.as_array().into_iter().flatten() {
        let Some(name) = tool["name"].as_str() else { continue };
        match tool["type"].as_str() {
            Some("function") => {
                found.push(Tool { name, namespace, kind: Kind::Function, parameters: &tool["parameters"] });
            }
            Some("custom") => {
                found.push(Tool { name, namespace, kind: Kind::Custom, parameters: &Value::Null });
            }
            // Namespaces do not nest.
            Some("namespace") if namespace.is_none() => collect(&tool["tools"], Some(name), found),
            Some(_) | None => {}
        }
    }
}
