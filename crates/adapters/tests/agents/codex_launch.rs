//! Codex as a workflow's command starts it.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use adapters::agent::Session;
use adapters::agent::codex::Codex;
use adapters::sandbox::Level;
use base::env::Env;
use serde_json::json;

use crate::codex::{FAKE, real, spec};
use crate::codex_threads::{said, shell_call};
use crate::drive::{Driven, drive, session};
use crate::support::{Stage, sandbox};

/// A workflow's command, behind walls, with the workspace at its own path.
async fn by_command(test: &str, command: &str, settings: serde_json::Value) -> Option<(Driven, Stage)> {
    let stage = Stage::new();
    let codex = real(test)?;
    let program = codex.program()?.to_owned();
    let sandbox = sandbox(&stage, test, Level::Walled).await?;
    let bin = stage.path("bin");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(&program, bin.join("codex")).unwrap();
    let env = Env::fixed([("PATH", format!("{}:/usr/bin:/bin", bin.display()))]);
    let (mut spec, _gateway) = spec(&stage, vec![shell_call("pwd > where; touch made"), said("ok")]);
    spec.workspace_inside = Some(stage.path("workspace"));
    spec.git_dir = None;
    let codex = Codex::shell(&env, &command.replace("CODEX", program.to_str().unwrap()), vec![]);
    Some((drive(&codex, &sandbox, spec, Session { settings, ..session() }).await, stage))
}

async fn starts(test: &str, command: &str, settings: serde_json::Value) {
    let Some((driven, stage)) = by_command(test, command, settings).await else { return };
    assert_eq!(driven.failure(), "finished", "{:?} {:?}", driven.end, driven.told);
    let place = std::fs::read_to_string(stage.path("workspace/where")).unwrap_or_default();
    assert_eq!(place.trim(), stage.path("workspace").to_str().unwrap(), "{:?}", driven.told);
}

#[tokio::test]
async fn real_codex_is_started_by_a_workflows_command() {
    let name = "real_codex_is_started_by_a_workflows_command";
    starts(name, "codex app-server", json!({})).await;
    starts(name, "cd . && FOO=1 CODEX --config 'model=\"fake-model\"' app-server", json!({})).await;
}

#[tokio::test]
async fn a_sandbox_that_the_workflow_asks_for_works_within_our_walls() {
    let settings = json!({"thread_sandbox": "workspace-write"});
    starts("a_sandbox_that_the_workflow_asks_for_works_within_our_walls", "codex app-server", settings).await;
}

#[tokio::test]
async fn secrets_are_gone_after_the_login_profile_and_a_missing_program_is_named() {
    let stage = Stage::new();
    let fake = stage.path("codex");
    let script = FAKE.replace("BEHAVIOUR", "[[ -z $LINEAR_API_KEY && $FOO == 1 ]] && done_");
    std::fs::write(&fake, script).unwrap();
    std::fs::set_permissions(&fake, PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(stage.path("home/.bash_profile"), "export LINEAR_API_KEY=lin_1\n").unwrap();
    let Some(sandbox) = sandbox(&stage, "secrets_are_gone", Level::Walled).await else { return };
    let (spec, _gateway) = spec(&stage, Vec::new());
    let env = Env::fixed([("PATH", "/usr/bin:/bin")]);
    let codex = |command: &str| Codex::shell(&env, command, vec!["LINEAR_API_KEY".to_owned()]);
    let mut session = session();
    session.limits.stall = Duration::from_secs(3);
    let command = format!("FOO=1 {}", fake.display());
    let driven = drive(&codex(&command), &sandbox, spec.clone(), session.clone()).await;
    assert_eq!(driven.failure(), "finished", "{:?}", driven.end);
    assert_eq!(drive(&codex("no-such-codex"), &sandbox, spec, session).await.failure(), "agent_missing");
}
