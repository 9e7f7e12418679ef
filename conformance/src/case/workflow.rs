//! The workflow file of a case: the usual front matter with the case's own laid over it, written as YAML.
//!
//! Invariant: what is written reads back as the same values.

use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// What a case starts from: short intervals, so that it is quick, and limits that no case meets by accident.
pub(crate) fn usual() -> Map<String, Value> {
    let value = json!({
        "tracker": {
            "kind": "linear",
            "provider": {"endpoint": "{linear}", "api_key": "$LINEAR_API_KEY", "project_slug": "conformance"},
            "active_states": ["Todo", "In Progress"],
            "terminal_states": ["Done", "Cancelled"],
        },
        "polling": {"interval_ms": 250},
        "workspace": {"root": "{workspaces}"},
        "agent": {"max_concurrent_agents": 10, "max_turns": 1, "max_retry_backoff_ms": 1000},
        "codex": {
            "command": "{agent}", "approval_policy": "never", "read_timeout_ms": 10_000,
            "turn_timeout_ms": 60_000, "stall_timeout_ms": 60_000,
        },
    });
    value.as_object().cloned().unwrap_or_default()
}

/// The usual prompt: names the issue, so that a prompt can be told from a continuation.
pub(crate) const PROMPT: &str = "Please work on {{ issue.identifier }} with care.";

/// Lays `over` over `base`, map by map; null takes a key away.
pub(crate) fn lay_over(base: &mut Map<String, Value>, over: &Map<String, Value>) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (_, Value::Null) => {
                base.remove(key);
            }
            (Some(Value::Object(inner)), Value::Object(over)) => lay_over(inner, over),
            (Some(_) | None, value) => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The text of a workflow file.
pub(crate) fn text(front: &Map<String, Value>, prompt: &str) -> String {
    let mut yaml = String::new();
    write(&mut yaml, front, 0);
    format!("---\n{yaml}---\n\n{prompt}\n")
}

/// Maps as blocks; everything else as JSON, which YAML reads as it is.
fn write(yaml: &mut String, map: &Map<String, Value>, indent: usize) {
    for (key, value) in map {
        let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let key = if plain { key.clone() } else { json!(key).to_string() };
        // Writing to a String cannot fail.
        let _ = match value {
            Value::Object(inner) if !inner.is_empty() => {
                let begun = writeln!(yaml, "{:indent$}{key}:", "");
                write(yaml, inner, indent + 2);
                begun
            }
            other @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_)) => writeln!(yaml, "{:indent$}{key}: {other}", ""),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let mut front = usual();
        let over = json!({
            "polling": null, "codex": {"command": "FOO=1 x && y \"z\""},
            "agent": {"max_concurrent_agents_by_state": {" In Progress ": 2, "": 1}}, "hooks": {"before_run": "a\nb\n"},
        });
        lay_over(&mut front, over.as_object().unwrap());
        assert!(!front.contains_key("polling"));
        let text = text(&front, PROMPT);
        let yaml = text.strip_prefix("---\n").unwrap().split("---\n").next().unwrap();
        assert_eq!(serde_saphyr::from_str::<Value>(yaml).unwrap(), Value::Object(front));
    }
}
