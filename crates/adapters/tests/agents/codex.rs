//! Codex: the real one when it is installed, and a script that behaves badly.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use adapters::agent::codex::Codex;
use adapters::agent::{Activity, End, Session};
use adapters::sandbox::{Level, Sandbox, Spec};
use base::env::Env;
use serde_json::json;

use crate::drive::{Driven, TOKEN, drive, drive_until, session};
use crate::gateway::{Gateway, Reply, call, message};
use crate::support::{Stage, alive, bare, may_skip, sandbox, until};

/// The real Codex: by `SEAWALL_TEST_CODEX`, on the `PATH`, or in the cache that CI fills.
pub fn real(test: &str) -> Option<Codex> {
    let env = Env::process();
    let cached = env.get("HOME").map(|home| format!("{home}/.cache/seawall-tools/node_modules/.bin/codex"));
    let named = [env.get("SEAWALL_TEST_CODEX"), Some("codex".to_owned()), cached];
    let found = named.iter().flatten().find_map(|command| Codex::find(&env, Some(command)).ok());
    if found.is_none() {
        may_skip(test);
        eprintln!("SKIPPED: {test}: codex is not installed (npm install @openai/codex)");
    }
    found
}

pub fn spec(stage: &Stage, script: Vec<Reply>) -> (Spec, Gateway) {
    let mut spec = stage.spec("");
    spec.gateway_socket = stage.socket();
    spec.limits.memory_bytes = Some(2 << 30);
    let gateway = Gateway::start(&spec.gateway_socket, script);
    stage.open(&spec.gateway_socket);
    (spec, gateway)
}

async fn job(stage: &Stage, sandbox: &Sandbox, codex: &Codex) {
    let first = call("c1", "exec_command", &json!({"cmd": "echo hello > made.txt && cat made.txt"}));
    let second = call("c2", "set_issue", &json!({"state": "Review"}));
    let script =
        vec![Reply::Items(vec![first]), Reply::Items(vec![second]), Reply::Items(vec![message("all done")])];
    let (spec, gateway) = spec(stage, script);
    let Driven { end, told } = drive(codex, sandbox, spec, session()).await;
    assert_eq!(end, End::Finished { summary: "all done".to_owned() }, "{told:?}");
    assert_eq!(std::fs::read_to_string(stage.path("workspace/made.txt")).unwrap(), "hello\n", "{told:?}");
    assert!(told.iter().any(|a| matches!(a, Activity::Ran { exit: Some(0), .. })), "{told:?}");
    assert!(told.contains(&Activity::ToolCalled { name: "set_issue".to_owned(), ok: true }), "{told:?}");
    let usage =
        told.iter().rev().find_map(|a| if let Activity::Usage { total } = a { Some(*total) } else { None });
    assert_eq!(
        usage.map(|total| (total.input, total.cached, total.output)),
        Some((300, 120, 21)),
        "{told:?}"
    );
    let asked = gateway.asked();
    assert_eq!(asked.len(), 3);
    for one in &asked {
        assert!(one.head.starts_with("POST /v1/responses ") && one.head.contains(&format!("Bearer {TOKEN}")));
    }
    assert!(asked[0].body.to_string().contains("be brief"), "instructions reach the model");
    assert!(asked[2].body.to_string().contains("set_issue got"), "the tool's answer reaches the model");
}

#[tokio::test]
async fn real_codex_does_a_job_behind_walls() {
    let stage = Stage::new();
    let Some(codex) = real("real_codex_does_a_job_behind_walls") else { return };
    let Some(sandbox) = sandbox(&stage, "real_codex_does_a_job_behind_walls", Level::Walled).await else {
        return;
    };
    job(&stage, &sandbox, &codex).await;
}

#[tokio::test]
async fn real_codex_does_a_job_without_walls() {
    let stage = Stage::new();
    let Some(codex) = real("real_codex_does_a_job_without_walls") else { return };
    job(&stage, &bare(&stage).await, &codex).await;
}

#[tokio::test]
async fn real_codex_says_when_the_budget_is_spent() {
    let stage = Stage::new();
    let Some(codex) = real("real_codex_says_when_the_budget_is_spent") else { return };
    let Some(sandbox) = sandbox(&stage, "real_codex_says_when_the_budget_is_spent", Level::Walled).await
    else {
        return;
    };
    let (spec, gateway) =
        spec(&stage, vec![Reply::Refusal(429, "x-should-retry: false", "insufficient_quota")]);
    let driven = drive(&codex, &sandbox, spec, session()).await;
    assert_eq!((driven.failure(), gateway.asked().len()), ("budget_spent", 1), "{:?}", driven.told);
}

#[tokio::test]
async fn an_interrupted_codex_leaves_no_command_behind() {
    let stage = Stage::new();
    let Some(codex) = real("an_interrupted_codex_leaves_no_command_behind") else { return };
    let Some(sandbox) = sandbox(&stage, "an_interrupted_codex_leaves_no_command_behind", Level::Walled).await
    else {
        return;
    };
    let marker = format!("{}-sleep", stage.name);
    let sleep = call("c1", "exec_command", &json!({"cmd": format!("exec -a {marker} sleep 1000")}));
    let (spec, _gateway) = spec(&stage, vec![Reply::Items(vec![sleep])]);
    let enough = until("its command runs", || alive(&marker));
    let driven = drive_until(&codex, &sandbox, spec, session(), enough).await;
    assert_eq!(driven.failure(), "interrupted", "{:?}", driven.told);
    until("its command is gone", || !alive(&marker)).await;
}

#[tokio::test]
async fn a_child_in_a_session_of_its_own_dies_with_codex() {
    let stage = Stage::new();
    let name = "a_child_in_a_session_of_its_own_dies_with_codex";
    let Some(sandbox) = sandbox(&stage, name, Level::Walled).await else { return };
    let marker = format!("{}-child", stage.name);
    let fake = stage.path("codex");
    let leave = format!("setsid bash -c 'exec -a {marker} sleep 1000' & sleep 0.3; done_");
    std::fs::write(&fake, FAKE.replace("BEHAVIOUR", &leave)).unwrap();
    std::fs::set_permissions(&fake, PermissionsExt::from_mode(0o755)).unwrap();
    let (spec, _gateway) = spec(&stage, Vec::new());
    let driven = drive(&Codex::at(&fake), &sandbox, spec, session()).await;
    assert_eq!((driven.failure(), alive(&marker)), ("finished", false));
}

async fn silent(behaviour: &str, init: &str, change: impl Fn(&mut Session)) -> &'static str {
    let stage = Stage::new();
    let sandbox = bare(&stage).await;
    let program = stage.path("codex");
    let script = FAKE.replace("BEHAVIOUR", behaviour).replace("say '{\"id\":1,\"result\":{}}'", init);
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let (spec, _gateway) = spec(&stage, Vec::new());
    let mut session = session();
    change(&mut session);
    drive(&Codex::at(&program), &sandbox, spec, session).await.failure()
}

#[tokio::test]
async fn a_request_without_answer_and_a_silent_turn_have_names_of_their_own() {
    let short = Duration::from_millis(500);
    assert_eq!(silent("done_", "say '{\"method\":\"hello\"}'", |s| s.limits.read = short).await, "no_answer");
    assert_eq!(
        silent("sleep 1000", "say '{\"id\":1,\"result\":{}}'", |s| s.limits.turn = short).await,
        "turn_timed_out"
    );
}

/// A Codex of a few lines of shell: it answers the handshake, then does as `behaviour` says.
async fn fake(behaviour: &str, change: impl Fn(&mut Session)) -> Driven {
    let stage = Stage::new();
    let sandbox = bare(&stage).await;
    let program = stage.path("codex");
    std::fs::write(&program, FAKE.replace("BEHAVIOUR", behaviour)).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let (spec, _gateway) = spec(&stage, Vec::new());
    let mut session = session();
    change(&mut session);
    drive(&Codex::at(&program), &sandbox, spec, session).await
}

pub const FAKE: &str = r#"#!/bin/bash
say() { printf '%s\n' "$1"; }
done_() { say '{"method":"turn/completed","params":{"threadId":"T","turn":{"id":"U","status":"completed","items":[{"type":"agentMessage","text":"ok"}]}}}'; }
behave() {
BEHAVIOUR
}
while read -r line; do
  case "$line" in
    *'"initialize"'*) say '{"id":1,"result":{}}' ;;
    *'"thread/start"'*) say '{"id":2,"result":{"thread":{"id":"T"}}}' ;;
    *'"turn/start"'*) say '{"id":3,"result":{"turn":{"id":"U"}}}'; behave ;;
  esac
done
"#;

#[tokio::test]
async fn a_little_garbage_is_told_and_forgiven() {
    let driven = fake(
        &format!("echo 'not json {TOKEN}'; echo '[1]'; head -c 3000 /dev/zero | tr '\\0' x; echo; done_"),
        |s| {
            s.limits.max_line = 2000;
        },
    )
    .await;
    assert_eq!(driven.failure(), "finished");
    assert!(!driven.noticed("malformed"));
    let garbage: Vec<_> = driven
        .told
        .iter()
        .filter_map(|a| if let Activity::Garbage { start, .. } = a { Some(start.as_str()) } else { None })
        .collect();
    assert_eq!((garbage.len(), garbage[0]), (3, "not json [secret]"));
}

#[tokio::test]
async fn a_flood_a_hang_and_an_exit_end_by_name() {
    assert_eq!(
        fake("while :; do echo garbage; done", |s| s.limits.max_garbage_bytes = 5_000).await.failure(),
        "flooded"
    );
    assert_eq!(
        fake("sleep 1000", |s| s.limits.stall = Duration::from_millis(500)).await.failure(),
        "stalled"
    );
    assert_eq!(fake("kill -SEGV $$", |_| ()).await.failure(), "signalled");
    let exited = fake(&format!("echo 'why {TOKEN}' >&2; exit 7"), |_| ()).await;
    let End::Failed(failure) = &exited.end else { panic!("{:?}", exited.end) };
    assert_eq!(failure.kind.name(), "exited");
    assert!(
        failure.detail.contains("code 7") && failure.detail.contains("why [secret]"),
        "{}",
        failure.detail
    );
}

#[tokio::test]
async fn a_program_that_is_missing_is_named_so() {
    let stage = Stage::new();
    let (spec, _gateway) = spec(&stage, Vec::new());
    let nothing = Codex::at(&PathBuf::from("/nonexistent/codex"));
    let driven = drive(&nothing, &bare(&stage).await, spec, session()).await;
    assert_eq!(driven.failure(), "agent_missing", "{:?}", driven.end);
}

#[tokio::test]
async fn what_codex_asks_for_is_declined_and_it_goes_on() {
    let ask = r#"say '{"id":0,"method":"item/commandExecution/requestApproval","params":{"command":"rm -rf /"}}'
        read -r answer; case "$answer" in *'"decline"'*) ;; *) exit 9 ;; esac
        say '{"id":1,"method":"item/tool/call","params":{"tool":"set_issue","arguments":{"state":"Done"}}}'
        read -r answer; case "$answer" in *'set_issue got'*) ;; *) exit 8 ;; esac
        done_"#;
    let driven = fake(ask, |_| ()).await;
    assert_eq!(driven.failure(), "finished", "{:?}", driven.end);
    assert!(driven.told.contains(&Activity::Declined { what: "rm -rf /".to_owned() }));
}
