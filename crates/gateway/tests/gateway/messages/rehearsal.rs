//! A rehearsal in the Messages API, and its streams as recorded.

use crate::house::{House, Plan, read};
use crate::rehearsal::golden;
use base::ids::Ids;
use domain::Timestamp;
use domain::call::{Status, Usage};
use gateway::Operation;
use gateway::rehearsal::{Scenario, answer};
use http_body_util::BodyExt;
use serde_json::{Value, json};

const SCENARIO: &str = "
[[script]]
name = 'fix'
when = { contains = ['mend'] }
[[script.turn]]
text = 'I look at the code first.'
usage = { input = 120, cached = 20, output = 9, reasoning = 3 }
[[script.turn.call]]
run = 'cat src/lib.rs'
[[script.turn.call]]
patch = '''
*** Begin Patch
*** Update File: src/lib.rs
@@
-old
+new
*** End Patch
'''
[[script.turn.call]]
tool = 'submit_review'
arguments = { verdict = 'fine' }
[[script.turn]]
text = 'Done.'
[[script.turn]]
error = { status = 529, code = 'overloaded_error', message = 'too many', retry_after = 2 }
[[script]]
name = 'breaks'
when = { contains = ['break'] }
[[script.turn]]
text = 'This text is long enough for several pieces.'
cut_after = 2
";

fn tools() -> Value {
    let named = |name: &str| json!({"name": name, "input_schema": {"type": "object"}});
    ["Bash", "Edit", "Read", "Write", "mcp__seawall__submit_review"].map(named).into()
}

fn asks(text: &str) -> Value {
    json!({"model": "large", "max_tokens": 50, "tools": tools(), "messages": [{"role": "user", "content": text}]})
}

/// The answer to `request`, whole, with seeded ids.
async fn played(operation: Operation, request: &Value) -> String {
    let scenario = Scenario::parse(SCENARIO, "golden.toml").unwrap();
    let body = request.to_string();
    let reply = answer(&scenario, operation, body.as_bytes(), 1000, &Ids::seeded(7), Timestamp(0));
    String::from_utf8(reply.body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn the_stream_of_a_message_is_as_recorded() {
    let mut request = asks("please mend it");
    request["stream"] = true.into();
    golden("message.sse", &played(Operation::CreateMessage, &request).await);
}

#[tokio::test]
async fn the_document_of_a_message_is_as_recorded() {
    let text = played(Operation::CreateMessage, &asks("please mend it")).await;
    let document: Value = serde_json::from_str(&text).unwrap();
    golden("message.json", &format!("{document:#}\n"));
}

#[tokio::test]
async fn a_conversation_of_messages_goes_from_turn_to_turn_by_its_own_content() {
    let house = House::open(Plan::rehearsal(SCENARIO)).await;
    let mut request = asks("please mend it");
    for (status, part) in [(200, "I look at the code first."), (200, "Done."), (529, "too many")] {
        let response = house.send(house.message("/v1/messages", &request.to_string())).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["x-seawall-rehearsal"]),
            (status, &"true".parse().unwrap())
        );
        let answer: Value = serde_json::from_slice(&read(response).await.unwrap()).unwrap();
        assert!(answer.to_string().contains(part), "{answer}");
        let messages = request["messages"].as_array_mut().unwrap();
        messages.push(json!({"role": "assistant", "content": answer["content"]}));
        let blocks = answer["content"].as_array().into_iter().flatten();
        let calls = blocks.filter(|block| block["type"] == "tool_use");
        let results =
            calls.map(|call| json!({"type": "tool_result", "tool_use_id": call["id"], "content": "break"}));
        messages.push(json!({"role": "user", "content": results.collect::<Vec<_>>()}));
    }
}

#[tokio::test]
async fn the_usage_that_a_scenario_states_is_the_one_that_is_recorded() {
    let house = House::open(Plan::rehearsal(SCENARIO)).await;
    let mut request = asks("please mend it");
    request["stream"] = true.into();
    read(house.send(house.message("/v1/messages", &request.to_string())).await).await.unwrap();
    let call = house.ledger.settled().await;
    let usage = Usage { input: 120, cached: 20, cache_write: 0, output: 9, reasoning: 3 };
    assert_eq!((call.usage, call.status, call.rehearsal), (usage, Status::Done, true));
}

#[tokio::test]
async fn a_scenario_can_break_a_message() {
    let house = House::open(Plan::rehearsal(SCENARIO)).await;
    for stream in [true, false] {
        let mut request = asks("break");
        request["stream"] = stream.into();
        let response = house.send(house.message("/v1/messages", &request.to_string())).await;
        assert!(read(response).await.is_err(), "streamed: {stream}");
    }
}

#[tokio::test]
async fn tokens_are_counted_by_the_bytes_without_a_script() {
    let request = asks("nobody plays this");
    let counted: Value = serde_json::from_str(&played(Operation::CountTokens, &request).await).unwrap();
    assert_eq!(counted, json!({"input_tokens": request.to_string().len().div_ceil(4)}));
}

#[tokio::test]
async fn what_no_script_plays_is_an_error_in_anthropics_shape() {
    let error: Value = serde_json::from_str(&played(Operation::CreateMessage, &asks("hello")).await).unwrap();
    assert_eq!((&error["type"], &error["error"]["type"]), (&json!("error"), &json!("invalid_request_error")));
    assert!(error["error"]["message"].as_str().unwrap().contains("breaks"), "{error}");
}
