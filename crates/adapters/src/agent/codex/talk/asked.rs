//! What Codex asks of us: approvals, answers, tools.
//!
//! Invariant: every request is answered, or ends the session as blocked; what is not known is refused.

use serde_json::{Value, json};

use super::{Talk, tool_result};
use crate::agent::Activity;
use crate::agent::dialogue::{Step, ToolCall, noticed, start_of};

/// JSON-RPC 2.0, section 5.1.
const METHOD_NOT_FOUND: i32 = -32601;
/// Methods by which Codex asks a person something.
const QUESTIONS: [&str; 4] = [
    "item/tool/requestUserInput",
    "mcpServer/elicitation/request",
    "turn/input_required",
    "turn/approval_required",
];
/// Approvals that a session can be given for good: method, and the word for it.
const GRANTS: [(&str, &str); 4] = [
    ("item/commandExecution/requestApproval", "acceptForSession"),
    ("item/fileChange/requestApproval", "acceptForSession"),
    ("execCommandApproval", "approved_for_session"),
    ("applyPatchApproval", "approved_for_session"),
];

impl Talk {
    pub(super) fn asked(&mut self, method: &str, id: Value, params: Value) -> Vec<Step> {
        if method == "item/tool/call" {
            return self.tool(id, params);
        }
        if asks_a_person(method, &params) {
            return vec![Step::Block(question(method, &params))];
        }
        let grant = GRANTS.iter().find(|(known, _)| *known == method).map(|(_, grant)| *grant);
        let approval = grant.is_some() || method.ends_with("/requestApproval");
        if approval && !self.params.asks_nobody() {
            return vec![Step::Block(question(method, &params))];
        }
        let what = subject(method, &params);
        match grant {
            Some(grant) if self.params.may_grant() => {
                let answer = json!({"id": id, "result": {"decision": grant}});
                vec![noticed("approval_auto_approved", &what), Step::Send(answer)]
            }
            // Beyond the only sandbox there is; the agent is told, and goes on without.
            Some("acceptForSession") => {
                let answer = json!({"id": id, "result": {"decision": "decline"}});
                vec![Step::Tell(Activity::Declined { what }), Step::Send(answer)]
            }
            Some(_) | None => {
                let message = format!("seawall does not grant {method}");
                let error = json!({"code": METHOD_NOT_FOUND, "message": message});
                vec![Step::Tell(Activity::Declined { what }), Step::Send(json!({"id": id, "error": error}))]
            }
        }
    }

    fn tool(&self, id: Value, mut params: Value) -> Vec<Step> {
        let name = params["tool"].as_str().unwrap_or_default().to_owned();
        if self.session.tools.iter().any(|tool| tool.name == name) {
            return vec![Step::Call(ToolCall { id, name, arguments: params["arguments"].take() })];
        }
        let names: Vec<&str> = self.session.tools.iter().map(|tool| tool.name.as_str()).collect();
        let text = format!("there is no tool `{name}`; there are: {}", names.join(", "));
        vec![
            noticed("unsupported_tool_call", &name),
            Step::Tell(Activity::ToolCalled { name, ok: false }),
            Step::Send(tool_result(&id, false, &text)),
        ]
    }
}

/// Whether this, a request or a notification, waits for a person.
pub(super) fn asks_a_person(method: &str, params: &Value) -> bool {
    let said = ["requiresInput", "requires_input", "inputRequired", "input_required"];
    QUESTIONS.contains(&method) || said.iter().any(|key| params[key] == true)
}

/// What a person is asked.
pub(super) fn question(method: &str, params: &Value) -> String {
    let questions = params["questions"].as_array().into_iter().flatten();
    let asked: Vec<String> = questions.map(one_question).collect();
    let text = if !asked.is_empty() {
        asked.join("\n")
    } else if let Some(text) = ["message", "question", "prompt"].iter().find_map(|key| params[key].as_str()) {
        text.to_owned()
    } else {
        let reason = params["reason"].as_str().map(|reason| format!(" ({reason})")).unwrap_or_default();
        format!("codex asks for approval: {}{reason}", subject(method, params))
    };
    start_of(&text)
}

fn one_question(question: &Value) -> String {
    let labels = question["options"].as_array().into_iter().flatten();
    let labels: Vec<&str> = labels.filter_map(|option| option["label"].as_str()).collect();
    let options = if labels.is_empty() { String::new() } else { format!(" [{}]", labels.join(" | ")) };
    format!("{}{options}", question["question"].as_str().unwrap_or_default())
}

/// What it is about: the command, the files, or the method's own name.
fn subject(method: &str, params: &Value) -> String {
    match &params["command"] {
        Value::String(command) => command.clone(),
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            params["fileChanges"].as_object().map_or_else(
                || method.to_owned(),
                |files| files.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
            )
        }
    }
}
