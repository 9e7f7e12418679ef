//! Git as the agent uses it: it reads its history and its changes, and cannot write repository data.

use adapters::agent::builtin::Builtin;
use adapters::agent::{Activity, End};
use adapters::forge::git::{GitForge, Limits, Workspace};
use adapters::sandbox::{Level, Spec};
use base::env::Env;
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::drive::{drive, session};
use crate::gateway::{Gateway, Reply, call, message};
use crate::support::{Stage, run, sandbox, write};

fn git(dir: &Path, args: &[&str]) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]).args(args).current_dir(dir);
    let output = command.env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A workspace of the forge on a repository with one commit, and the spec of an agent in it.
async fn prepared(stage: &Stage, script: &str) -> Spec {
    let person = stage.path("person");
    std::fs::create_dir(&person).unwrap();
    git(&person, &["init", "-q", "-b", "main"]);
    write(&person.join("a.txt"), "one\n");
    git(&person, &["add", "-A"]);
    git(&person, &["commit", "-q", "-m", "the first commit"]);
    let forge = GitForge::open(stage.path("mirrors"), &Env::process(), Limits::default()).unwrap();
    let workspace = Workspace::at(stage.path("run"));
    forge.prepare(&workspace, person.to_str().unwrap(), "main", None).await.unwrap();
    let mut spec = stage.spec(script);
    spec.workspace_tree = workspace.tree();
    spec.git_dir = Some(workspace.git_dir());
    spec.hide = vec![stage.dir.path().to_owned()];
    spec
}

#[tokio::test]
async fn the_agent_s_shell_reads_its_repository() {
    let stage = Stage::new();
    let Some(sandbox) = sandbox(&stage, "the_agent_s_shell_reads_its_repository", Level::Walled).await else {
        return;
    };
    let script =
        "echo two >> a.txt && echo new > b.txt && git log --oneline -1 && git status --short && git diff";
    let mut spec = prepared(&stage, "").await;
    spec.gateway_socket = stage.socket();
    let first = vec![call("c1", "exec_command", &json!({"cmd": script}))];
    let replies = vec![Reply::Items(first), Reply::Items(vec![message("done")])];
    let _gateway = Gateway::start(&spec.gateway_socket, replies);
    stage.open(&spec.gateway_socket);
    let driven = drive(&Builtin, &sandbox, spec, session()).await;
    assert_eq!(driven.end, End::Finished { summary: "done".to_owned() });
    let ran = |a: &Activity| {
        if let Activity::Ran { exit, output_tail, .. } = a {
            Some((*exit, output_tail.clone()))
        } else {
            None
        }
    };
    let (exit, out) = driven.told.iter().find_map(ran).unwrap();
    assert_eq!(exit, Some(0), "{out}");
    for shown in ["the first commit\n", " M a.txt\n", "?? b.txt\n", "+two\n"] {
        assert!(out.contains(shown), "{shown:?} is not in {out}");
    }
}

#[tokio::test]
async fn repository_data_tells_nothing_of_the_host_and_cannot_be_written() {
    let stage = Stage::new();
    let test = "repository_data_tells_nothing_of_the_host_and_cannot_be_written";
    let Some(sandbox) = sandbox(&stage, test, Level::Walled).await else { return };
    let host = stage.dir.path().display().to_string();
    let script = format!(
        "git rev-parse --is-inside-work-tree; git remote; git fsck 2>&1 | grep -v '^notice'; grep -rl '{host}' .git; \
         echo looked; echo two >> a.txt; \
         for c in 'add a.txt' 'commit -am x' 'config a.b c' 'update-ref refs/heads/x HEAD' 'gc -q'; do \
         git -c user.name=A -c user.email=a@b $c >/dev/null 2>&1 && echo wrote: $c; done; \
         echo tried; git diff --stat | tail -1"
    );
    let spec = prepared(&stage, &script).await;
    // As a daemon with a strict umask makes it.
    let (hidden, closed) = (spec.git_dir.clone().unwrap().join("HEAD"), spec.git_dir.clone().unwrap());
    std::fs::set_permissions(hidden, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::set_permissions(closed, PermissionsExt::from_mode(0o700)).unwrap();
    let ran = run(&sandbox, &spec).await;
    assert_eq!(ran.out, "true\nlooked\ntried\n 1 file changed, 1 insertion(+)\n", "{}", ran.err);
}
