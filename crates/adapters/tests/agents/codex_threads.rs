//! The real Codex on one thread: several turns, several attempts.

use adapters::agent::{Activity, End, Session};
use adapters::sandbox::Level;
use serde_json::json;

use crate::codex::{real, spec};
use crate::drive::{Prompts, drive, drive_turns, session};
use crate::gateway::{Reply, call, message};
use crate::support::{Stage, alive, sandbox, until};

pub fn shell_call(cmd: &str) -> Reply {
    Reply::Items(vec![call("c1", "exec_command", &json!({"cmd": cmd}))])
}

pub fn said(text: &str) -> Reply {
    Reply::Items(vec![message(text)])
}

#[tokio::test]
async fn real_codex_takes_two_turns_on_one_thread() {
    let stage = Stage::new();
    let name = "real_codex_takes_two_turns_on_one_thread";
    let Some(codex) = real(name) else { return };
    let Some(sandbox) = sandbox(&stage, name, Level::Walled).await else { return };
    let (spec, gateway) = spec(&stage, vec![said("first"), shell_call("true"), said("second")]);
    let turns = Prompts::new(&["go on, please"]);
    let driven = drive_turns(&codex, &sandbox, spec, session(), turns, std::future::pending()).await;
    assert_eq!(driven.end, End::Finished { summary: "second".to_owned() }, "{:?}", driven.told);
    assert_eq!(driven.turns(), ["completed", "completed"]);
    let begun: Vec<_> = driven.told.iter().filter(|a| matches!(a, Activity::TurnStarted { .. })).collect();
    assert_eq!((begun.len(), gateway.asked().len()), (2, 3));
    let input = gateway.asked()[1].body["input"].to_string();
    assert!(input.contains("make it so") && input.contains("first") && input.contains("go on, please"));
}

#[tokio::test]
async fn real_codex_goes_on_with_a_thread_after_it_was_killed() {
    let stage = Stage::new();
    let name = "real_codex_goes_on_with_a_thread_after_it_was_killed";
    let Some(codex) = real(name) else { return };
    let Some(sandbox) = sandbox(&stage, name, Level::Walled).await else { return };
    let marker = format!("{}-sleep", stage.name);
    let script = vec![
        said("first"),
        shell_call(&format!("exec -a {marker} sleep 1000")),
        shell_call("touch made"),
        said("resumed"),
    ];
    let (spec, gateway) = spec(&stage, script);
    let turns = Prompts::new(&["sleep"]);
    let enough = until("its command runs", || alive(&marker));
    let killed = drive_turns(&codex, &sandbox, spec.clone(), session(), turns, enough).await;
    assert_eq!(killed.failure(), "interrupted", "{:?}", killed.told);
    let first = killed.session().map(str::to_owned);
    let again = Session { prompt: "and now?".to_owned(), resume: first.clone(), ..session() };
    let driven = drive(&codex, &sandbox, spec, again).await;
    assert_eq!(driven.end, End::Finished { summary: "resumed".to_owned() }, "{:?}", driven.told);
    assert_eq!((driven.session(), driven.noticed("resume_refused")), (first.as_deref(), false));
    // With the walls of the first attempt, which a cold resume was seen to lose.
    assert!(stage.path("workspace/made").exists(), "{:?}", driven.told);
    let last = gateway.asked().last().unwrap().body.clone();
    let input = last["input"].to_string();
    assert!(input.contains("make it so") && input.contains("and now?"), "{input}");
    assert!(last["tools"].to_string().contains("set_issue"), "its tools came back");
    let usage = driven
        .told
        .iter()
        .rev()
        .find_map(|a| if let Activity::Usage { total } = a { Some(total.input) } else { None });
    assert_eq!(usage, Some(200), "{:?}", driven.told);
}

#[tokio::test]
async fn real_codex_begins_anew_when_it_does_not_know_the_thread() {
    let stage = Stage::new();
    let name = "real_codex_begins_anew_when_it_does_not_know_the_thread";
    let Some(codex) = real(name) else { return };
    let Some(sandbox) = sandbox(&stage, name, Level::Walled).await else { return };
    let (spec, _gateway) = spec(&stage, vec![said("ok")]);
    let lost = Session { resume: Some("01a1f825-06c1-7000-8000-000000000000".to_owned()), ..session() };
    let driven = drive(&codex, &sandbox, spec, lost).await;
    assert_eq!((driven.failure(), driven.noticed("resume_refused")), ("finished", true), "{:?}", driven.told);
}
