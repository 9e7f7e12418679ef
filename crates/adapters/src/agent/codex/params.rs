//! What Codex is told of the session: provider, place, and what it may do.
//!
//! `approval_policy`, `thread_sandbox` and `turn_sandbox_policy` of the workflow's `codex` block pass as they are; Codex
//! judges them. What we say when it says nothing: `never` ask, and no second sandbox within our walls; without walls,
//! Codex's own `workspace-write` is all there is. A sandbox that the workflow asks for is built within ours, for which
//! the walls let the inside make user namespaces.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::agent::Session;

/// Codex's own retries; the gateway already retries upstream, so few.
const REQUEST_RETRIES: u32 = 2;
const STREAM_RETRIES: u32 = 3;
/// Silence in a stream after which Codex asks again, at most: models think for minutes.
const STREAM_SILENCE: Duration = Duration::from_secs(300);
/// Asks nobody.
const NEVER: &str = "never";
const FULL_ACCESS: &str = "danger-full-access";

pub(super) struct Params {
    pub port: u16,
    cwd: PathBuf,
    walls: bool,
    approval: Value,
    sandbox: Value,
    turn_policy: Option<Value>,
}

impl Params {
    pub fn new(session: &Session, cwd: &Path, port: u16, walls: bool) -> Params {
        let given = |key: &str| session.settings.get(key).filter(|value| !value.is_null()).cloned();
        let sandbox = given("thread_sandbox")
            // Inside our walls a second sandbox adds nothing; without them it is all there is.
            .unwrap_or_else(|| json!(if walls { FULL_ACCESS } else { "workspace-write" }));
        Params {
            port,
            cwd: cwd.to_owned(),
            walls,
            approval: given("approval_policy").unwrap_or_else(|| json!(NEVER)),
            turn_policy: given("turn_sandbox_policy").or_else(|| policy_like(&sandbox, cwd)),
            sandbox,
        }
    }

    /// Whether nobody is to be asked.
    pub fn asks_nobody(&self) -> bool {
        self.approval == NEVER
    }

    /// Whether what Codex asks for cannot exceed what it may do anyway.
    pub fn may_grant(&self) -> bool {
        self.walls || self.sandbox == FULL_ACCESS
    }

    /// Whether Codex will run commands in a sandbox of its own.
    pub fn builds_walls(&self) -> bool {
        let open = ["dangerFullAccess", "externalSandbox"];
        let turn = self.turn_policy.as_ref().and_then(|policy| policy["type"].as_str());
        self.sandbox != FULL_ACCESS || turn.is_some_and(|turn| !open.contains(&turn))
    }

    /// Of `thread/start`.
    pub fn start(&self, session: &Session) -> Value {
        let tools = session.tools.iter().map(|tool| {
            json!({
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "inputSchema": tool.input_schema,
            })
        });
        json!({
            "cwd": self.cwd,
            "approvalPolicy": self.approval,
            "sandbox": self.sandbox,
            "model": session.model,
            "modelProvider": "seawall",
            "developerInstructions": session.instructions,
            "dynamicTools": tools.collect::<Vec<_>>(),
            "config": {"model_providers": {"seawall": self.provider(session)}},
        })
    }

    /// Of `thread/resume`. A resumed thread keeps its tools and nothing else: a cold resume was seen to fall back to
    /// another sandbox, so all is said again.
    pub fn resume(&self, session: &Session, thread: &str) -> Value {
        let mut params = self.start(session);
        params["threadId"] = json!(thread);
        params["excludeTurns"] = json!(true);
        params
    }

    /// Of `turn/start`.
    pub fn turn(&self, thread: &str, title: &str, prompt: &str) -> Value {
        let mut params = json!({
            "threadId": thread,
            "input": [{"type": "text", "text": prompt}],
            "cwd": self.cwd,
            "title": title,
            "approvalPolicy": self.approval,
        });
        if let Some(policy) = &self.turn_policy {
            params["sandboxPolicy"] = policy.clone();
        }
        params
    }

    fn provider(&self, session: &Session) -> Value {
        let stall = session.limits.stall;
        let silence = if stall.is_zero() { STREAM_SILENCE } else { STREAM_SILENCE.min(stall) };
        json!({
            "name": "seawall",
            "base_url": format!("http://127.0.0.1:{}/v1", self.port),
            "wire_api": "responses",
            "experimental_bearer_token": session.token.expose(),
            "request_max_retries": REQUEST_RETRIES,
            "stream_max_retries": STREAM_RETRIES,
            "stream_idle_timeout_ms": u64::try_from(silence.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

/// The turn's policy that says the same as the thread's mode; none for a mode that nobody here knows.
fn policy_like(sandbox: &Value, cwd: &Path) -> Option<Value> {
    match sandbox.as_str()? {
        FULL_ACCESS => Some(json!({"type": "dangerFullAccess"})),
        "workspace-write" => {
            Some(json!({"type": "workspaceWrite", "writableRoots": [cwd], "networkAccess": false}))
        }
        "read-only" => Some(json!({"type": "readOnly"})),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::agent::codex::talk::tests::session;

    fn params(settings: Value, walls: bool) -> Params {
        let session = Session { settings, ..session() };
        Params::new(&session, Path::new("/w"), 1, walls)
    }

    #[test]
    fn nothing_said_means_ask_nobody_and_one_wall() {
        let inside = params(json!({}), true);
        assert_eq!(inside.turn("T", "X: y", "p")["sandboxPolicy"], json!({"type": "dangerFullAccess"}));
        assert!(inside.asks_nobody() && inside.may_grant() && !inside.builds_walls());
        let bare = params(json!({"approval_policy": null}), false);
        assert_eq!(bare.turn("T", "X: y", "p")["sandboxPolicy"]["writableRoots"], json!(["/w"]));
        assert!(bare.asks_nobody() && !bare.may_grant() && bare.builds_walls());
    }

    #[test]
    fn what_the_workflow_says_passes_unread() {
        let odd = json!({"approval_policy": {"reject": {"rules": true}}, "thread_sandbox": "new-mode",
            "turn_sandbox_policy": {"type": "odd", "more": 1}});
        let params = params(odd, true);
        let start = params.start(&session());
        assert_eq!(
            (&start["approvalPolicy"], &start["sandbox"]),
            (&json!({"reject": {"rules": true}}), &json!("new-mode"))
        );
        assert_eq!(params.turn("T", "t", "p")["sandboxPolicy"], json!({"type": "odd", "more": 1}));
        assert!(!params.asks_nobody() && params.builds_walls());
    }
}
