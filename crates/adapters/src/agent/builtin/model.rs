//! Asks the model over the gateway's socket: one streamed Responses request, heard to its end.
//!
//! Invariant: an answer counts only when `response.completed` came; anything less is asked again or given up.

use std::path::PathBuf;

use base::secret::Secret;
use bytes::Bytes;
use domain::call::Usage;
use domain::failure::FailureKind;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use super::messages::Start;
use super::sse::Events;
use super::toolbox::Call;
use super::trouble::{SILENCE, Trouble, again, failed, last, passing, refused};
use crate::sandbox::tunnel::connect_unix;

/// All items of one answer together, bytes.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;
pub(super) struct Model {
    socket: PathBuf,
    token: Secret,
    /// Everything of a request's body but its input.
    frame: Value,
}

/// A completed answer.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Answer {
    /// Its items, as they came: they are sent back unchanged.
    pub items: Vec<Value>,
    pub usage: Usage,
}

impl Model {
    pub fn new(start: &Start, token: Secret, tools: Vec<Value>) -> Model {
        let frame = json!({
            "model": start.model,
            "instructions": start.instructions,
            "tools": tools,
            "tool_choice": "auto",
            "parallel_tool_calls": true,
            "stream": true,
            "store": false,
        });
        Model { socket: start.socket.clone(), token, frame }
    }

    /// One request with the whole conversation so far.
    pub async fn respond(&self, input: &[Value]) -> Result<Answer, Trouble> {
        let mut body = self.frame.clone();
        body["input"] = Value::Array(input.to_vec());
        let response = self.send(body.to_string()).await?;
        if response.status() == StatusCode::OK {
            return read_answer(response.into_body()).await;
        }
        Err(refused(response).await)
    }

    async fn send(&self, body: String) -> Result<Response<Incoming>, Trouble> {
        let stream = connect_unix(&self.socket)
            .await
            .map_err(|error| passing("the gateway is out of reach", &error))?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) =
            handshake.map_err(|error| passing("the gateway does not speak HTTP", &error))?;
        // Ends with the connection; its errors show in the response.
        tokio::spawn(connection);
        let request = Request::builder()
            .method(Method::POST)
            .uri("/v1/responses")
            .header(HOST, "gateway")
            .header(AUTHORIZATION, format!("Bearer {}", self.token.expose()))
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "text/event-stream")
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| last(FailureKind::Protocol, "the run token cannot be sent as a header"))?;
        match tokio::time::timeout(SILENCE, sender.send_request(request)).await {
            Ok(response) => response.map_err(|error| passing("the gateway cut the request", &error)),
            Err(error) => Err(passing("the gateway does not answer", &error)),
        }
    }
}

impl Answer {
    /// The tool calls, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.items.iter().filter_map(call).collect()
    }

    /// What the model said in words.
    pub fn said(&self) -> Vec<String> {
        let messages = self.items.iter().filter(|item| item["type"] == "message");
        let parts = messages.filter_map(|item| item["content"].as_array()).flatten();
        parts
            .filter_map(|part| part["text"].as_str())
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

fn call(item: &Value) -> Option<Call> {
    let custom = item["type"] == "custom_tool_call";
    if !custom && item["type"] != "function_call" {
        return None;
    }
    let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
    let input = text(if custom { "input" } else { "arguments" });
    Some(Call { id: text("call_id"), name: text("name"), input, custom })
}

async fn read_answer(mut body: Incoming) -> Result<Answer, Trouble> {
    let mut events = Events::default();
    let mut reading = Reading::default();
    loop {
        let frame = match tokio::time::timeout(SILENCE, body.frame()).await {
            Ok(Some(frame)) => frame.map_err(|error| passing("the stream was cut", &error))?,
            Ok(None) => return Err(again("the stream ended before response.completed", None)),
            Err(error) => return Err(passing("the stream fell silent", &error)),
        };
        let Ok(piece) = frame.into_data() else { continue };
        let too_large = |_| last(FailureKind::Model, "the model's stream has an event beyond every limit");
        for data in events.push(&piece).map_err(too_large)? {
            if let Some(answer) = reading.event(&data)? {
                return Ok(answer);
            }
        }
    }
}

#[derive(Default)]
struct Reading {
    answer: Answer,
    bytes: usize,
}

impl Reading {
    /// The answer, once `data` completes it.
    fn event(&mut self, data: &[u8]) -> Result<Option<Answer>, Trouble> {
        // `[DONE]` and events of other vocabularies are not ours to judge.
        let Ok(mut event) = serde_json::from_slice::<Value>(data) else { return Ok(None) };
        match event["type"].as_str().unwrap_or_default() {
            "response.output_item.done" => {
                self.bytes += data.len();
                if self.bytes > MAX_ANSWER_BYTES {
                    return Err(last(FailureKind::Model, "the model's answer is beyond every limit"));
                }
                self.answer.items.push(event["item"].take());
            }
            "response.completed" => return Ok(Some(self.complete(event["response"].take()))),
            "response.failed" => return Err(failed(&event["response"]["error"], None)),
            "response.incomplete" => {
                let why = &event["response"]["incomplete_details"]["reason"];
                let why = why.as_str().unwrap_or("no reason given");
                return Err(last(FailureKind::Model, &format!("the model stopped before its end: {why}")));
            }
            "error" => {
                let error = if event["error"].is_object() { &event["error"] } else { &event };
                return Err(failed(error, None));
            }
            _ => {}
        }
        Ok(None)
    }

    fn complete(&mut self, mut response: Value) -> Answer {
        let mut answer = std::mem::take(&mut self.answer);
        if answer.items.is_empty()
            && let Value::Array(items) = response["output"].take()
        {
            answer.items = items;
        }
        let usage = &response["usage"];
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        answer.usage = Usage {
            input: number(&usage["input_tokens"]),
            cached: number(&usage["input_tokens_details"]["cached_tokens"]),
            cache_write: number(&usage["input_tokens_details"]["cache_write_tokens"]),
            output: number(&usage["output_tokens"]),
            reasoning: number(&usage["output_tokens_details"]["reasoning_tokens"]),
        };
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(reading: &mut Reading, event: Value) -> Result<Option<Answer>, Trouble> {
        reading.event(event.to_string().as_bytes())
    }

    #[test]
    fn items_are_kept_as_they_came_and_counted_with_the_completion() {
        let mut reading = Reading::default();
        let item = json!({"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}", "odd": 1});
        event(&mut reading, json!({"type": "response.output_item.done", "item": item})).unwrap();
        event(&mut reading, json!({"type": "response.something.new"})).unwrap();
        let usage =
            json!({"input_tokens": 5, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 1}});
        let done = json!({"type": "response.completed", "response": {"usage": usage}});
        let answer = event(&mut reading, done).unwrap().unwrap();
        let usage = Usage { input: 5, cached: 1, output: 2, ..Usage::default() };
        assert_eq!((answer.items.as_slice(), answer.usage), (&[item][..], usage));
        assert_eq!(answer.calls()[0].name, "n");
    }

    #[test]
    fn a_failed_response_is_judged_by_its_code() {
        let kind = |code: &str| {
            let failed = json!({"type": "response.failed", "response": {"error": {"code": code}}});
            match event(&mut Reading::default(), failed) {
                Err(Trouble::Final(failure)) => failure.kind.name(),
                Err(Trouble::Passing { .. }) => "again",
                Ok(_) => "ok",
            }
        };
        assert_eq!(
            ["insufficient_quota", "server_error", "other"].map(kind),
            ["budget_spent", "again", "model"]
        );
    }
}
