//! Reads from a request which script is being played, and which turn comes next.
//!
//! A call id of ours is `call_SCRIPT-tTURN-N`: once a conversation has one, it names the script and the turn
//! that made it. Before that the script is found by its condition, and turns are counted by groups of items
//! that the model wrote.

use super::dialect::{Dialect, Heard};
use super::scenario::{Scenario, Script};
use serde_json::Value;

/// Where a conversation stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place<'a> {
    pub(super) script: &'a Script,
    /// The turn to play, from 0.
    pub(super) turn: usize,
}

/// The id of call number `number` (from 0) in `turn` of `script`.
pub(super) fn call_id(script: &str, turn: usize, number: usize) -> String {
    format!("call_{script}-t{turn}-{number}")
}

fn read_call_id(id: &str) -> Option<(&str, usize)> {
    let (rest, number) = id.strip_prefix("call_")?.rsplit_once('-')?;
    let _: usize = number.parse().ok()?;
    let (script, turn) = rest.rsplit_once("-t")?;
    Some((script, turn.parse().ok()?))
}

/// The place of the conversation in `request`; the error says which scripts exist.
pub(super) fn place<'a, D: Dialect>(scenario: &'a Scenario, request: &Value) -> Result<Place<'a>, String> {
    let history = history(scenario, &D::heard(request));
    let script = history.script.or_else(|| {
        let text = D::text(request);
        let model = request["model"].as_str().unwrap_or_default();
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

fn history<'a>(scenario: &'a Scenario, conversation: &[Heard<'_>]) -> History<'a> {
    let mut seen = History { script: None, turns: 0 };
    let mut within_group = false;
    for heard in conversation {
        let Heard::Model { call } = heard else {
            within_group = false;
            continue;
        };
        let ours = call.and_then(read_call_id).and_then(|(name, turn)| {
            Some((scenario.scripts.iter().find(|script| script.name == name)?, turn))
        });
        match ours {
            Some((script, turn)) => seen = History { script: Some(script), turns: turn.saturating_add(1) },
            None => seen.turns += usize::from(!within_group),
        }
        within_group = true;
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::messages::Messages;
    use crate::rehearsal::responses::Responses;
    use serde_json::json;

    const TEXT: &str = "[[script]]\nname = 'fix-it'\nwhen = { contains = ['bug', 'please'] }\n[[script.turn]]\n\
        text = 'a'\n[[script]]\nname = 'rest'\nwhen = { model = 'small' }\n[[script.turn]]\ntext = 'b'\n";

    fn check(input: Value, model: &str, expect: Result<(&str, usize), &str>) {
        check_in::<Responses>(&json!({"model": model, "input": input}), expect);
    }

    fn check_messages(messages: Value, expect: Result<(&str, usize), &str>) {
        check_in::<Messages>(&json!({"model": "large", "messages": messages}), expect);
    }

    fn check_in<D: Dialect>(body: &Value, expect: Result<(&str, usize), &str>) {
        let scenario = Scenario::parse(TEXT, "s.toml").unwrap();
        match (place::<D>(&scenario, body), expect) {
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

    #[test]
    fn messages_are_read_like_items() {
        let user = |text: &str| json!({"role": "user", "content": [{"type": "text", "text": text}]});
        let said = json!({"role": "assistant", "content": "hm"});
        let system = json!({"role": "system", "content": "please mend any bug"});
        let id = call_id("fix-it", 2, 1);
        let call = json!({"role": "assistant", "content": [{"type": "text", "text": "a"},
            {"type": "tool_use", "id": call_id("fix-it", 2, 0), "name": "x", "input": {}},
            {"type": "tool_use", "id": id, "name": "x", "input": {}}]});
        let found = |content: Value| json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": content}]});
        check_messages(json!([{"role": "user", "content": "please, the bug"}]), Ok(("fix-it", 0)));
        check_messages(json!([user("please"), said, user("the bug")]), Ok(("fix-it", 1)));
        check_messages(json!([user("hello"), system]), Err("fix-it"));
        check_messages(json!([user("hello"), call, found(json!("x"))]), Ok(("fix-it", 3)));
        check_messages(json!([user("hello"), call, found(json!("x")), said, user("on")]), Ok(("fix-it", 4)));
        let foreign =
            json!({"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "x"}]});
        let answered = found(json!([{"type": "text", "text": "please: bug"}]));
        check_messages(json!([user("hello"), foreign, answered]), Ok(("fix-it", 1)));
    }
}
