//! What the client says, and how it is answered.

use super::{Hello, Player};
use crate::agent::protocol;
use crate::agent::script::Answer;
use serde_json::{Value, json};

impl Player {
    pub(super) fn hear(&mut self, line: &str) {
        let Ok(message) = serde_json::from_str::<Value>(line) else {
            self.record.note("violation", json!({"what": "not JSON", "line": line}));
            return;
        };
        let method = message.get("method").and_then(Value::as_str).map(str::to_owned);
        match (method, message.get("id")) {
            (Some(method), Some(id)) => {
                self.record.note("got", message.clone());
                let params = message.get("params").cloned().unwrap_or(Value::Null);
                self.request(&method, &id.clone(), params);
            }
            (Some(method), None) => {
                self.record.note("got", message.clone());
                self.told(&method);
            }
            (None, Some(id)) => self.answered(&id.clone(), &message),
            (None, None) => {
                self.record
                    .note("violation", json!({"what": "neither request nor answer", "message": message}));
            }
        }
    }

    fn answered(&mut self, id: &Value, message: &Value) {
        let Some(method) = self.waiting.remove(&id.to_string()) else {
            let what = json!({"what": "an answer to an id that was not asked", "message": message});
            return self.record.note("violation", what);
        };
        let mut data = message.clone();
        if let Value::Object(map) = &mut data {
            map.insert("method".to_owned(), json!(method));
        }
        self.record.note("reply", data);
    }

    fn told(&mut self, method: &str) {
        match (method, self.hello) {
            ("initialized", Hello::Initialize) => self.hello = Hello::Initialized,
            ("initialized", Hello::Nothing | Hello::Initialized) => {
                self.record.note("violation", json!({"what": "initialized at the wrong time"}));
            }
            _ => {}
        }
    }

    fn request(&mut self, method: &str, id: &Value, params: Value) {
        if method != "initialize" && self.hello != Hello::Initialized {
            return self.refuse(id, method, "Not initialized");
        }
        match method {
            "initialize" => self.initialize(id, &params),
            "thread/start" | "thread/resume" => self.thread_start(id, &params),
            "turn/start" => self.turn_start(id, params),
            "turn/interrupt" => {
                self.send(&protocol::response(id, json!({})));
                self.end_turn("interrupted", Value::Null);
            }
            "thread/name/set"
            | "thread/unsubscribe"
            | "thread/archive"
            | "thread/backgroundTerminals/clean"
            | "account/rateLimits/read"
            | "account/read"
            | "model/list"
            | "config/read"
            | "turn/steer" => self.send(&protocol::response(id, json!({}))),
            _ => self.send(&protocol::error(id, &format!("unknown method {method}"))),
        }
    }

    fn initialize(&mut self, id: &Value, params: &Value) {
        if self.hello != Hello::Nothing {
            return self.refuse(id, "initialize", "Already initialized");
        }
        let named =
            |key: &str| params.pointer(key).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
        if !named("/clientInfo/name") || !named("/clientInfo/version") {
            return self.refuse(id, "initialize", "clientInfo has no name or no version");
        }
        self.hello = Hello::Initialize;
        self.reply(self.part.initialize, id, protocol::initialized(params));
    }

    fn thread_start(&mut self, id: &Value, params: &Value) {
        let thread = format!("thread-{}", self.record.name);
        if self.part.thread_start == Answer::Yes {
            self.thread = Some(thread.clone());
        }
        let answer = protocol::thread(&thread, params);
        self.reply(self.part.thread_start, id, answer.clone());
        if self.part.thread_start == Answer::Yes {
            self.send(&protocol::notification("thread/started", json!({"thread": answer["thread"]})));
        }
    }

    fn turn_start(&mut self, id: &Value, params: Value) {
        let thread = params.get("threadId").and_then(Value::as_str);
        if thread.is_none() || thread != self.thread.as_deref() {
            return self.refuse(id, "turn/start", "thread not found");
        }
        let texts = params.get("input").and_then(Value::as_array).is_some_and(|input| !input.is_empty());
        if !texts {
            return self.refuse(id, "turn/start", "input is missing or empty");
        }
        if self.turn.is_some() {
            return self.refuse(id, "turn/start", "a turn is running already");
        }
        self.asked.push_back((id.clone(), params));
    }

    fn refuse(&mut self, id: &Value, method: &str, why: &str) {
        self.record.note("violation", json!({"what": why, "method": method}));
        self.send(&protocol::error(id, why));
    }

    fn reply(&mut self, answer: Answer, id: &Value, result: Value) {
        match answer {
            Answer::Yes => self.send(&protocol::response(id, result)),
            Answer::Error => self.send(&protocol::error(id, "the script refuses this")),
            Answer::Never => {}
        }
    }
}
