use base::secret::Secret;
use std::time::Duration;

use super::*;
use crate::agent::{SessionLimits, ToolSpec};

fn talk() -> Talk {
    let session = Session {
        run: "r".to_owned(),
        attempt: 1,
        prompt: "do".to_owned(),
        instructions: String::new(),
        title: "T".to_owned(),
        model: Some("m".to_owned()),
        resume: None,
        settings: json!({}),
        token: Secret::new("t"),
        tools: vec![ToolSpec {
            name: "issue".to_owned(),
            description: String::new(),
            input_schema: json!({}),
        }],
        limits: SessionLimits {
            max_turns: 2,
            stall: Duration::from_secs(1),
            read: Duration::from_secs(1),
            turn: Duration::from_secs(1),
            deadline: Duration::from_secs(1),
            max_line: 100,
            max_garbage_bytes: 100,
        },
    };
    let mut talk = Talk::new(&session, json!({}));
    talk.thread = Some("T".to_owned());
    talk
}

fn end(message: Value) -> Result<String, Failure> {
    let mut heard = talk().hear(message).unwrap();
    heard.pop().unwrap().end.unwrap()
}

fn failed(info: Value) -> &'static str {
    failed_with("m", info)
}

fn failed_with(message: &str, info: Value) -> &'static str {
    let turn = json!({"status": "failed", "error": {"message": message, "codexErrorInfo": info}});
    end(json!({"method": "turn/completed", "params": {"threadId": "T", "turn": turn}}))
        .unwrap_err()
        .kind
        .name()
}

#[test]
fn a_failed_turn_is_named_by_what_codex_says() {
    assert_eq!(failed(json!("usageLimitExceeded")), "budget_spent");
    assert_eq!(failed(json!("serverOverloaded")), "model");
    assert_eq!(failed(json!({"httpConnectionFailed": {"httpStatusCode": 401}})), "model");
    assert_eq!(failed(json!("sandboxError")), "sandbox");
    assert_eq!(failed(Value::Null), "model");
    let forbidden = json!({"httpConnectionFailed": {"httpStatusCode": 403}});
    let contained = r#"unexpected status 403 Forbidden: {"error":{"code":"contained"}}"#;
    assert_eq!(failed_with(contained, forbidden.clone()), "refused");
    assert_eq!(failed_with(contained, json!("other")), "refused");
    let stale = "this token belongs to an older claim of the run; only the newest attempt may call";
    assert_eq!(failed_with(stale, forbidden.clone()), "refused");
    assert_eq!(failed_with("403: your country is not supported", forbidden), "model");
}

#[test]
fn what_is_not_offered_is_declined_by_name() {
    let sent = |method: &str, params: Value| {
        let heard = talk().hear(json!({"id": 0, "method": method, "params": params})).unwrap();
        heard.into_iter().find_map(|heard| heard.send).unwrap()
    };
    let approval = sent("item/commandExecution/requestApproval", json!({"command": "rm"}));
    assert_eq!(approval, json!({"id": 0, "result": {"decision": "decline"}}));
    assert_eq!(sent("something/new", json!({}))["error"]["code"], METHOD_NOT_FOUND);
    assert_eq!(sent("item/tool/call", json!({"tool": "other"}))["error"]["code"], METHOD_NOT_FOUND);
}

#[test]
fn requests_to_the_model_are_counted_by_their_usage() {
    let mut talk = talk();
    let mut usage = |input: u64| {
        let total = json!({"inputTokens": input});
        let params = json!({"threadId": "T", "tokenUsage": {"total": total}});
        let heard = talk.hear(json!({"method": "thread/tokenUsage/updated", "params": params})).unwrap();
        heard.into_iter().find_map(|heard| heard.end).map(|end| end.unwrap_err().kind.name())
    };
    assert_eq!([1, 1, 2, 3].map(&mut usage), [None, None, None, Some("turns_exhausted")]);
}

#[test]
fn the_end_of_another_thread_is_not_ours() {
    let turn = json!({"status": "completed", "items": []});
    let heard = talk().hear(json!({"method": "turn/completed", "params": {"threadId": "U", "turn": turn}}));
    assert!(heard.unwrap().is_empty());
}
