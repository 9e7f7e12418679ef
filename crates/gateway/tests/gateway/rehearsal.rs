//! A rehearsal through the gateway, and its streams as recorded.

use crate::house::{House, Plan, read};
use base::ids::Ids;
use domain::Timestamp;
use domain::call::Status;
use gateway::Operation;
use gateway::rehearsal::{Scenario, answer};
use http_body_util::BodyExt;
use hyper::StatusCode;
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
patch = '*** Begin Patch'
[[script.turn]]
text = 'Done.'
[[script.turn]]
error = { status = 503, code = 'server_is_overloaded', retry_after = 2 }
[[script]]
name = 'breaks'
when = { contains = ['break'] }
[[script.turn]]
text = 'This text is long enough for several pieces.'
cut_after = 2
";

fn tools() -> Value {
    json!([{"type": "function", "name": "exec_command"}, {"type": "custom", "name": "apply_patch"}])
}

/// The answer to `request`, whole, with seeded ids.
async fn played(request: &Value) -> String {
    let scenario = Scenario::parse(SCENARIO, "golden.toml").unwrap();
    let reply = answer(
        &scenario,
        Operation::CreateResponse,
        request.to_string().as_bytes(),
        1000,
        &Ids::seeded(7),
        Timestamp(1_800_000_000_000_000),
    );
    let body = reply.body.collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

pub fn golden(name: &str, got: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, got).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        wanted == got,
        "{name} differs; run with UPDATE_GOLDEN=1 and look at the difference. Got:\n{got}"
    );
}

#[tokio::test]
async fn the_stream_is_as_recorded() {
    let request = json!({"model": "m", "stream": true, "input": "please mend it", "tools": tools()});
    golden("text-and-tools.sse", &played(&request).await);
}

#[tokio::test]
async fn the_document_is_as_recorded() {
    let request = json!({"model": "m", "input": "please mend it", "tools": tools()});
    let document: Value = serde_json::from_str(&played(&request).await).unwrap();
    golden("text-and-tools.json", &format!("{document:#}\n"));
}

#[tokio::test]
async fn a_conversation_goes_from_turn_to_turn_by_its_own_content() {
    let house = House::open(Plan::rehearsal(SCENARIO)).await;
    let mut input = vec![json!({"role": "user", "content": "please mend it"})];
    for (status, part) in [
        (StatusCode::OK, "I look at the code first."),
        (StatusCode::OK, "Done."),
        (StatusCode::SERVICE_UNAVAILABLE, "server_is_overloaded"),
    ] {
        let body = json!({"model": "large", "input": input, "tools": tools()});
        let response = house.send(house.request(&body.to_string())).await;
        assert_eq!(
            (response.status(), &response.headers()["x-seawall-rehearsal"]),
            (status, &"true".parse().unwrap())
        );
        let text = read(response).await.unwrap();
        assert!(String::from_utf8_lossy(&text).contains(part), "{text:?}");
        let answer: Value = serde_json::from_slice(&text).unwrap();
        for item in answer["output"].as_array().into_iter().flatten() {
            input.push(item.clone());
            if let Some(id) = item["call_id"].as_str() {
                input.push(json!({"type": "function_call_output", "call_id": id, "output": "break"}));
            }
        }
    }
}

#[tokio::test]
async fn a_scenario_can_break_the_stream() {
    let house = House::open(Plan::rehearsal(SCENARIO)).await;
    let body = json!({"model": "large", "stream": true, "input": "break"});
    let response = house.send(house.request(&body.to_string())).await;
    assert!(read(response).await.is_err());
    let call = house.ledger.settled().await;
    assert_eq!((call.status, call.rehearsal), (Status::Broken, true));
}

#[tokio::test]
async fn what_no_script_plays_is_an_error_that_names_them() {
    let house = House::open(Plan::rehearsal(SCENARIO)).await;
    let body = json!({"model": "large", "input": "hello"});
    let response = house.send(house.request(&body.to_string())).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let text = read(response).await.unwrap();
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("fix") && text.contains("breaks"), "{text}");
}

proptest::proptest! {
    #[test]
    fn an_estimated_answer_never_costs_more_than_was_reserved(
        messages: bool, text in "\\PC{0,400}", asked in proptest::option::of(1u64..50), pad in "\\PC{0,200}",
    ) {
        let toml = format!("[[script]]\nname = 'a'\n[[script.turn]]\ntext = {}\n", json!(text));
        let Ok(scenario) = Scenario::parse(&toml, "p.toml") else { return Ok(()) };
        let (operation, body) = if messages {
            (Operation::CreateMessage, json!({"model": "m", "messages": [{"role": "user", "content": pad}], "max_tokens": asked}))
        } else {
            (Operation::CreateResponse, json!({"model": "m", "input": pad, "max_output_tokens": asked}))
        };
        let body = body.to_string();
        let price = domain::call::Price { input: domain::MicroUsd(3), output: domain::MicroUsd(5_000_000), max_output_tokens: 30, ..Default::default() };
        let most = asked.map_or(30, |asked| asked.min(30));
        let reply = answer(&scenario, operation, body.as_bytes(), most, &Ids::seeded(1), Timestamp(0));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let whole = runtime.block_on(reply.body.collect()).unwrap().to_bytes();
        let answer: Value = serde_json::from_slice(&whole).unwrap();
        let tokens = |key: &str| answer["usage"][key].as_u64().unwrap();
        let usage = domain::call::Usage { input: tokens("input_tokens"), output: tokens("output_tokens"), ..Default::default() };
        proptest::prop_assert!(price.cost(usage) <= price.most(body.len() as u64, asked));
    }
}
