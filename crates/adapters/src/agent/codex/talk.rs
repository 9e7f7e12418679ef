//! What to make of each message of Codex. Pure: messages in, things to do out.

use domain::call::Usage;
use domain::failure::{Failure, FailureKind};
use serde_json::{Value, json};

use crate::agent::conversation::protocol;
use crate::agent::{Activity, Session};

const INITIALIZE: u64 = 1;
const THREAD_START: u64 = 2;
const TURN_START: u64 = 3;
const TURN_INTERRUPT: u64 = 4;
/// JSON-RPC 2.0, section 5.1.
const METHOD_NOT_FOUND: i32 = -32601;
/// What the gateway says when it refuses a run for good, with status 403: its code or its text, whichever of them
/// Codex passes on.
const STOPPED: [&str; 4] = [
    "\"contained\"",
    "\"stale_run\"",
    "calls are refused until a person lifts it",
    "an older claim of the run",
];
/// Of a command's output, the end that is told, characters.
const TOLD_TAIL: usize = 2_000;

/// The state of the talk.
pub(super) struct Talk {
    thread_start: Option<Value>,
    prompt: String,
    tools: Vec<String>,
    max_turns: u32,
    thread: Option<String>,
    turn: Option<String>,
    requests: u32,
    total: Usage,
    said: String,
}

/// Things to do, in this order.
#[derive(Default)]
pub(super) struct Heard {
    pub tell: Option<Activity>,
    pub send: Option<Value>,
    pub call: Option<ToolCall>,
    pub end: Option<Result<String, Failure>>,
}

pub(super) struct ToolCall {
    /// The id of Codex's request, to be answered with.
    pub id: Value,
    pub name: String,
    pub arguments: Value,
}

impl Heard {
    fn tell(activity: Activity) -> Vec<Heard> {
        vec![Heard { tell: Some(activity), ..Heard::default() }]
    }

    fn send(message: Value) -> Vec<Heard> {
        vec![Heard { send: Some(message), ..Heard::default() }]
    }

    fn end(end: Result<String, Failure>) -> Vec<Heard> {
        vec![Heard { end: Some(end), ..Heard::default() }]
    }
}

impl Talk {
    pub fn new(session: &Session, thread_start: Value) -> Talk {
        Talk {
            thread_start: Some(thread_start),
            prompt: session.prompt.clone(),
            tools: session.tools.iter().map(|tool| tool.name.clone()).collect(),
            max_turns: session.limits.max_turns,
            thread: None,
            turn: None,
            requests: 0,
            total: Usage::default(),
            said: String::new(),
        }
    }

    pub fn initialize(&self) -> Value {
        let client = json!({"name": "seawall", "title": "Seawall", "version": env!("CARGO_PKG_VERSION")});
        // Dynamic tools are behind this switch.
        let params = json!({"clientInfo": client, "capabilities": {"experimentalApi": true}});
        json!({"id": INITIALIZE, "method": "initialize", "params": params})
    }

    pub fn hear(&mut self, mut message: Value) -> Result<Vec<Heard>, Failure> {
        let params = message["params"].take();
        match (message["method"].as_str(), message.get("id").cloned()) {
            (Some(method), Some(id)) => Ok(self.request(method, id, params)),
            (Some(method), None) => Ok(self.notification(method, &params)),
            (None, Some(id)) => self.response(&id, &message),
            (None, None) => {
                Err(protocol("codex sent an object that is neither request, answer nor notification"))
            }
        }
    }

    /// Asks for the end of the turn; without a turn there is nothing to wait for.
    pub fn interrupt(&self) -> Vec<Heard> {
        let (Some(thread), Some(turn)) = (&self.thread, &self.turn) else {
            return Heard::end(Err(protocol("interrupted before its turn began")));
        };
        let params = json!({"threadId": thread, "turnId": turn});
        Heard::send(json!({"id": TURN_INTERRUPT, "method": "turn/interrupt", "params": params}))
    }

    fn response(&mut self, id: &Value, message: &Value) -> Result<Vec<Heard>, Failure> {
        let name = match id.as_u64() {
            Some(INITIALIZE) => "initialize",
            Some(THREAD_START) => "thread/start",
            Some(TURN_START) => "turn/start",
            // Its turn may have ended a moment before; the turn's end says all.
            Some(_) | None => return Ok(Vec::new()),
        };
        if let Some(error) = message.get("error") {
            let text = error["message"].as_str().unwrap_or("no message");
            return Err(protocol(&format!("codex refused {name}: {text}; is its version supported?")));
        }
        let result = &message["result"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match name {
            "initialize" => {
                let mut next = Heard::send(json!({"method": "initialized"}));
                let params = self.thread_start.take().unwrap_or_default();
                next.extend(Heard::send(
                    json!({"id": THREAD_START, "method": "thread/start", "params": params}),
                ));
                Ok(next)
            }
            "thread/start" => {
                let id = text(&result["thread"]["id"])
                    .ok_or_else(|| protocol("codex started a thread without id"))?;
                self.thread = Some(id.clone());
                let input = json!([{"type": "text", "text": self.prompt}]);
                let turn = json!({"threadId": id, "input": input});
                let mut next = Heard::tell(Activity::Started { session: id });
                next.extend(Heard::send(json!({"id": TURN_START, "method": "turn/start", "params": turn})));
                Ok(next)
            }
            _ => {
                self.turn = text(&result["turn"]["id"]);
                Ok(Heard::tell(Activity::Turn { n: 1 }))
            }
        }
    }

    fn request(&self, method: &str, id: Value, mut params: Value) -> Vec<Heard> {
        let name = params["tool"].as_str().unwrap_or_default().to_owned();
        if method == "item/tool/call" && self.tools.contains(&name) {
            let call = ToolCall { id, name, arguments: params["arguments"].take() };
            return vec![Heard { call: Some(call), ..Heard::default() }];
        }
        let decision = match method {
            "execCommandApproval" | "applyPatchApproval" => Some("denied"),
            other => other.ends_with("/requestApproval").then_some("decline"),
        };
        let what = params["command"].as_str().unwrap_or(method).to_owned();
        let answer = match decision {
            Some(decision) => json!({"id": id, "result": {"decision": decision}}),
            None => {
                let error =
                    json!({"code": METHOD_NOT_FOUND, "message": format!("seawall does not offer {method}")});
                json!({"id": id, "error": error})
            }
        };
        let mut next = Heard::tell(Activity::Declined { what });
        next.extend(Heard::send(answer));
        next
    }

    fn notification(&mut self, method: &str, params: &Value) -> Vec<Heard> {
        // A sub-agent's thread reports here too; only ours ends the session.
        let ours = params["threadId"].as_str().is_none_or(|id| Some(id) == self.thread.as_deref());
        match method {
            "turn/started" if ours => {
                self.turn = params["turn"]["id"].as_str().map(str::to_owned);
                Vec::new()
            }
            "item/completed" => self.item(&params["item"], ours),
            "thread/tokenUsage/updated" if ours => self.usage(&params["tokenUsage"]["total"]),
            "error" if params["willRetry"] == true => {
                Heard::tell(Activity::Retrying { why: error_text(&params["error"]) })
            }
            "turn/completed" if ours => self.completed(&params["turn"]),
            _ => Vec::new(),
        }
    }

    fn item(&mut self, item: &Value, ours: bool) -> Vec<Heard> {
        let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
        match item["type"].as_str() {
            Some("agentMessage") => {
                if ours {
                    self.said = text("text");
                }
                Heard::tell(Activity::Said { text: text("text") })
            }
            Some("commandExecution") => {
                let output = text("aggregatedOutput");
                let skip = output.chars().count().saturating_sub(TOLD_TAIL);
                Heard::tell(Activity::Ran {
                    command: text("command"),
                    exit: item["exitCode"].as_i64().and_then(|code| i32::try_from(code).ok()),
                    ms: item["durationMs"].as_u64().unwrap_or_default(),
                    output_tail: output.chars().skip(skip).collect(),
                })
            }
            Some("fileChange") => {
                let changes = item["changes"].as_array().into_iter().flatten();
                let files = changes.filter_map(|change| change["path"].as_str()).map(str::to_owned).collect();
                Heard::tell(Activity::Edited { files })
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// One update per answered request to the model; totals are of the whole thread.
    fn usage(&mut self, total: &Value) -> Vec<Heard> {
        let number = |key: &str| total[key].as_u64().unwrap_or_default();
        let total = Usage {
            input: number("inputTokens"),
            cached: number("cachedInputTokens"),
            cache_write: number("cacheWriteInputTokens"),
            output: number("outputTokens"),
            reasoning: number("reasoningOutputTokens"),
        };
        let repeated = self.requests > 0 && total == self.total;
        if repeated {
            return Vec::new();
        }
        self.total = total;
        self.requests += 1;
        let mut next = Heard::tell(Activity::Usage { total });
        if self.requests > 1 {
            next.extend(Heard::tell(Activity::Turn { n: self.requests }));
        }
        if self.requests > self.max_turns {
            let detail = format!("not done after {} requests to the model", self.max_turns);
            next.extend(Heard::end(Err(Failure::new(FailureKind::TurnsExhausted, detail))));
        }
        next
    }

    fn completed(&mut self, turn: &Value) -> Vec<Heard> {
        let items = turn["items"].as_array().into_iter().flatten();
        let last = items.filter_map(|item| item["text"].as_str()).next_back().map(str::to_owned);
        let end = match turn["status"].as_str() {
            Some("completed") => Ok(last.unwrap_or_else(|| std::mem::take(&mut self.said))),
            Some("failed") => Err(failure(&turn["error"])),
            Some("interrupted") => {
                Err(protocol("codex ended its turn as interrupted, and nobody asked for it"))
            }
            Some(_) | None => Err(protocol("codex ended its turn with a status nobody knows")),
        };
        Heard::end(end)
    }
}

/// A failed turn by what Codex says of it: a name, or an object with the name as its key.
fn failure(error: &Value) -> Failure {
    let info = &error["codexErrorInfo"];
    let key = info.as_object().and_then(|object| object.keys().next()).map(String::as_str);
    let name = info.as_str().or(key).unwrap_or("other");
    let text = error_text(error);
    let status = key.and_then(|key| info[key]["httpStatusCode"].as_u64());
    let forbidden = status.map_or_else(|| text.contains("403"), |status| status == 403);
    let kind = match name {
        _ if forbidden && STOPPED.iter().any(|said| text.contains(said)) => FailureKind::Refused,
        "usageLimitExceeded" | "sessionBudgetExceeded" => FailureKind::BudgetSpent,
        "sandboxError" => FailureKind::Sandbox,
        _ => FailureKind::Model,
    };
    let status = status.map(|status| format!(" (HTTP {status})")).unwrap_or_default();
    Failure::new(kind, format!("{name}{status}: {text}"))
}

fn error_text(error: &Value) -> String {
    error["message"].as_str().unwrap_or("codex gave no message").to_owned()
}

#[cfg(test)]
mod tests;
