//! A gateway on a unix socket (OpenAI's Responses and Anthropic's Messages) that plays a script, one reply per request, and remembers what it was asked.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

pub enum Reply {
    /// A completed stream of these items.
    Items(Vec<Value>),
    /// A status, one header line, and the error's code.
    Refusal(u16, &'static str, &'static str),
    /// A stream that breaks off.
    Cut,
    /// Never answers.
    Silence,
}

#[derive(Clone, Debug)]
pub struct Asked {
    pub head: String,
    pub body: Value,
}

#[derive(Clone)]
pub struct Gateway(Arc<Mutex<State>>);

struct State {
    script: std::vec::IntoIter<Reply>,
    asked: Vec<Asked>,
}

impl Gateway {
    /// Listens at `path`; when the script is over, the last reply is a plain "done".
    pub fn start(path: &Path, script: Vec<Reply>) -> Gateway {
        let listener = UnixListener::bind(path).unwrap();
        let gateway = Gateway(Arc::new(Mutex::new(State { script: script.into_iter(), asked: Vec::new() })));
        let serving = gateway.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let gateway = serving.clone();
                tokio::spawn(async move { gateway.answer(stream).await });
            }
        });
        gateway
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.0.lock().unwrap().asked.clone()
    }

    async fn answer(&self, stream: UnixStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await.ok()? == 0 {
                return None;
            }
        }
        let lower = head.to_lowercase();
        let length = lower.split("content-length:").nth(1).and_then(|rest| rest.lines().next());
        let mut body = vec![0; length.and_then(|text| text.trim().parse().ok()).unwrap_or(0)];
        stream.read_exact(&mut body).await.ok()?;
        let reply = {
            let mut state = self.0.lock().unwrap();
            state
                .asked
                .push(Asked { head: head.clone(), body: serde_json::from_slice(&body).unwrap_or_default() });
            state.script.next().unwrap_or_else(|| Reply::Items(vec![message("done")]))
        };
        let messages = head.contains(" /v1/messages");
        let text = match reply {
            Reply::Items(items) if messages => messages_of(&items),
            Reply::Items(items) => stream_of(&items, true),
            Reply::Cut => stream_of(&[message("half")], false),
            Reply::Refusal(status, header, code) => refusal(status, header, code),
            Reply::Silence => {
                let mut rest = Vec::new();
                let _ = stream.read_to_end(&mut rest).await;
                return None;
            }
        };
        stream.write_all(text.as_bytes()).await.ok()
    }
}

/// An assistant's message item.
pub fn message(text: &str) -> Value {
    let part = json!({"type": "output_text", "text": text, "annotations": []});
    json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]})
}

/// A function call item.
pub fn call(id: &str, name: &str, arguments: &Value) -> Value {
    let arguments = arguments.to_string();
    json!({"type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": name, "arguments": arguments})
}

fn stream_of(items: &[Value], completed: bool) -> String {
    let mut text =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_owned();
    let mut event = |data: Value| {
        text.push_str(&format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap()));
    };
    event(json!({"type": "response.created", "response": {"id": "resp_1"}}));
    for item in items {
        event(json!({"type": "response.output_item.done", "item": item}));
    }
    let usage = json!({"input_tokens": 100, "input_tokens_details": {"cached_tokens": 40}, "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 107});
    if completed {
        event(
            json!({"type": "response.completed", "response": {"id": "resp_1", "usage": usage, "output": items}}),
        );
    }
    text
}

/// The same items as a stream of Anthropic's Messages.
fn messages_of(items: &[Value]) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut text =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_owned();
    let mut event = |data: Value| {
        text.push_str(&format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap()));
    };
    let usage = json!({"input_tokens": 60, "cache_read_input_tokens": 40, "cache_creation_input_tokens": 0, "output_tokens": 1});
    let id = format!("msg_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    event(json!({"type": "message_start", "message": {"id": id, "type": "message", "role": "assistant",
        "model": "fake-model", "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage}}));
    for (index, item) in items.iter().enumerate() {
        let (block, delta) = if item["type"] == "message" {
            let text = &item["content"][0]["text"];
            (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": text}))
        } else {
            let block = json!({"type": "tool_use", "id": item["call_id"], "name": item["name"], "input": {}});
            (block, json!({"type": "input_json_delta", "partial_json": item["arguments"]}))
        };
        event(json!({"type": "content_block_start", "index": index, "content_block": block}));
        event(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        event(json!({"type": "content_block_stop", "index": index}));
    }
    let calls = items.iter().any(|item| item["type"] != "message");
    let reason = if calls { "tool_use" } else { "end_turn" };
    let delta = json!({"stop_reason": reason, "stop_sequence": null});
    event(json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7}}));
    event(json!({"type": "message_stop"}));
    text
}

fn refusal(status: u16, header: &str, code: &str) -> String {
    let body =
        json!({"type": "error", "error": {"code": code, "type": code, "message": "as the test wants"}})
            .to_string();
    let length = body.len();
    format!(
        "HTTP/1.1 {status} No\r\ncontent-type: application/json\r\nconnection: close\r\n{header}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
