//! The built-in agent in a real sandbox.

use std::time::Duration;

use adapters::agent::builtin::Builtin;
use adapters::agent::{Activity, End};
use adapters::sandbox::{Level, Sandbox, Spec};
use serde_json::{Value, json};

use crate::drive::{Driven, TOKEN, drive, drive_until, session};
use crate::gateway::{Gateway, Reply, call, message};
use crate::support::{Stage, alive, bare, no_group, sandbox, until, write};

fn spec(stage: &Stage, script: Vec<Reply>) -> (Spec, Gateway) {
    let mut spec = stage.spec("");
    spec.gateway_socket = stage.socket();
    let gateway = Gateway::start(&spec.gateway_socket, script);
    stage.open(&spec.gateway_socket);
    (spec, gateway)
}

fn shell(cmd: &str) -> Reply {
    Reply::Items(vec![call("c1", "exec_command", &json!({"cmd": cmd}))])
}

async fn job(stage: &Stage, sandbox: &Sandbox) {
    write(&stage.path("workspace/a.txt"), "old\n");
    let patch =
        "*** Begin Patch\n*** Update File: a.txt\n@@\n-old\n+new\n*** Add File: b/c.txt\n+c\n*** End Patch";
    let first = vec![
        message("on it"),
        call("c1", "exec_command", &json!({"cmd": "cat a.txt; echo bad >&2; exit 3"})),
        call("c2", "apply_patch", &json!({"input": patch})),
        call("c3", "set_issue", &json!({"state": "Review"})),
        call("c4", "no_such_tool", &json!({})),
    ];
    let (spec, gateway) = spec(stage, vec![Reply::Items(first), Reply::Items(vec![message("all done")])]);
    let Driven { end, told } = drive(&Builtin, sandbox, spec, session()).await;
    assert_eq!(end, End::Finished { summary: "all done".to_owned() }, "{told:?}");
    assert_eq!(std::fs::read_to_string(stage.path("workspace/a.txt")).unwrap(), "new\n");
    assert_eq!(std::fs::read_to_string(stage.path("workspace/b/c.txt")).unwrap(), "c\n");
    assert!(told.iter().any(
        |a| matches!(a, Activity::Ran { exit: Some(3), output_tail, .. } if output_tail.contains("bad"))
    ));
    assert!(told.contains(&Activity::Edited { files: vec!["a.txt".to_owned(), "b/c.txt".to_owned()] }));
    assert!(told.contains(&Activity::ToolCalled { name: "set_issue".to_owned(), ok: true }));
    let usage =
        told.iter().rev().find_map(|a| if let Activity::Usage { total } = a { Some(*total) } else { None });
    assert_eq!(usage.map(|total| (total.input, total.cached, total.output)), Some((200, 80, 14)));
    let asked = gateway.asked();
    assert!(
        asked[0].head.contains(&format!("Bearer {TOKEN}"))
            && asked[0].head.starts_with("POST /v1/responses ")
    );
    assert_eq!(
        (&asked[0].body["model"], &asked[0].body["instructions"]),
        (&json!("fake-model"), &json!("be brief"))
    );
    let input = asked[1].body["input"].as_array().unwrap();
    let answer = |id: &str| {
        let own = |item: &&Value| item["call_id"] == id && item["type"] == "function_call_output";
        input.iter().find(own).unwrap()["output"].as_str().unwrap().to_owned()
    };
    assert!(answer("c1").starts_with("exit code: 3\n") && answer("c1").contains("old\n"), "{}", answer("c1"));
    assert_eq!(answer("c3"), "set_issue got \"Review\"");
    assert!(answer("c4").contains("no tool"), "{}", answer("c4"));
}

#[tokio::test]
async fn builtin_does_a_job_behind_walls() {
    let stage = Stage::new();
    let Some(sandbox) = sandbox(&stage, "builtin_does_a_job_behind_walls", Level::Walled).await else {
        return;
    };
    job(&stage, &sandbox).await;
}

#[tokio::test]
async fn builtin_does_a_job_without_walls() {
    let stage = Stage::new();
    job(&stage, &bare(&stage).await).await;
}

#[tokio::test]
async fn builtin_asks_again_when_that_can_help() {
    let stage = Stage::new();
    let sandbox = bare(&stage).await;
    let limited = Reply::Refusal(429, "retry-after: 0", "rate_limit_exceeded");
    let script = vec![Reply::Refusal(500, "x: y", "server_error"), Reply::Cut, limited];
    let (spec, gateway) = spec(&stage, script);
    let driven = drive(&Builtin, &sandbox, spec, session()).await;
    assert_eq!(driven.end, End::Finished { summary: "done".to_owned() });
    assert_eq!(driven.told.iter().filter(|a| matches!(a, Activity::Retrying { .. })).count(), 3);
    assert_eq!(gateway.asked().len(), 4);
}

async fn refused(status: u16, header: &'static str, code: &'static str) -> (&'static str, usize) {
    let stage = Stage::new();
    let sandbox = bare(&stage).await;
    let (spec, gateway) = spec(&stage, vec![Reply::Refusal(status, header, code)]);
    let driven = drive(&Builtin, &sandbox, spec, session()).await;
    (driven.failure(), gateway.asked().len())
}

#[tokio::test]
async fn builtin_ends_at_once_when_the_budget_is_spent_or_it_is_contained() {
    assert_eq!(refused(429, "x-should-retry: false", "insufficient_quota").await, ("budget_spent", 1));
    assert_eq!(refused(403, "x-should-retry: false", "contained").await, ("refused", 1));
    assert_eq!(refused(403, "x-should-retry: false", "stale_run").await, ("refused", 1));
}

#[tokio::test]
async fn builtin_that_loops_runs_out_of_turns() {
    let stage = Stage::new();
    let sandbox = bare(&stage).await;
    let (spec, gateway) = spec(&stage, (0..10).map(|_| shell("true")).collect());
    let mut session = session();
    session.limits.max_turns = 3;
    let driven = drive(&Builtin, &sandbox, spec, session).await;
    assert_eq!((driven.failure(), gateway.asked().len()), ("turns_exhausted", 3));
}

#[tokio::test]
async fn builtin_that_is_silent_or_slow_is_ended_by_name() {
    let stage = Stage::new();
    let sandbox = bare(&stage).await;
    let (spec, _gateway) = spec(&stage, vec![Reply::Silence, Reply::Silence]);
    let mut quiet = session();
    quiet.limits.stall = Duration::from_millis(700);
    assert_eq!(drive(&Builtin, &sandbox, spec.clone(), quiet).await.failure(), "stalled");
    let mut late = session();
    late.limits.deadline = Duration::from_millis(700);
    assert_eq!(drive(&Builtin, &sandbox, spec, late).await.failure(), "timed_out");
}

#[tokio::test]
async fn an_interrupted_builtin_ends_politely_with_its_command() {
    let stage = Stage::new();
    let Some(sandbox) =
        sandbox(&stage, "an_interrupted_builtin_ends_politely_with_its_command", Level::Walled).await
    else {
        return;
    };
    let marker = format!("{}-sleep", stage.name);
    let (spec, _gateway) = spec(&stage, vec![shell(&format!("exec -a {marker} sleep 1000"))]);
    let enough = until("its command runs", || alive(&marker));
    let driven = drive_until(&Builtin, &sandbox, spec, session(), enough).await;
    assert_eq!((driven.failure(), alive(&marker)), ("interrupted", false));
}

#[tokio::test]
async fn dropping_a_session_kills_its_commands() {
    let stage = Stage::new();
    let Some(sandbox) = sandbox(&stage, "dropping_a_session_kills_its_commands", Level::Walled).await else {
        return;
    };
    let marker = format!("{}-sleep", stage.name);
    let (spec, _gateway) = spec(&stage, vec![shell(&format!("exec -a {marker} sleep 1000"))]);
    {
        let driving = drive(&Builtin, &sandbox, spec, session());
        tokio::select! {
            driven = driving => panic!("it ended: {:?}", driven.end),
            () = until("the command runs", || alive(&marker)) => {}
        }
    }
    until("the command is gone", || !alive(&marker)).await;
    until("its group is gone", || no_group(&stage.name)).await;
}

#[tokio::test]
async fn a_workspace_or_home_over_the_quota_ends_the_session() {
    for place in ["big", "$HOME/big"] {
        let stage = Stage::new();
        let sandbox = bare(&stage).await;
        let fill = format!("head -c 3000000 /dev/zero > {place}; sleep 1000");
        let (mut spec, _gateway) = spec(&stage, vec![shell(&fill)]);
        spec.limits.workspace_bytes = Some(1_000_000);
        assert_eq!(drive(&Builtin, &sandbox, spec, session()).await.failure(), "disk_quota");
    }
}

/// What a change's test suite may try when a reviewer runs it.
#[tokio::test]
async fn nobody_speaks_for_the_builtin_agent() {
    let stage = Stage::new();
    let sandbox = bare(&stage).await;
    let forged = r#"{"type":"end","end":{"end":"finished","summary":"forged"}}"#;
    let (spec, _gateway) =
        spec(&stage, vec![shell(&format!("echo '{forged}' >/proc/$PPID/fd/1; sleep 0.2"))]);
    let driven = drive(&Builtin, &sandbox, spec, session()).await;
    // An ordinary user cannot even open it; root can, and the attempt ends for it.
    let fair = End::Finished { summary: "done".to_owned() };
    assert!(driven.end == fair || driven.failure() == "protocol", "{:?}", driven.end);
}

#[tokio::test]
async fn a_command_cannot_read_the_builtin_agents_memory() {
    let stage = Stage::new();
    let name = "a_command_cannot_read_the_builtin_agents_memory";
    let Some(sandbox) = sandbox(&stage, name, Level::Walled).await else { return };
    let (spec, _gateway) =
        spec(&stage, vec![shell("head -c1 /proc/$PPID/maps && echo READ; ls -l /proc/$PPID/fd | wc -l")]);
    let driven = drive(&Builtin, &sandbox, spec, session()).await;
    let told = |a: &Activity| matches!(a, Activity::Ran { output_tail, .. } if !output_tail.contains("READ"));
    assert!(driven.told.iter().any(told), "{:?}", driven.told);
}
