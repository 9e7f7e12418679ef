//! Scenario files for the rehearsal model, put together from a few words.

use serde_json::{Value, json};

/// The text of a scenario file. The first script whose condition holds plays.
pub fn scenario(scripts: &[Value]) -> String {
    toml::to_string(&json!({ "script": scripts })).unwrap()
}

/// A script that plays when the request holds every text of `contains`.
pub fn script(name: &str, contains: &[&str], turns: &[Value]) -> Value {
    json!({ "name": name, "when": { "contains": contains }, "turn": turns })
}

/// A turn that only says something: the agent's last.
pub fn says(text: &str) -> Value {
    json!({ "text": text })
}

/// A turn that runs a shell command.
pub fn runs(command: &str) -> Value {
    json!({ "call": [{ "run": command }] })
}

/// A turn that calls a tool.
pub fn calls(tool: &str, arguments: Value) -> Value {
    json!({ "call": [{ "tool": tool, "arguments": arguments }] })
}

/// The same turn with another field, such as `delay` or `usage`.
pub fn with(mut turn: Value, field: &str, value: Value) -> Value {
    turn[field] = value;
    turn
}

/// An agent that says one thing slowly, over and over, until somebody stops it.
pub fn loops(name: &str, contains: &[&str]) -> Value {
    let turn = with(runs("cat README.md"), "text", json!("Let me think about it once more. ".repeat(20)));
    script(name, contains, &[with(with(turn, "chunk_delay", json!("100ms")), "repeat", json!(true))])
}

/// An author that adds one new file, whatever the issue.
pub fn adds_a_note(name: &str, contains: &[&str]) -> Value {
    script(name, contains, &[runs("echo done >$(mktemp note-XXXXXX)"), says("Added a note.")])
}

/// A reviewer that finds nothing, for every team.
pub fn reviews_clean() -> Value {
    script(
        "review",
        &["for team ", ", round "],
        &[calls("submit_review", json!({ "findings": [] })), says("Clean.")],
    )
}

/// Every issue gets a note, every review is clean.
pub fn notes() -> String {
    scenario(&[reviews_clean(), adds_a_note("author", &["Work on "])])
}
