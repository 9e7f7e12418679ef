//! What Claude Code asks of us: the host's tools as MCP messages, and permissions.
//!
//! Invariant: every request is answered, or ends the session as blocked; what is not known is refused.

use serde_json::{Value, json};

use super::{SERVER, Talk};
use crate::agent::dialogue::{Step, ToolCall, noticed, start_of};
use crate::agent::{Activity, ToolAnswer};

/// JSON-RPC 2.0, section 5.1.
const METHOD_NOT_FOUND: i32 = -32601;
/// Spoken when the client names none.
const MCP_VERSION: &str = "2025-06-18";

impl Talk {
    pub(super) fn asked(&mut self, id: Value, mut request: Value) -> Vec<Step> {
        match request["subtype"].as_str().unwrap_or_default() {
            "mcp_message" if request["server_name"] == SERVER => self.mcp(&id, request["message"].take()),
            "can_use_tool" => vec![Step::Block(permission(&request))],
            "elicitation" => {
                let text = request["message"].as_str().unwrap_or("a tool asks for an answer");
                vec![Step::Block(start_of(text))]
            }
            other => {
                let what = other.to_owned();
                let error = format!("seawall does not offer {other}");
                let response = json!({"subtype": "error", "request_id": id, "error": error});
                let message = json!({"type": "control_response", "response": response});
                vec![Step::Tell(Activity::Declined { what }), Step::Send(message)]
            }
        }
    }

    fn mcp(&self, request: &Value, mut message: Value) -> Vec<Step> {
        let params = message["params"].take();
        let id = message.get("id").cloned().unwrap_or(Value::Null);
        let answer = |result: Value| vec![Step::Send(mcp_result(request, &id, &result))];
        match message["method"].as_str().unwrap_or_default() {
            "initialize" => {
                let version = params["protocolVersion"].as_str().unwrap_or(MCP_VERSION);
                let server = json!({"name": SERVER, "version": env!("CARGO_PKG_VERSION")});
                answer(
                    json!({"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": server}),
                )
            }
            "tools/list" => {
                let tools = self.session.tools.iter().map(|tool| {
                    json!({"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema})
                });
                answer(json!({"tools": tools.collect::<Vec<_>>()}))
            }
            "tools/call" => self.call(request, id, params),
            "ping" => answer(json!({})),
            other if other.starts_with("notifications/") => answer(json!({})),
            other => {
                let error = json!({"code": METHOD_NOT_FOUND, "message": format!("no method {other}")});
                vec![Step::Send(mcp_response(request, &json!({"jsonrpc": "2.0", "id": id, "error": error})))]
            }
        }
    }

    fn call(&self, request: &Value, id: Value, mut params: Value) -> Vec<Step> {
        let name = params["name"].as_str().unwrap_or_default().to_owned();
        let back = json!({"request": request, "id": id});
        if self.session.tools.iter().any(|tool| tool.name == name) {
            return vec![Step::Call(ToolCall { id: back, name, arguments: params["arguments"].take() })];
        }
        let text = format!("there is no tool `{name}`");
        vec![
            noticed("unsupported_tool_call", &name),
            Step::Tell(Activity::ToolCalled { name, ok: false }),
            Step::Send(tool_result(&back, &ToolAnswer { ok: false, text })),
        ]
    }
}

/// `back`: the ids of the control request and of the MCP message in it.
pub(super) fn tool_result(back: &Value, answer: &ToolAnswer) -> Value {
    let content = json!([{"type": "text", "text": answer.text}]);
    mcp_result(&back["request"], &back["id"], &json!({"content": content, "isError": !answer.ok}))
}

fn mcp_result(request: &Value, id: &Value, result: &Value) -> Value {
    mcp_response(request, &json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

fn mcp_response(request: &Value, message: &Value) -> Value {
    let response =
        json!({"subtype": "success", "request_id": request, "response": {"mcp_response": message}});
    json!({"type": "control_response", "response": response})
}

/// What a person is asked: the question itself, or what the tool is to do.
fn permission(request: &Value) -> String {
    let (tool, input) = (request["tool_name"].as_str().unwrap_or("a tool"), &request["input"]);
    let questions = input["questions"].as_array().into_iter().flatten();
    let questions: Vec<&str> = questions.filter_map(|question| question["question"].as_str()).collect();
    if !questions.is_empty() {
        return start_of(&questions.join("\n"));
    }
    let what = ["command", "file_path", "plan", "url"].iter().find_map(|key| input[key].as_str());
    let what = what.map_or_else(|| input.to_string(), str::to_owned);
    start_of(&format!("claude asks for approval: {tool}: {what}"))
}
