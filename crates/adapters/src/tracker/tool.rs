//! The tool `tracker` that an agent may call: it can comment on its own issue and move it, and nothing else.
//!
//! The issue is fixed by the run, so the arguments carry no id that could point at another one.

use super::{Remark, ToolContext, Tracker};
use crate::agent::{ToolAnswer, ToolSpec};
use serde::Deserialize;
use serde_json::Value;

/// The tool's name.
pub const NAME: &str = "tracker";
/// What it does, for the model.
pub const DESCRIPTION: &str = "Comment on the issue you are working on, or move it to another state.";
/// The JSON Schema (2020-12) of its arguments.
pub const SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"required":["action"],"properties":{"action":{"type":"string","enum":["comment","move"],"description":"comment adds text to the issue; move changes its state"},"text":{"type":"string","description":"the comment, markdown, at most 8000 characters; needed by comment"},"state":{"type":"string","description":"the new state; needed by move"}}}"#;
/// A longer comment is a report, and belongs into the change.
pub const MAX_COMMENT_CHARS: usize = 8_000;

/// A checked call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolCall {
    /// Add a comment.
    Comment {
        /// Markdown, not blank.
        text: String,
    },
    /// Move the issue.
    Move {
        /// One of the allowed states, as the caller spells it.
        state: String,
    },
}

/// Why a call is not one; the text goes back to the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// Not the shape of the schema.
    #[error("the arguments do not fit: {0}")]
    Shape(String),
    /// `comment` without text.
    #[error("comment needs a text that is not blank")]
    NoText,
    /// Too long.
    #[error("the comment has {0} characters; at most {MAX_COMMENT_CHARS} are accepted")]
    TooLong(usize),
    /// `move` to a state that is not open to the agent.
    #[error("you may not move the issue to {state:?}; allowed: {allowed}")]
    State {
        /// What was asked for.
        state: String,
        /// What may be asked for.
        allowed: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    action: Action,
    text: Option<String>,
    state: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Comment,
    Move,
}

/// The tool, for the trackers that have none of their own.
pub fn spec() -> ToolSpec {
    ToolSpec {
        name: NAME.to_owned(),
        description: DESCRIPTION.to_owned(),
        input_schema: serde_json::from_str(SCHEMA).unwrap_or(Value::Null),
    }
}

/// Answers the tool for an agent that may move its issue to any state of the tracker.
pub(super) async fn answer(
    tracker: &dyn Tracker,
    name: &str,
    arguments: Value,
    context: &ToolContext,
) -> ToolAnswer {
    if name != NAME {
        return ToolAnswer { ok: false, text: format!("there is no tool `{name}`") };
    }
    // Which states there are is the tracker's business; it refuses what it does not have.
    let asked: Vec<String> = arguments["state"].as_str().map(str::to_owned).into_iter().collect();
    let done = match ToolCall::parse(&arguments, &asked) {
        Ok(call) => perform(tracker, call, context).await,
        Err(error) => Err(error.to_string()),
    };
    match done {
        Ok(text) => ToolAnswer { ok: true, text },
        Err(text) => ToolAnswer { ok: false, text },
    }
}

/// Does what a checked call asks for.
pub async fn perform(tracker: &dyn Tracker, call: ToolCall, context: &ToolContext) -> Result<String, String> {
    let told = |error: super::Error| base::error::chain(&error);
    let issue = &context.issue.id;
    match call {
        ToolCall::Comment { text } => {
            let remark = Remark { author: context.author.clone(), text, at: context.now };
            tracker.remark(issue, &remark, &context.mark).await.map_err(told)?;
            Ok("commented".to_owned())
        }
        ToolCall::Move { state } => {
            tracker.move_to(issue, &state, &context.mark).await.map_err(told)?;
            Ok(format!("moved to {state}"))
        }
    }
}

impl ToolCall {
    /// Reads the arguments of a call (a JSON object). `allowed` are the states the agent may move to; they are
    /// compared without case and outer blanks.
    pub fn parse(arguments: &serde_json::Value, allowed: &[String]) -> Result<Self, ToolError> {
        let arguments = Arguments::deserialize(arguments).map_err(|e| ToolError::Shape(e.to_string()))?;
        match arguments.action {
            Action::Comment => comment(arguments.text.unwrap_or_default()),
            Action::Move => move_to(arguments.state.unwrap_or_default(), allowed),
        }
    }
}

fn comment(text: String) -> Result<ToolCall, ToolError> {
    let chars = text.chars().count();
    if text.trim().is_empty() {
        return Err(ToolError::NoText);
    }
    if chars > MAX_COMMENT_CHARS {
        return Err(ToolError::TooLong(chars));
    }
    Ok(ToolCall::Comment { text })
}

fn move_to(state: String, allowed: &[String]) -> Result<ToolCall, ToolError> {
    match allowed.iter().find(|known| known.trim().eq_ignore_ascii_case(state.trim())) {
        Some(known) => Ok(ToolCall::Move { state: known.clone() }),
        None => Err(ToolError::State { state, allowed: allowed.join(", ") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(arguments: serde_json::Value) -> Result<ToolCall, ToolError> {
        ToolCall::parse(&arguments, &["Human Review".to_owned()])
    }

    #[test]
    fn the_schema_is_json_and_names_what_is_parsed() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        let keys: Vec<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["action", "state", "text"]);
    }

    #[test]
    fn a_move_is_limited_to_allowed_states_and_takes_their_spelling() {
        let moved = parse(json!({"action": "move", "state": " human review"}));
        assert_eq!(moved, Ok(ToolCall::Move { state: "Human Review".into() }));
        assert!(matches!(parse(json!({"action": "move", "state": "Done"})), Err(ToolError::State { .. })));
        assert!(matches!(parse(json!({"action": "move"})), Err(ToolError::State { .. })));
    }

    #[test]
    fn odd_arguments_are_answered_not_obeyed() {
        assert_eq!(parse(json!({"action": "comment", "text": " "})), Err(ToolError::NoText));
        let long = "x".repeat(MAX_COMMENT_CHARS + 1);
        assert!(matches!(parse(json!({"action": "comment", "text": long})), Err(ToolError::TooLong(_))));
        for odd in
            [json!(null), json!([]), json!({"action": "close"}), json!({"action": "move", "id": "X-1"})]
        {
            assert!(matches!(parse(odd), Err(ToolError::Shape(_))));
        }
    }
}
