use std::time::Duration;

use base::secret::Secret;

use super::*;
use crate::agent::{SessionLimits, ToolSpec};

pub(in crate::agent::claude) fn session() -> Session {
    let second = Duration::from_secs(1);
    Session {
        run: "r".to_owned(),
        attempt: 1,
        prompt: "do".to_owned(),
        instructions: "be brief".to_owned(),
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
            stall: second,
            read: second,
            turn: second,
            deadline: second,
            max_line: 100,
            max_garbage_bytes: 100,
        },
    }
}

fn talk() -> Talk {
    let mut talk = Talk::new(&session());
    talk.turn("do");
    talk
}

fn failed(result: Value) -> &'static str {
    match talk().hear(result).pop() {
        Some(Step::Fail(failure)) => failure.kind.name(),
        _ => "not failed",
    }
}

#[test]
fn a_failed_turn_is_named_by_what_claude_says() {
    let of = |status: u64, text: &str| {
        failed(
            json!({"type": "result", "subtype": "success", "is_error": true, "api_error_status": status, "result": text}),
        )
    };
    assert_eq!(of(402, "budget"), "budget_spent");
    assert_eq!(of(403, "contained: calls are refused until a person lifts it"), "refused");
    assert_eq!(of(403, "your country"), "model");
    assert_eq!(of(500, "oops"), "model");
    assert_eq!(failed(json!({"type": "result", "subtype": "error_max_turns"})), "turns_exhausted");
    let errors = ["No conversation found"];
    assert_eq!(
        failed(json!({"type": "result", "subtype": "error_during_execution", "errors": errors})),
        "protocol"
    );
    assert_eq!(
        failed(json!({"type": "result", "subtype": "success", "is_error": false, "result": "ok"})),
        "not failed"
    );
}

fn asked(request: Value) -> Vec<Step> {
    talk().hear(json!({"type": "control_request", "request_id": "q", "request": request}))
}

fn mcp(message: Value) -> Vec<Step> {
    asked(json!({"subtype": "mcp_message", "server_name": "seawall", "message": message}))
}

#[test]
fn the_hosts_tools_are_an_mcp_server() {
    let answer = |steps: Vec<Step>| match &steps[..] {
        [.., Step::Send(message)] => message["response"]["response"]["mcp_response"].clone(),
        _ => Value::Null,
    };
    let listed = answer(mcp(json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list"})));
    assert_eq!((&listed["id"], &listed["result"]["tools"][0]["name"]), (&json!(3), &json!("issue")));
    let unknown = mcp(json!({"id": 4, "method": "tools/call", "params": {"name": "other"}}));
    assert_eq!(answer(unknown)["result"]["isError"], true);
    assert_eq!(answer(mcp(json!({"id": 5, "method": "resources/list"})))["error"]["code"], -32601);
    let known =
        mcp(json!({"id": 6, "method": "tools/call", "params": {"name": "issue", "arguments": {"a": 1}}}));
    assert!(matches!(&known[..], [Step::Call(call)] if call.arguments["a"] == 1));
}

#[test]
fn a_permission_that_is_asked_for_blocks_and_what_is_unknown_is_refused() {
    let bash = json!({"subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": "rm x"}});
    assert!(
        matches!(&asked(bash)[..], [Step::Block(text)] if text == "claude asks for approval: Bash: rm x")
    );
    let question = json!({"questions": [{"question": "which?"}]});
    let ask = json!({"subtype": "can_use_tool", "tool_name": "AskUserQuestion", "input": question});
    assert!(matches!(&asked(ask)[..], [Step::Block(text)] if text == "which?"));
    assert!(
        matches!(&asked(json!({"subtype": "hook_callback"}))[..], [Step::Tell(_), Step::Send(m)] if m["response"]["subtype"] == "error")
    );
}

#[test]
fn pieces_of_one_answer_are_one_request() {
    let mut talk = talk();
    let mut piece = |id: &str| {
        let content = json!([{"type": "text", "text": "x"}]);
        let steps = talk.hear(json!({"type": "assistant", "message": {"id": id, "content": content}}));
        steps
            .iter()
            .any(|step| matches!(step, Step::Fail(failure) if failure.kind == FailureKind::TurnsExhausted))
    };
    assert_eq!(["a", "a", "b", "c"].map(&mut piece), [false, false, false, true]);
}

#[test]
fn usage_is_summed_over_turns_with_the_cache_in_the_input() {
    let mut talk = talk();
    let used = json!({"input_tokens": 10, "cache_read_input_tokens": 4, "output_tokens": 3});
    let result = json!({"type": "result", "subtype": "success", "result": "ok", "usage": used});
    talk.hear(result.clone());
    talk.turn("more");
    let steps = talk.hear(result);
    assert!(
        matches!(&steps[0], Step::Tell(Activity::Usage { total }) if (total.input, total.cached, total.output) == (28, 8, 6))
    );
}

#[test]
fn a_commands_end_is_told_with_its_exit_code() {
    let mut talk = talk();
    let block = json!({"type": "tool_use", "id": "u", "name": "Bash", "input": {"command": "false"}});
    talk.hear(json!({"type": "assistant", "message": {"id": "m", "content": [block]}}));
    let result =
        json!({"type": "tool_result", "tool_use_id": "u", "content": "Exit code 3\nbad", "is_error": true});
    let steps = talk.hear(json!({"type": "user", "message": {"content": [result]}}));
    assert!(
        matches!(&steps[..], [Step::Tell(Activity::Ran { exit: Some(3), command, .. })] if command == "false")
    );
}
