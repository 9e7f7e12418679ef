//! One request in, one answer out.

use super::conversation::{self, Place};
use super::frames::{self, Pace};
use super::item::Item;
use super::playback::{Playback, Step};
use super::scenario::{Act, Fault, Play, Scenario, Turn};
use super::tools::{self, Invocation};
use base::ids::Ids;
use bytes::Bytes;
use domain::call::Usage;
use domain::{Millis, Timestamp};
use serde_json::{Value, json};

/// A model writes about one token for four bytes.
const BYTES_PER_TOKEN: u64 = 4;

/// A rehearsal's answer to one request.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `text/event-stream` or `application/json`.
    pub content_type: &'static str,
    /// The `retry-after` header, seconds.
    pub retry_after: Option<u32>,
    /// The wait before the head of the answer goes out.
    pub delay: Millis,
    /// What follows.
    pub body: Playback,
}

/// Answers `body`, a request to `POST /v1/responses`. `ids` name the answer and its items; `max_output_tokens`
/// bounds the usage that is estimated (not one that the scenario states). Never fails: what cannot be played
/// is an error answer that says why, in the shape of the real API.
pub fn answer(scenario: &Scenario, body: &[u8], max_output_tokens: u64, ids: &Ids, now: Timestamp) -> Reply {
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        return refused("the body is not JSON; send application/json");
    };
    let place = match conversation::place(scenario, &request) {
        Ok(place) => place,
        Err(why) => return refused(&why),
    };
    let Some(turn) = place.script.turn(place.turn) else {
        let script = &place.script.name;
        let turns = place.script.turns.len();
        return refused(&format!(
            "script {script} of scenario {} has no turn {}; it ends after {turns}, or let its last turn repeat",
            scenario.file,
            place.turn + 1
        ));
    };
    match &turn.play {
        Play::Fail(fault) => failed(fault, turn.delay),
        Play::Say { text, acts } => {
            let invocations = match invocations(acts, &request) {
                Ok(invocations) => invocations,
                Err(why) => return refused(&why),
            };
            let items = items(text.as_deref(), invocations, place, ids);
            let usage = turn.usage.unwrap_or_else(|| estimate(body, &items, max_output_tokens));
            said(&request, turn, &items, usage, ids, now)
        }
    }
}

fn invocations(acts: &[Act], request: &Value) -> Result<Vec<Invocation>, String> {
    let offered = tools::offered(request);
    acts.iter().map(|act| tools::invoke(act, &offered)).collect()
}

fn items(text: Option<&str>, invocations: Vec<Invocation>, place: Place<'_>, ids: &Ids) -> Vec<Item> {
    let message = text.map(|text| Item::Message { id: format!("msg_{}", ids.next()), text: text.to_owned() });
    let calls = invocations.into_iter().enumerate().map(|(number, invocation)| {
        let prefix = match invocation.payload {
            tools::Payload::Arguments(_) => "fc",
            tools::Payload::Input(_) => "ctc",
        };
        let call_id = conversation::call_id(&place.script.name, place.turn, number);
        Item::Call { id: format!("{prefix}_{}", ids.next()), call_id, invocation }
    });
    message.into_iter().chain(calls).collect()
}

fn estimate(body: &[u8], items: &[Item], max_output_tokens: u64) -> Usage {
    let tokens = |bytes: u64| bytes.div_ceil(BYTES_PER_TOKEN);
    let written: u64 = items.iter().map(|item| item.content().len() as u64).sum();
    let output = tokens(written).max(1).min(max_output_tokens);
    Usage { input: tokens(body.len() as u64), output, ..Usage::default() }
}

fn said(request: &Value, turn: &Turn, items: &[Item], usage: Usage, ids: &Ids, now: Timestamp) -> Reply {
    let id = format!("resp_{}", ids.next());
    let begun = response(&id, request, now, "in_progress");
    let mut whole = response(&id, request, now, "completed");
    whole["output"] = items.iter().map(Item::done).collect();
    whole["usage"] = usage_of(usage);
    if request["stream"] == true {
        let pace = Pace { delay: turn.delay, chunk_delay: turn.chunk_delay, cut_after: turn.cut_after };
        let body = Playback::new(frames::stream(&begun, items, &whole, pace));
        return Reply {
            status: 200,
            content_type: "text/event-stream",
            retry_after: None,
            delay: Millis(0),
            body,
        };
    }
    let mut steps = vec![Step::Send(Bytes::from(whole.to_string()))];
    if turn.cut_after.is_some() {
        // Half of a JSON document, then nothing: what a broken connection looks like without streaming.
        let half = whole.to_string();
        let half = half.as_bytes()[..half.len() / 2].to_vec();
        steps = vec![Step::Send(Bytes::from(half)), Step::Cut];
    }
    let body = Playback::new(steps);
    Reply { status: 200, content_type: "application/json", retry_after: None, delay: turn.delay, body }
}

fn response(id: &str, request: &Value, now: Timestamp, status: &str) -> Value {
    let echoed = |key: &str, default: Value| request.get(key).cloned().unwrap_or(default);
    json!({
        "id": id,
        "object": "response",
        "created_at": now.0.div_euclid(1_000_000),
        "status": status,
        "background": false,
        "error": null,
        "incomplete_details": null,
        "instructions": echoed("instructions", Value::Null),
        "max_output_tokens": echoed("max_output_tokens", Value::Null),
        "metadata": echoed("metadata", json!({})),
        "model": echoed("model", Value::Null),
        "output": [],
        "parallel_tool_calls": echoed("parallel_tool_calls", true.into()),
        "previous_response_id": null,
        "reasoning": {"effort": null, "summary": null},
        "store": false,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        // Not echoed: a scenario's answer stays small however many tools were offered.
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": null,
        "user": null,
    })
}

fn usage_of(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    })
}

fn failed(fault: &Fault, delay: Millis) -> Reply {
    let kind = match fault.status {
        429 if fault.code == "insufficient_quota" => "insufficient_quota",
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    let error = json!({"error": {"message": fault.message, "type": kind, "param": null, "code": fault.code}});
    Reply {
        status: fault.status,
        content_type: "application/json",
        retry_after: fault.retry_after,
        delay,
        body: Playback::new(vec![Step::Send(Bytes::from(error.to_string()))]),
    }
}

fn refused(why: &str) -> Reply {
    let fault =
        Fault { status: 400, code: "rehearsal_off_script".into(), message: why.into(), retry_after: None };
    failed(&fault, Millis(0))
}
