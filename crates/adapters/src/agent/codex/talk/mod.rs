//! What to make of each message of Codex. Pure: messages in, steps out.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::params::Params;
use crate::agent::conversation::protocol;
use crate::agent::dialogue::{Dialogue, Step, noticed};
use crate::agent::waiting::Waiting;
use crate::agent::{Activity, Session, ToolAnswer};

mod asked;
mod failed;
mod limits;
mod told;
mod usage;

use usage::Counted;

/// The state of the talk.
pub(super) struct Talk {
    session: Session,
    params: Params,
    last_id: u64,
    pending: BTreeMap<u64, Asked>,
    thread: Option<String>,
    turn: Option<String>,
    turns: u32,
    counted: Counted,
    said: String,
    names_threads: bool,
}

/// What was asked of Codex.
#[derive(Clone, Copy)]
enum Asked {
    Initialize,
    Resume,
    Start,
    Turn,
    /// What comes of it is seen elsewhere, or nowhere.
    Other,
}

impl Talk {
    pub fn new(session: &Session, params: Params) -> Talk {
        Talk {
            session: session.clone(),
            params,
            last_id: 0,
            pending: BTreeMap::new(),
            thread: None,
            turn: None,
            turns: 0,
            counted: Counted::new(session.limits.max_turns),
            said: String::new(),
            names_threads: false,
        }
    }
}

impl Dialogue for Talk {
    fn turns(&self) -> u32 {
        self.turns
    }

    fn tool_result(&self, id: &Value, answer: &ToolAnswer) -> Value {
        tool_result(id, answer.ok, &answer.text)
    }

    fn open(&mut self) -> Vec<Step> {
        let client = json!({"name": "seawall", "title": "Seawall", "version": env!("CARGO_PKG_VERSION")});
        // Dynamic tools are behind this switch.
        let params = json!({"clientInfo": client, "capabilities": {"experimentalApi": true}});
        self.request(Asked::Initialize, &params)
    }

    fn turn(&mut self, prompt: &str) -> Vec<Step> {
        let Some(thread) = self.thread.clone() else {
            return vec![Step::Fail(protocol("codex has no thread to take a turn on"))];
        };
        let params = self.params.turn(&thread, &self.session.title, prompt);
        self.turns += 1;
        self.request(Asked::Turn, &params)
    }

    fn hear(&mut self, mut message: Value) -> Vec<Step> {
        let params = message["params"].take();
        match (message["method"].as_str(), message.get("id").cloned()) {
            (Some(method), Some(id)) => self.asked(method, id, params),
            (Some(method), None) => self.told(method, &params),
            (None, Some(id)) => self.answered(&id, &message),
            // A line that means nothing ends no session; a session of nothing else ends by its silence.
            (None, None) => {
                vec![noticed("malformed", "an object that is neither request, answer nor notification")]
            }
        }
    }

    /// Asks for the end of the turn; without a turn there is nothing to wait for.
    fn interrupt(&mut self) -> Vec<Step> {
        let (Some(thread), Some(turn)) = (&self.thread, &self.turn) else {
            return vec![Step::Fail(protocol("interrupted before its turn began"))];
        };
        let params = json!({"threadId": thread, "turnId": turn});
        self.send(Asked::Other, "turn/interrupt", &params)
    }
}

impl Talk {
    fn request(&mut self, asked: Asked, params: &Value) -> Vec<Step> {
        let name = asked.name();
        let mut steps = self.send(asked, name, params);
        steps.push(Step::Wait(Waiting::Answer(name)));
        steps
    }

    fn send(&mut self, asked: Asked, method: &str, params: &Value) -> Vec<Step> {
        self.last_id += 1;
        self.pending.insert(self.last_id, asked);
        vec![Step::Send(json!({"id": self.last_id, "method": method, "params": params}))]
    }

    fn answered(&mut self, id: &Value, message: &Value) -> Vec<Step> {
        let Some(asked) = id.as_u64().and_then(|id| self.pending.remove(&id)) else { return Vec::new() };
        if let Some(error) = message.get("error") {
            return self.refused(asked, error["message"].as_str().unwrap_or("no message"));
        }
        let result = &message["result"];
        match asked {
            Asked::Initialize => {
                // Only a server with a home keeps threads by their names.
                self.names_threads = result["codexHome"].is_string();
                let mut steps = vec![Step::Send(json!({"method": "initialized"}))];
                steps.extend(self.open_thread());
                steps
            }
            Asked::Resume | Asked::Start => match result["thread"]["id"].as_str() {
                Some(id) => self.on_thread(id.to_owned()),
                None => vec![Step::Fail(protocol("codex started a thread without id"))],
            },
            Asked::Turn => self.turn_began(result["turn"]["id"].as_str().unwrap_or_default().to_owned()),
            Asked::Other => Vec::new(),
        }
    }

    fn open_thread(&mut self) -> Vec<Step> {
        match self.session.resume.clone() {
            Some(thread) => {
                let params = self.params.resume(&self.session, &thread);
                self.counted.resumed();
                self.request(Asked::Resume, &params)
            }
            None => {
                let params = self.params.start(&self.session);
                self.request(Asked::Start, &params)
            }
        }
    }

    fn on_thread(&mut self, id: String) -> Vec<Step> {
        self.thread = Some(id.clone());
        let mut steps = vec![Step::Tell(Activity::Started { session: id.clone() })];
        let prompt = self.session.prompt.clone();
        steps.extend(self.turn(&prompt));
        if self.names_threads {
            let params = json!({"threadId": id, "name": self.session.title});
            steps.extend(self.send(Asked::Other, "thread/name/set", &params));
        }
        steps
    }

    fn turn_began(&mut self, turn: String) -> Vec<Step> {
        self.turn = Some(turn.clone());
        let mut steps = vec![Step::Wait(Waiting::Turn)];
        steps.push(Step::Tell(Activity::TurnStarted { turn, n: self.turns }));
        steps.extend(self.counted.turn_began().map(Step::Tell));
        steps
    }

    fn refused(&mut self, asked: Asked, why: &str) -> Vec<Step> {
        match asked {
            Asked::Resume => {
                let text = format!("a new thread is begun: {why}");
                self.session.resume = None;
                self.counted = Counted::new(self.session.limits.max_turns);
                let mut steps = vec![noticed("resume_refused", &text)];
                steps.extend(self.open_thread());
                steps
            }
            // A turn may have ended a moment before it was interrupted; its end says all.
            Asked::Other => Vec::new(),
            Asked::Initialize | Asked::Start | Asked::Turn => {
                let text = format!("codex refused {}: {why}; is its version supported?", asked.name());
                vec![Step::Fail(protocol(&text))]
            }
        }
    }
}

impl Asked {
    fn name(self) -> &'static str {
        match self {
            Asked::Initialize => "initialize",
            Asked::Resume => "thread/resume",
            Asked::Start => "thread/start",
            Asked::Turn => "turn/start",
            Asked::Other => "a request",
        }
    }
}

/// The answer to a dynamic tool's call.
fn tool_result(id: &Value, ok: bool, text: &str) -> Value {
    let items = json!([{"type": "inputText", "text": text}]);
    json!({"id": id, "result": {"contentItems": items, "success": ok}})
}

#[cfg(test)]
pub(super) mod tests;
