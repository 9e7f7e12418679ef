use std::path::Path;
use std::time::Duration;

use base::secret::Secret;

use super::*;
use crate::agent::{SessionLimits, ToolSpec};

pub(in crate::agent::codex) fn session() -> Session {
    Session {
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
    }
}

fn talk_with(settings: Value, walls: bool) -> Talk {
    let session = Session { settings, ..session() };
    let params = Params::new(&session, Path::new("/w"), 1, walls);
    let mut talk = Talk::new(&session, params);
    talk.thread = Some("T".to_owned());
    talk
}

fn talk() -> Talk {
    talk_with(json!({}), true)
}

fn sent(steps: &[Step]) -> Value {
    let sent =
        steps.iter().find_map(|step| if let Step::Send(message) = step { Some(message) } else { None });
    sent.cloned().unwrap_or_default()
}

fn failed(info: Value) -> &'static str {
    failed_with("m", info)
}

fn failed_with(message: &str, info: Value) -> &'static str {
    let turn = json!({"status": "failed", "error": {"message": message, "codexErrorInfo": info}});
    let steps = talk().hear(json!({"method": "turn/completed", "params": {"threadId": "T", "turn": turn}}));
    match steps.last() {
        Some(Step::Fail(failure)) => failure.kind.name(),
        _ => "not failed",
    }
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
fn the_handshake_has_symphonys_order_and_fields() {
    let mut talk = Talk::new(&session(), Params::new(&session(), Path::new("/w"), 1, true));
    let first = sent(&talk.open());
    assert_eq!((&first["id"], &first["method"]), (&json!(1), &json!("initialize")));
    assert_eq!(first["params"]["capabilities"]["experimentalApi"], true);
    let next = talk.hear(json!({"id": 1, "result": {}}));
    let methods: Vec<_> =
        next.iter().filter_map(|s| if let Step::Send(m) = s { m["method"].as_str() } else { None }).collect();
    assert_eq!(methods, ["initialized", "thread/start"]);
    let turn = sent(&talk.hear(json!({"id": 2, "result": {"thread": {"id": "T"}}})));
    let params = &turn["params"];
    assert_eq!((turn["id"].as_u64(), turn["method"].as_str()), (Some(3), Some("turn/start")));
    assert_eq!(
        (&params["threadId"], &params["cwd"], &params["title"]),
        (&json!("T"), &json!("/w"), &json!("T"))
    );
    assert_eq!(
        (&params["approvalPolicy"], &params["sandboxPolicy"]["type"]),
        (&json!("never"), &json!("dangerFullAccess"))
    );
}

#[test]
fn a_refused_resume_begins_a_thread_with_the_same_prompt() {
    let session = Session { resume: Some("old".to_owned()), ..session() };
    let mut talk = Talk::new(&session, Params::new(&session, Path::new("/w"), 1, true));
    talk.open();
    let resume = talk.hear(json!({"id": 1, "result": {}}));
    let Some(Step::Send(resume)) = resume.get(1) else { panic!("nothing sent") };
    assert_eq!((&resume["method"], &resume["params"]["threadId"]), (&json!("thread/resume"), &json!("old")));
    assert_eq!(resume["params"]["sandbox"], "danger-full-access");
    let refused = talk.hear(json!({"id": 2, "error": {"message": "unknown thread"}}));
    assert!(matches!(&refused[0], Step::Tell(Activity::Noticed { event, .. }) if event == "resume_refused"));
    assert_eq!(sent(&refused)["method"], "thread/start");
}

fn answer(settings: &Value, walls: bool, method: &str) -> String {
    let params = json!({"command": "rm", "questions": [{"question": "which?"}], "reason": "why not"});
    let steps = talk_with(settings.clone(), walls).hear(json!({"id": 0, "method": method, "params": params}));
    match steps.last() {
        Some(Step::Block(question)) => format!("blocked: {question}"),
        Some(Step::Send(answer)) if answer.get("error").is_some() => "error".to_owned(),
        Some(Step::Send(answer)) => answer["result"]["decision"].as_str().unwrap_or_default().to_owned(),
        _ => "nothing".to_owned(),
    }
}

#[test]
fn approvals_are_granted_within_walls_and_only_when_nobody_is_to_be_asked() {
    let (never, ask) = (json!({}), json!({"approval_policy": "on-request"}));
    let (command, legacy) = ("item/commandExecution/requestApproval", "execCommandApproval");
    assert_eq!(answer(&never, true, command), "acceptForSession");
    assert_eq!(answer(&never, true, "item/fileChange/requestApproval"), "acceptForSession");
    assert_eq!(answer(&never, true, legacy), "approved_for_session");
    assert_eq!(answer(&never, true, "applyPatchApproval"), "approved_for_session");
    assert_eq!(answer(&never, false, command), "decline");
    assert_eq!(answer(&never, false, legacy), "error");
    assert!(answer(&ask, true, command).starts_with("blocked: "));
    assert!(answer(&ask, true, legacy).starts_with("blocked: "));
    assert_eq!(answer(&never, true, "item/permissions/requestApproval"), "error");
    assert_eq!(answer(&never, true, "something/new"), "error");
}

#[test]
fn what_only_a_person_can_answer_blocks() {
    let never = json!({});
    assert_eq!(answer(&never, true, "item/tool/requestUserInput"), "blocked: which?");
    assert!(answer(&never, true, "mcpServer/elicitation/request").starts_with("blocked"));
    let flagged =
        talk().hear(json!({"method": "turn/odd", "params": {"requiresInput": true, "message": "hm?"}}));
    assert!(matches!(&flagged[..], [Step::Block(question)] if question == "hm?"));
    let told = talk().hear(json!({"method": "turn/input_required", "params": {}}));
    assert!(matches!(&told[..], [Step::Block(_)]));
}

#[test]
fn an_unknown_tool_gets_a_failure_and_the_session_goes_on() {
    let steps = talk().hear(json!({"id": 9, "method": "item/tool/call", "params": {"tool": "other"}}));
    let answer = sent(&steps);
    assert_eq!((&answer["id"], &answer["result"]["success"]), (&json!(9), &json!(false)));
    assert!(!steps.iter().any(|step| matches!(step, Step::Fail(_) | Step::Block(_))));
}

fn used(talk: &mut Talk, input: u64) -> Option<&'static str> {
    let usage = json!({"total": {"inputTokens": input}, "last": {"inputTokens": 1}});
    let params = json!({"threadId": "T", "tokenUsage": usage});
    let steps = talk.hear(json!({"method": "thread/tokenUsage/updated", "params": params}));
    steps
        .iter()
        .find_map(|step| if let Step::Fail(failure) = step { Some(failure.kind.name()) } else { None })
}

#[test]
fn requests_to_the_model_are_counted_by_their_usage() {
    let mut talk = talk();
    talk.turn_began("U".to_owned());
    let ends = [1, 1, 2, 3].map(|input| used(&mut talk, input));
    assert_eq!(ends, [None, None, None, Some("turns_exhausted")]);
}

#[test]
fn zero_requests_are_no_limit() {
    let mut talk = talk();
    talk.counted = Counted::new(0);
    talk.turn_began("U".to_owned());
    assert!((1..100).all(|input| used(&mut talk, input).is_none()));
}

#[test]
fn of_a_resumed_thread_only_what_is_new_counts() {
    let mut talk = talk();
    talk.counted.resumed();
    used(&mut talk, 500);
    talk.turn_began("U".to_owned());
    let params = json!({"threadId": "T", "tokenUsage": {"total": {"inputTokens": 600}}});
    let steps = talk.hear(json!({"method": "thread/tokenUsage/updated", "params": params}));
    assert!(matches!(&steps[0], Step::Tell(Activity::Usage { total }) if total.input == 100));
}

#[test]
fn the_end_of_another_thread_is_not_ours() {
    let turn = json!({"status": "completed", "items": []});
    let heard = talk().hear(json!({"method": "turn/completed", "params": {"threadId": "U", "turn": turn}}));
    assert!(heard.is_empty());
}
