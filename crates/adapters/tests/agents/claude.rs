//! The real Claude Code, when it is installed.

use adapters::agent::claude::Claude;
use adapters::agent::{Activity, End, Session};
use adapters::sandbox::{Level, Sandbox};
use base::env::Env;
use serde_json::{Value, json};

use crate::codex::spec;
use crate::drive::{Driven, Prompts, TOKEN, drive, drive_turns, drive_until, session};
use crate::gateway::{Reply, call, message};
use crate::support::{Stage, alive, bare, may_skip, sandbox, until};

/// The real Claude Code: by `SEAWALL_TEST_CLAUDE`, on the `PATH`, or in the cache that CI fills.
fn real(test: &str) -> Option<Claude> {
    let env = Env::process();
    let cached = env.get("HOME").map(|home| format!("{home}/.cache/seawall-tools/node_modules/.bin/claude"));
    let named = [env.get("SEAWALL_TEST_CLAUDE"), Some("claude".to_owned()), cached];
    let found = named.iter().flatten().find_map(|command| Claude::find(&env, Some(command)).ok());
    if found.is_none() {
        may_skip(test);
        eprintln!("SKIPPED: {test}: claude is not installed (npm install @anthropic-ai/claude-code)");
    }
    found
}

async fn walled(test: &str, stage: &Stage) -> Option<(Claude, Sandbox)> {
    Some((real(test)?, sandbox(stage, test, Level::Walled).await?))
}

fn bash(command: &str) -> Reply {
    Reply::Items(vec![call("c1", "Bash", &json!({"command": command, "description": "as the test wants"}))])
}

fn said(text: &str) -> Reply {
    Reply::Items(vec![message(text)])
}

#[tokio::test]
async fn real_claude_does_a_job_in_two_turns_behind_walls() {
    let stage = Stage::new();
    let Some((claude, sandbox)) = walled("real_claude_does_a_job_in_two_turns_behind_walls", &stage).await
    else {
        return;
    };
    let tool = Reply::Items(vec![call("c2", "mcp__seawall__set_issue", &json!({"state": "Review"}))]);
    let script = vec![
        bash("echo hello > made.txt && cat made.txt"),
        tool,
        said("first"),
        bash("exit 3"),
        said("second"),
    ];
    let (spec, gateway) = spec(&stage, script);
    let turns = Prompts::new(&["go on, please"]);
    let driven = drive_turns(&claude, &sandbox, spec, session(), turns, std::future::pending()).await;
    let Driven { end, told } = &driven;
    assert_eq!(*end, End::Finished { summary: "second".to_owned() }, "{told:?}");
    assert_eq!(std::fs::read_to_string(stage.path("workspace/made.txt")).unwrap(), "hello\n", "{told:?}");
    assert_eq!(driven.turns(), ["completed", "completed"]);
    let ran = |code| told.iter().any(|a| matches!(a, Activity::Ran { exit, .. } if *exit == Some(code)));
    assert!(ran(0) && ran(3), "{told:?}");
    assert!(told.contains(&Activity::ToolCalled { name: "set_issue".to_owned(), ok: true }), "{told:?}");
    let usage =
        told.iter().rev().find_map(|a| if let Activity::Usage { total } = a { Some(*total) } else { None });
    assert_eq!(usage.map(|total| (total.input, total.cached, total.output)), Some((500, 200, 35)));
    let asked = gateway.asked();
    let all: Vec<String> = asked.iter().map(|one| one.body["messages"].to_string()).collect();
    assert!(asked.iter().all(
        |one| one.head.starts_with("POST /v1/messages") && one.head.contains(&format!("Bearer {TOKEN}"))
    ));
    assert!(asked[0].body["system"].to_string().contains("be brief"), "instructions reach the model");
    assert!(
        all[2].contains("set_issue got") && all[3].contains("make it so") && all[3].contains("go on, please")
    );
}

#[tokio::test]
async fn real_claude_goes_on_with_a_conversation_after_it_was_killed() {
    let stage = Stage::new();
    let name = "real_claude_goes_on_with_a_conversation_after_it_was_killed";
    let Some((claude, sandbox)) = walled(name, &stage).await else { return };
    let marker = format!("{}-sleep", stage.name);
    let script = vec![bash(&format!("exec -a {marker} sleep 1000")), said("resumed")];
    let (spec, gateway) = spec(&stage, script);
    let first =
        drive_until(&claude, &sandbox, spec.clone(), session(), until("it works", || alive(&marker))).await;
    assert_eq!(first.failure(), "interrupted", "{:?}", first.told);
    until("its command is gone", || !alive(&marker)).await;
    let resume = first.session().map(str::to_owned);
    let again = Session { prompt: "and now?".to_owned(), resume: resume.clone(), ..session() };
    let driven = drive(&claude, &sandbox, spec, again).await;
    assert_eq!(driven.end, End::Finished { summary: "resumed".to_owned() }, "{:?}", driven.told);
    assert_eq!((driven.session(), driven.noticed("resume_refused")), (resume.as_deref(), false));
    let last = gateway.asked().last().unwrap().body["messages"].to_string();
    assert!(last.contains("make it so") && last.contains("and now?"), "{last}");
}

#[tokio::test]
async fn the_run_token_is_in_no_argument_of_real_claude() {
    let stage = Stage::new();
    let Some((claude, sandbox)) = walled("the_run_token_is_in_no_argument_of_real_claude", &stage).await
    else {
        return;
    };
    let marker = format!("{}-sleep", stage.name);
    let (spec, _gateway) = spec(&stage, vec![bash(&format!("exec -a {marker} sleep 1000"))]);
    let mut seen = None;
    let looked = until("its command runs", || {
        let runs = alive(&marker);
        seen = runs.then(|| alive(TOKEN));
        runs
    });
    drive_until(&claude, &sandbox, spec, session(), looked).await;
    assert_eq!(seen, Some(false));
}

async fn refused(test: &str, status: u16, code: &'static str) -> Option<(&'static str, usize)> {
    let stage = Stage::new();
    let (claude, sandbox) = walled(test, &stage).await?;
    let (spec, gateway) = spec(&stage, vec![Reply::Refusal(status, "x-should-retry: false", code)]);
    let driven = drive(&claude, &sandbox, spec, session()).await;
    Some((driven.failure(), gateway.asked().len()))
}

#[tokio::test]
async fn real_claude_says_when_the_budget_is_spent() {
    let Some(ended) = refused("real_claude_says_when_the_budget_is_spent", 402, "billing_error").await else {
        return;
    };
    assert_eq!(ended, ("budget_spent", 1));
}

#[tokio::test]
async fn without_walls_real_claude_may_not_run_commands_unasked() {
    let stage = Stage::new();
    let Some(claude) = real("without_walls_real_claude_may_not_run_commands_unasked") else { return };
    let (spec, _gateway) = spec(&stage, vec![bash("touch made.txt; exec 9<>/dev/tcp/127.0.0.1/1")]);
    let driven = drive(&claude, &bare(&stage).await, spec, session()).await;
    let End::Blocked { question } = &driven.end else { panic!("{:?} {:?}", driven.end, driven.told) };
    assert!(question.contains("touch made.txt"), "{question}");
    assert!(!stage.path("workspace/made.txt").exists());
}

/// What a model that asks back does.
#[tokio::test]
async fn a_question_of_real_claude_blocks_the_session() {
    let stage = Stage::new();
    let Some((claude, sandbox)) = walled("a_question_of_real_claude_blocks_the_session", &stage).await else {
        return;
    };
    let options = json!([{"label": "a", "description": "A"}, {"label": "b", "description": "B"}]);
    let question: Value =
        json!({"question": "which one?", "header": "h", "options": options, "multiSelect": false});
    let ask = call("c1", "AskUserQuestion", &json!({"questions": [question]}));
    let (spec, _gateway) = spec(&stage, vec![Reply::Items(vec![ask])]);
    let driven = drive(&claude, &sandbox, spec, session()).await;
    assert_eq!(driven.end, End::Blocked { question: "which one?".to_owned() }, "{:?}", driven.told);
}
