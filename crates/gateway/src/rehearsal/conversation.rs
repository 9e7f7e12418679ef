//! Reads from a request which script is being played, and which turn comes next.
//!
//! A call id of ours is `call_SCRIPT-tTURN-N`: once a conversation has one, it names the script and the turn
//! that made it. Before that the script is found by its condition, and turns are counted by groups of items
//! that the model wrote.

use super::scenario::{Scenario, Script};
use serde_json::Value;

/// Where a conversation stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place<'a> {
    pub(crate) script: &'a Script,
    /// The turn to play, from 0.
    pub(crate) turn: usize,
}

/// The id of call number `number` (from 0) in `turn` of `script`.
pub(crate) fn call_id(script: &str, turn: usize, number: usize) -> String {
    format!("call_{script}-t{turn}-{number}")
}

fn read_call_id(id: &str) -> Option<(&str, usize)> {
    let (rest, number) = id.strip_prefix("call_")?.rsplit_once('-')?;
    let _: usize = number.parse().ok()?;
    let (script, turn) = rest.rsplit_once("-t")?;
    Some((script, turn.parse().ok()?))
}

/// The place of the conversation in `body` (a parsed request); the error says which scripts exist.
pub(crate) fn place<'a>(scenario: &'a Scenario, body: &Value) -> Result<Place<'a>, String> {
    let input = &body["input"];
    let history = history(scenario, input);
    let script = history.script.or_else(|| {
        let text = text_of(input);
        let model = body["model"].as_str().unwrap_or_default();
        scenario.scripts.iter().find(|script| plays(script, &text, model))
    });
    match script {
        Some(script) => Ok(Place { script, turn: history.turns }),
        None => Err(no_script(scenario)),
    }
}

fn plays(script: &Script, text: &str, model: &str) -> bool {
    script.when.contains.iter().all(|part| text.contains(part.as_str()))
        && script.when.model.as_deref().is_none_or(|wanted| wanted == model)
}

fn no_script(scenario: &Scenario) -> String {
    let conditions = scenario.scripts.iter().map(|script| {
        let model = script.when.model.as_ref().map(|m| format!(", model {m:?}")).unwrap_or_default();
        format!("{} (contains {:?}{model})", script.name, script.when.contains)
    });
    let list: Vec<_> = conditions.collect();
    format!("no script of {} plays this conversation; it has: {}", scenario.file, list.join("; "))
}

struct History<'a> {
    script: Option<&'a Script>,
    turns: usize,
}

fn history<'a>(scenario: &'a Scenario, input: &Value) -> History<'a> {
    let mut seen = History { script: None, turns: 0 };
    let mut within_group = false;
    for item in input.as_array().into_iter().flatten() {
        let ours = call_of(item).and_then(read_call_id).and_then(|(name, turn)| {
            Some((scenario.scripts.iter().find(|script| script.name == name)?, turn))
        });
        match ours {
            Some((script, turn)) => {
                seen = History { script: Some(script), turns: turn.saturating_add(1) };
                within_group = true;
            }
            None if by_model(item) => {
                seen.turns += usize::from(!within_group);
                within_group = true;
            }
            None => within_group = false,
        }
    }
    seen
}

/// The id of the call that an item makes (not of one that it answers).
fn call_of(item: &Value) -> Option<&str> {
    by_model(item).then(|| item["call_id"].as_str()).flatten()
}

fn by_model(item: &Value) -> bool {
    let kind = item["type"].as_str().unwrap_or("message");
    match kind {
        "message" => item["role"] == "assistant",
        "reasoning" => true,
        kind => kind.ends_with("_call"),
    }
}

/// Everything the input says, instructions of tools and ids left out.
fn text_of(input: &Value) -> String {
    let mut text = String::new();
    match input {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TEXT: &str = "[[script]]\nname = 'fix-it'\nwhen = { contains = ['bug', 'please'] }\n[[script.turn]]\n\
        text = 'a'\n[[script]]\nname = 'rest'\nwhen = { model = 'small' }\n[[script.turn]]\ntext = 'b'\n";

    fn check(input: Value, model: &str, expect: Result<(&str, usize), &str>) {
        let scenario = Scenario::parse(TEXT, "s.toml").unwrap();
        let body = json!({"model": model, "input": input});
        match (place(&scenario, &body), expect) {
            (Ok(place), Ok(wanted)) => assert_eq!((place.script.name.as_str(), place.turn), wanted, "{body}"),
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            (got, wanted) => panic!("{got:?} but {wanted:?} for {body}"),
        }
    }

    fn user(text: &str) -> Value {
        json!({"role": "user", "content": [{"type": "input_text", "text": text}]})
    }

    #[test]
    fn the_first_script_whose_condition_holds_plays() {
        check(json!("please mend the bug"), "large", Ok(("fix-it", 0)));
        check(json!([user("please"), user("the bug")]), "large", Ok(("fix-it", 0)));
        check(json!([user("hello")]), "small", Ok(("rest", 0)));
        check(json!([user("hello")]), "large", Err("fix-it (contains [\"bug\", \"please\"]); rest"));
    }

    #[test]
    fn a_call_of_ours_names_script_and_turn_whatever_the_text_says() {
        let call =
            json!({"type": "function_call", "call_id": call_id("rest", 4, 0), "name": "x", "arguments": ""});
        let output =
            json!({"type": "function_call_output", "call_id": call_id("rest", 4, 0), "output": "bug please"});
        check(json!([user("please"), call, output]), "large", Ok(("rest", 5)));
    }

    #[test]
    fn text_and_calls_of_one_answer_are_one_turn() {
        let said = json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]});
        let thought = json!({"type": "reasoning", "summary": []});
        let call =
            json!({"type": "custom_tool_call", "call_id": call_id("fix-it", 1, 0), "name": "x", "input": ""});
        let output =
            json!({"type": "custom_tool_call_output", "call_id": call_id("fix-it", 1, 0), "output": "x"});
        let opening = user("please, the bug");
        check(json!([opening, thought, said]), "m", Ok(("fix-it", 1)));
        check(json!([opening, said, user("go on"), said, call, output]), "m", Ok(("fix-it", 2)));
        check(
            json!([opening, said, user("go on"), said, call, output, said, user("more")]),
            "m",
            Ok(("fix-it", 3)),
        );
    }
}
