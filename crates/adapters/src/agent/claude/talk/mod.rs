//! What to make of each message of Claude Code. Pure but for the clock that times commands: messages in, steps out.

use std::collections::BTreeMap;

use domain::call::Usage;
use domain::failure::{Failure, FailureKind};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::agent::conversation::protocol;
use crate::agent::dialogue::{Dialogue, Step};
use crate::agent::waiting::Waiting;
use crate::agent::{Activity, Session, ToolAnswer};

mod asked;
mod failed;
mod told;

/// The name of the host's tools, as an MCP server.
pub(super) const SERVER: &str = "seawall";
const INITIALIZE: &str = "initialize";
/// Tool uses whose result is awaited, at once: it runs some ten in parallel.
const MAX_OPEN: usize = 256;

/// The state of the talk.
pub(super) struct Talk {
    session: Session,
    thread: Option<String>,
    turns: u32,
    active: bool,
    requests: u32,
    /// The model's last message: one answer comes in several pieces.
    message: String,
    used: Usage,
    said: String,
    open: BTreeMap<String, Use>,
    /// Interrupts that were asked for.
    asked: u32,
}

/// A tool use whose result is awaited.
struct Use {
    what: What,
    since: Instant,
}

enum What {
    Ran(String),
    Edited(String),
}

impl Talk {
    pub fn new(session: &Session) -> Talk {
        Talk {
            session: session.clone(),
            thread: None,
            turns: 0,
            active: false,
            requests: 0,
            message: String::new(),
            used: Usage::default(),
            said: String::new(),
            open: BTreeMap::new(),
            asked: 0,
        }
    }

    fn answered(&mut self, response: &Value) -> Vec<Step> {
        if response["request_id"] != INITIALIZE || self.turns > 0 {
            return Vec::new();
        }
        if response["subtype"] == "error" {
            let why = response["error"].as_str().unwrap_or("no message");
            return vec![Step::Fail(protocol(&format!(
                "claude refused its start: {why}; is its version supported?"
            )))];
        }
        let prompt = self.session.prompt.clone();
        self.turn(&prompt)
    }

    /// A new answer of the model.
    fn requested(&mut self, id: &str) -> Vec<Step> {
        if self.message == id {
            return Vec::new();
        }
        id.clone_into(&mut self.message);
        self.requests += 1;
        let n = self.requests;
        let max = self.session.limits.max_turns;
        let mut steps = if n > 1 { vec![Step::Tell(Activity::Turn { n })] } else { Vec::new() };
        if max > 0 && n > max {
            let detail = format!("not done after {max} requests to the model");
            steps.push(Step::Fail(Failure::new(FailureKind::TurnsExhausted, detail)));
        }
        steps
    }
}

impl Dialogue for Talk {
    fn open(&mut self) -> Vec<Step> {
        let mut request = json!({"subtype": INITIALIZE, "hooks": null, "sdkMcpServers": [SERVER]});
        if !self.session.instructions.is_empty() {
            request["appendSystemPrompt"] = json!(self.session.instructions);
        }
        let message = json!({"type": "control_request", "request_id": INITIALIZE, "request": request});
        vec![Step::Send(message), Step::Wait(Waiting::Answer(INITIALIZE))]
    }

    fn hear(&mut self, mut message: Value) -> Vec<Step> {
        let ours = message["parent_tool_use_id"].is_null();
        match message["type"].as_str().unwrap_or_default() {
            "control_request" => {
                let (id, request) = (message["request_id"].take(), message["request"].take());
                self.asked(id, request)
            }
            "control_response" => self.answered(&message["response"]),
            "system" => self.system(&message),
            "assistant" => self.assistant(&message["message"], ours),
            "user" => self.results(&message["message"]),
            "rate_limit_event" => {
                let limits = message["rate_limit_info"].take();
                vec![Step::Tell(Activity::RateLimits { limits })]
            }
            "result" if self.active => self.result(&message),
            // Progress, hooks, pieces of messages, what a later version adds.
            _ => Vec::new(),
        }
    }

    fn interrupt(&mut self) -> Vec<Step> {
        if !self.active {
            return vec![Step::Fail(protocol("interrupted before its turn began"))];
        }
        self.asked += 1;
        let id = format!("interrupt-{}", self.asked);
        let request = json!({"subtype": "interrupt"});
        vec![Step::Send(json!({"type": "control_request", "request_id": id, "request": request}))]
    }

    fn turn(&mut self, prompt: &str) -> Vec<Step> {
        self.turns += 1;
        self.active = true;
        let content = json!([{"type": "text", "text": prompt}]);
        let message = json!({
            "type": "user",
            "message": {"role": "user", "content": content},
            "parent_tool_use_id": null,
            "session_id": self.thread.as_deref().unwrap_or_default(),
        });
        let n = self.turns;
        let mut steps = vec![Step::Send(message), Step::Wait(Waiting::Turn)];
        steps.push(Step::Tell(Activity::TurnStarted { turn: n.to_string(), n }));
        if n == 1 {
            steps.push(Step::Tell(Activity::Turn { n: 1 }));
        }
        steps
    }

    fn turns(&self) -> u32 {
        self.turns
    }

    fn tool_result(&self, id: &Value, answer: &ToolAnswer) -> Value {
        asked::tool_result(id, answer)
    }
}

#[cfg(test)]
pub(super) mod tests;
