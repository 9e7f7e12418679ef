//! A program of the user's own, behind walls.

use std::time::Duration;

use adapters::agent::command::Command;
use adapters::agent::{Activity, Session};
use adapters::sandbox::{Level, Sandbox};
use base::env::Env;

use crate::codex::spec;
use crate::drive::{Driven, Prompts, TOKEN, drive, drive_turns, drive_until, session};
use crate::support::{Stage, alive, sandbox, until, write};

async fn run(stage: &Stage, sandbox: &Sandbox, command: &str, session: Session) -> Driven {
    let (spec, _gateway) = spec(stage, Vec::new());
    let command = Command::shell(&Env::process(), command, vec!["GITHUB_TOKEN".to_owned()]);
    drive(&command, sandbox, spec, session).await
}

#[tokio::test]
async fn a_command_reaches_the_gateway_with_the_runs_token() {
    let stage = Stage::new();
    let name = "a_command_reaches_the_gateway_with_the_runs_token";
    let Some(sandbox) = sandbox(&stage, name, Level::Walled).await else { return };
    write(&stage.path("home/.bash_profile"), "export GITHUB_TOKEN=ghp_1");
    let ask = r#"host=${OPENAI_BASE_URL#http://}; host=${host%/v1}
exec 3<>"/dev/tcp/${host/://}"
printf 'POST /v1/responses HTTP/1.1\r\nhost: g\r\nauthorization: Bearer %s\r\ncontent-length: 2\r\n\r\n{}' "$OPENAI_API_KEY" >&3
grep -o 'response.completed' <&3 | head -1 >answer
env >environment; cat >prompt"#;
    write(&stage.path("agent.sh"), ask);
    let (spec, gateway) = spec(&stage, Vec::new());
    let line = format!("bash {}", stage.path("agent.sh").display());
    let command = Command::shell(&Env::process(), &line, vec!["GITHUB_TOKEN".to_owned()]);
    let driven = drive(&command, &sandbox, spec, session()).await;
    assert_eq!(driven.failure(), "finished", "{:?} {:?}", driven.end, driven.told);
    let read = |name: &str| std::fs::read_to_string(stage.path("workspace").join(name)).unwrap_or_default();
    assert_eq!(
        (read("answer").trim(), read("prompt").as_str()),
        ("response.completed", "be brief\n\nmake it so")
    );
    assert!(gateway.asked()[0].head.contains(TOKEN));
    assert!(read("environment").contains("SEAWALL_TITLE=SHOP-1: make it so"), "{}", read("environment"));
    assert!(!read("environment").contains("ghp_1"));
}

#[tokio::test]
async fn the_run_token_is_in_no_argument_of_a_command_and_its_children_die_with_it() {
    let stage = Stage::new();
    let name = "the_run_token_is_in_no_argument_of_a_command_and_its_children_die_with_it";
    let Some(sandbox) = sandbox(&stage, name, Level::Walled).await else { return };
    let marker = format!("{}-sleep", stage.name);
    let (spec, _gateway) = spec(&stage, Vec::new());
    let line = format!("setsid bash -c 'exec -a {marker} sleep 1000' & wait");
    let command = Command::shell(&Env::process(), &line, vec![]);
    let runs = format!("{marker}\0");
    let mut seen = None;
    let looked = until("its child runs", || {
        seen = alive(&runs).then(|| alive(TOKEN));
        seen.is_some()
    });
    let driven = drive_until(&command, &sandbox, spec, session(), looked).await;
    assert_eq!((driven.failure(), seen, alive(&runs)), ("interrupted", Some(false), false));
}

#[tokio::test]
async fn a_command_that_wants_more_is_started_again_until_its_limit() {
    let stage = Stage::new();
    let name = "a_command_that_wants_more_is_started_again_until_its_limit";
    let Some(sandbox) = sandbox(&stage, name, Level::Walled).await else { return };
    let more = r#"echo $SEAWALL_TURN >>turns; echo '{"status":"continue"}' >"$SEAWALL_RESULT_FILE""#;
    let mut three = session();
    three.limits.max_turns = 3;
    let driven = run(&stage, &sandbox, more, three).await;
    assert_eq!(driven.failure(), "turns_exhausted", "{:?}", driven.end);
    assert_eq!(std::fs::read_to_string(stage.path("workspace/turns")).unwrap(), "1\n2\n3\n");
}

#[tokio::test]
async fn all_turns_of_a_command_are_one_process_tree() {
    let stage = Stage::new();
    let name = "all_turns_of_a_command_are_one_process_tree";
    let Some(sandbox) = sandbox(&stage, name, Level::Walled).await else { return };
    let (spec, _gateway) = spec(&stage, Vec::new());
    let command = Command::shell(&Env::process(), "cat >>said; echo >>said", vec![]);
    let turns = Prompts::new(&["more"]);
    let driven = drive_turns(&command, &sandbox, spec, session(), turns, std::future::pending()).await;
    let spawned = driven.told.iter().filter(|a| matches!(a, Activity::Spawned { .. })).count();
    assert_eq!((driven.turns().len(), spawned), (2, 1));
    let said = std::fs::read_to_string(stage.path("workspace/said")).unwrap();
    assert_eq!(said, "be brief\n\nmake it so\nmore\n");
}

#[tokio::test]
async fn what_a_command_prints_is_a_sign_of_life() {
    let stage = Stage::new();
    let name = "what_a_command_prints_is_a_sign_of_life";
    let Some(sandbox) = sandbox(&stage, name, Level::Walled).await else { return };
    let mut session = session();
    session.limits.stall = Duration::from_millis(1500);
    let driven = run(&stage, &sandbox, "for n in 1 2 3 4 5 6; do echo $n; sleep 0.6; done", session).await;
    assert_eq!(driven.failure(), "finished", "{:?} {:?}", driven.end, driven.told);
    assert!(driven.noticed("output"));
}
