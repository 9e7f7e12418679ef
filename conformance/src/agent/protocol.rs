//! The messages of the app-server protocol that the fake sends, in the shapes of Codex' generated schema.

use super::script::Usage;
use serde_json::{Value, json};

/// The code that Codex gives to everything it does not accept.
const INVALID_REQUEST: i64 = -32600;

pub(super) fn response(id: &Value, result: Value) -> Value {
    json!({"id": id, "result": result})
}

pub(super) fn error(id: &Value, message: &str) -> Value {
    json!({"id": id, "error": {"code": INVALID_REQUEST, "message": message}})
}

pub(super) fn notification(method: &str, params: Value) -> Value {
    json!({"method": method, "params": params, "emittedAtMs": super::record::now_ms()})
}

pub(super) fn initialized(client: &Value) -> Value {
    let name = client.pointer("/clientInfo/name").and_then(Value::as_str).unwrap_or("unknown");
    json!({
        "userAgent": format!("{name}/0.0.0 (conformance kit)"), "codexHome": "/nowhere",
        "platformFamily": "unix", "platformOs": "linux",
    })
}

pub(super) fn thread(id: &str, params: &Value) -> Value {
    let asked =
        |key: &str, default: Value| params.get(key).filter(|v| !v.is_null()).cloned().unwrap_or(default);
    let cwd = asked("cwd", json!("/"));
    json!({
        "thread": {
            "id": id, "sessionId": id, "preview": "", "ephemeral": false, "modelProvider": "fake", "createdAt": 0,
            "updatedAt": 0, "status": {"type": "idle"}, "path": null, "cwd": cwd, "cliVersion": "0.0.0",
            "source": "appServer", "projectId": null, "turns": [],
        },
        "model": "fake-model", "modelProvider": "fake", "cwd": cwd,
        "approvalPolicy": asked("approvalPolicy", json!("on-request")), "approvalsReviewer": "user",
        "sandbox": {
            "type": "workspaceWrite", "writableRoots": [], "networkAccess": false,
            "excludeTmpdirEnvVar": false, "excludeSlashTmp": false,
        },
    })
}

pub(super) fn turn(id: &str, status: &str, error: Value) -> Value {
    json!({"id": id, "items": [], "itemsView": "notLoaded", "status": status, "error": error})
}

pub(super) fn failure(message: &str) -> Value {
    json!({"message": message, "codexErrorInfo": "other", "additionalDetails": null})
}

/// Absolute totals, and what the last call used.
pub(super) fn usage(usage: &Usage) -> Value {
    let breakdown = |input: u64, output: u64| {
        json!({
            "totalTokens": input + output, "inputTokens": input, "cachedInputTokens": 0, "cacheWriteInputTokens": 0,
            "outputTokens": output, "reasoningOutputTokens": 0,
        })
    };
    json!({
        "total": breakdown(usage.input, usage.output), "last": breakdown(usage.last_input, usage.last_output),
        "modelContextWindow": 258_400,
    })
}
