//! The contract of all drivers: one list of sessions (`cases.json`), each played by a scripted agent of every kind.
//!
//! A line of the list says how the session ends, how each turn ended, and whether the session has the name that was
//! given to be resumed or a new one. Where an agent of a kind cannot play a case, its line is `null`.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use adapters::agent::builtin::Builtin;
use adapters::agent::claude::Claude;
use adapters::agent::codex::Codex;
use adapters::agent::command::Command;
use adapters::agent::{Driver, End, Session};
use base::env::Env;
use serde_json::{Value, json};

use crate::drive::{Driven, Prompts, drive_turns, session};
use crate::gateway::{Gateway, Reply, call, message};
use crate::support::{Stage, bare, until};

const CASES: &str = include_str!("cases.json");
const BUILTIN: &str = include_str!("builtin.json");
const FAKES: [(&str, &str); 3] = [
    ("codex", include_str!("codex.sh")),
    ("claude", include_str!("claude.sh")),
    ("command", include_str!("command.sh")),
];
/// A session that the scripted agents still have, and one that they have not.
const KEPT: &str = "11111111-2222-4333-8444-555555555555";
const LOST: &str = "99999999-2222-4333-8444-555555555555";

async fn check(kind: &str) {
    let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        let name = case["case"].as_str().unwrap();
        let expect = case.get(kind).unwrap_or(&case["all"]);
        let Some(expect) = expect.as_str() else { continue };
        let driven = play(kind, name).await;
        let got = line(&driven);
        if got != expect {
            wrong.push(format!("{name}: expected `{expect}`, got `{got}`: {:?}", driven.end));
        }
    }
    assert!(wrong.is_empty(), "{kind}:\n{}", wrong.join("\n"));
}

fn line(driven: &Driven) -> String {
    let end = match &driven.end {
        End::Finished { summary } => format!("finished {summary}"),
        End::Blocked { question } => format!("blocked {question}"),
        End::Failed(_) | End::Interrupted => driven.failure().to_owned(),
    };
    let given = matches!(driven.session(), Some(KEPT | LOST));
    let lost = if driven.noticed("resume_refused") { ", the given is lost" } else { "" };
    format!("{end} | {} | {}{lost}", driven.turns().join(" "), if given { "given" } else { "new" })
}

async fn play(kind: &str, case: &str) -> Driven {
    let stage = Stage::new();
    let sandbox = bare(&stage).await;
    let mut spec = stage.spec("");
    spec.gateway_socket = stage.socket();
    let _gateway = Gateway::start(&spec.gateway_socket, replies(case));
    stage.open(&spec.gateway_socket);
    let conversation = stage.path("home/.claude/projects/-w");
    std::fs::create_dir_all(&conversation).unwrap();
    std::fs::write(conversation.join(format!("{KEPT}.jsonl")), "").unwrap();
    let mut session = Session { prompt: format!("case: {case}"), ..session() };
    session.resume = match case {
        "resumes" => Some(KEPT.to_owned()),
        "forgets" => Some(LOST.to_owned()),
        _ => None,
    };
    if case == "stalls" {
        session.limits.stall = Duration::from_millis(1500);
    }
    let driver = driver(kind, &stage);
    let turns = Prompts::new(if case == "continues" { &["case: again"] } else { &[] });
    let running = stage.path("workspace/running");
    let enough = async {
        if case == "interrupted" {
            until("it works", || running.exists()).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    drive_turns(driver.as_ref(), &sandbox, spec, session, turns, enough).await
}

fn driver(kind: &str, stage: &Stage) -> Arc<dyn Driver> {
    let Some((_, script)) = FAKES.iter().find(|(name, _)| *name == kind) else { return Arc::new(Builtin) };
    let program = stage.path(kind);
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    match kind {
        "codex" => Arc::new(Codex::at(&program)),
        "claude" => Arc::new(Claude::at(&program)),
        _ => Arc::new(Command::shell(&Env::process(), &format!("'{}'", program.display()), vec![])),
    }
}

/// What the model says to the built-in agent.
fn replies(case: &str) -> Vec<Reply> {
    let scripts: Value = serde_json::from_str(BUILTIN).unwrap();
    let Some(script) = scripts[case].as_array() else { return vec![Reply::Items(vec![message("ok")])] };
    let reply = |step: &Value| {
        if let Some(text) = step["say"].as_str() {
            return Reply::Items(vec![message(text)]);
        }
        if let Some(command) = step["run"].as_str() {
            return Reply::Items(vec![call("c1", "exec_command", &json!({"cmd": command}))]);
        }
        match step["refuse"].as_u64() {
            Some(status) => Reply::Refusal(u16::try_from(status).unwrap(), "x: y", "bad"),
            None => Reply::Silence,
        }
    };
    script.iter().map(reply).collect()
}

#[tokio::test]
async fn the_builtin_agent_keeps_the_contract() {
    check("builtin").await;
}

#[tokio::test]
async fn codex_keeps_the_contract() {
    check("codex").await;
}

#[tokio::test]
async fn claude_keeps_the_contract() {
    check("claude").await;
}

#[tokio::test]
async fn a_command_keeps_the_contract() {
    check("command").await;
}
