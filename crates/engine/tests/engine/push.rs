//! The tool `git_push`: where it pushes, what it is told, and whose claim it needs.

use crate::stopped::containment;
use crate::world::{World, eventually, git};
use base::env::Env;
use domain::Fence;
use domain::run::{Outcome, Phase, Run};
use domain::step::Step;
use engine::{Engine, Repository};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use store::run::Base;
use store::step::Commit;

/// A working run under claim 2, and its folder with a commit in it.
async fn working(world: &World, name: &str, issue: &str) -> (Run, Repository) {
    world.write_issue(issue, "Todo");
    let run = world.author_run(name, issue, Phase::Working { since: world.now() }).await;
    let run = Run { fence: Fence(2), attempts: 2, ..run };
    world.insert(run.clone(), vec![]).await;
    git(world.path(), &["clone", "--quiet", "shop.git", name]);
    let repository = Repository {
        folder: world.path().join(name),
        remote: remote(world).display().to_string(),
        landing: "main".to_owned(),
    };
    // No two runs make the same commit, not even within one second.
    commit(&repository, name);
    (run, repository)
}

fn remote(world: &World) -> PathBuf {
    world.path().join("shop.git")
}

fn commit(repository: &Repository, text: &str) -> String {
    std::fs::write(repository.folder.join("work.txt"), text).unwrap();
    git(&repository.folder, &["add", "."]);
    git(&repository.folder, &["commit", "--quiet", "--message", text]);
    git(&repository.folder, &["rev-parse", "HEAD"])
}

fn heads(world: &World) -> String {
    git(&remote(world), &["for-each-ref", "--format=%(objectname) %(refname:short)", "refs/heads/fix"])
}

async fn told(world: &World, run: &str) -> Vec<String> {
    let events = world.store.events_of(&run.into(), 100).await.unwrap();
    events.iter().filter(|row| row.event.kind() == "pushed").map(|row| row.event.line()).collect()
}

async fn push(engine: &Engine, run: &Run, from: &Repository, more: Value) -> Result<Value, String> {
    let mut arguments = json!({"branch": "fix"});
    arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = engine.push(&run.id, run.fence, from, arguments).await?;
    Ok(serde_json::from_str(&answer).unwrap())
}

#[tokio::test]
async fn a_push_is_answered_and_told_with_its_claim() {
    let world = World::new().await;
    let engine = world.start().await;
    let (run, repository) = working(&world, "run1", "one").await;
    let head = git(&repository.folder, &["rev-parse", "HEAD"]);
    let answer = push(&engine, &run, &repository, json!({})).await.unwrap();
    assert_eq!(answer, json!({"branch": "fix", "commit": head, "before": null, "compare_url": null}));
    assert_eq!(heads(&world), format!("{head} fix"));
    push(&engine, &run, &repository, json!({})).await.unwrap();
    assert_eq!(told(&world, "run1").await, [format!("pushed {} to `fix`, claim 2", &head[..10])]);
    for (odd, why) in [
        (json!({"branch": "main"}), "changes land on"),
        (json!({"branch": 7}), "do not fit"),
        (json!({"remote": "elsewhere"}), "do not fit"),
    ] {
        let refused = push(&engine, &run, &repository, odd).await.unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    engine.drain().await;
}

#[tokio::test]
async fn an_older_claim_pushes_nothing_and_nothing_is_told() {
    let world = World::new().await;
    let engine = world.start().await;
    let (run, repository) = working(&world, "run1", "one").await;
    let old = Run { fence: Fence(1), ..run };
    let refused = push(&engine, &old, &repository, json!({})).await.unwrap_err();
    assert!(refused.contains("claim 1 of run run1 is over"), "{refused}");
    assert_eq!((heads(&world).as_str(), told(&world, "run1").await.len()), ("", 0));
    engine.drain().await;
}

/// A git that waits with the first look at the remote's branches until `go` is there.
fn slow_git(world: &mut World) {
    let (dir, real) = (world.path().join("bin"), Env::process().find_program("git").unwrap());
    std::fs::create_dir(&dir).unwrap();
    let wait = "touch asked; while [ ! -e go ]; do sleep 0.02; done";
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *refs/seawall/heads*) cd {}; {wait};; esac\nexec {} \"$@\"\n",
        world.path().display(),
        real.display()
    );
    std::fs::write(dir.join("git"), script).unwrap();
    std::fs::set_permissions(dir.join("git"), PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", dir.display(), Env::process().get("PATH").unwrap());
    world.setup.outside.env = Env::fixed([("PATH", path)]);
}

#[tokio::test]
async fn a_claim_that_ends_while_its_push_is_prepared_pushes_nothing() {
    let mut world = World::new().await;
    slow_git(&mut world);
    let engine = world.start().await;
    let (run, repository) = working(&world, "run1", "one").await;
    let ending = async {
        eventually("the remote to be asked", async || world.path().join("asked").exists()).await;
        world.store.contain(&containment("team/pay", 1), 0).await.unwrap();
        std::fs::write(world.path().join("go"), "").unwrap();
    };
    let (pushed, ()) = tokio::join!(push(&engine, &run, &repository, json!({})), ending);
    let refused = pushed.unwrap_err();
    assert!(refused.contains("is stopped by order") || refused.contains("is over"), "{refused}");
    assert_eq!((heads(&world).as_str(), told(&world, "run1").await.len()), ("", 0));
    engine.drain().await;
}

/// The run is over.
async fn end(world: &World, run: &Run) {
    let stored = world.store.run(&run.id).await.unwrap().unwrap();
    let phase = Phase::Ended { outcome: Outcome::Released { why: "parked".into() }, at: world.now() };
    let step = Step { run: Run { phase, ..stored.run }, events: vec![], effects: vec![] };
    let base = Base::Version(stored.version);
    let commit = Commit { step: &step, base, guards: None, effect: None, now: world.now() };
    world.store.commit_step(commit).await.unwrap();
}

#[tokio::test]
async fn only_what_this_issues_runs_pushed_is_replaced_also_by_a_later_run() {
    let world = World::new().await;
    let engine = world.start().await;
    let (first, repository) = working(&world, "run1", "one").await;
    push(&engine, &first, &repository, json!({})).await.unwrap();
    git(&repository.folder, &["commit", "--quiet", "--amend", "--message", "better"]);
    let refused = push(&engine, &first, &repository, json!({})).await.unwrap_err();
    assert!(refused.contains("push to a new branch name"), "{refused}");

    let (stranger, other) = working(&world, "run2", "two").await;
    commit(&other, "theirs");
    let refused = push(&engine, &stranger, &other, json!({"force": true})).await.unwrap_err();
    assert!(refused.contains("no run of this issue pushed"), "{refused}");

    push(&engine, &first, &repository, json!({"force": true})).await.unwrap();
    // What a test writes itself is not written behind a running engine's back.
    engine.drain().await;
    end(&world, &first).await;
    let later = world.author_run("run3", "one", Phase::Working { since: world.now() }).await;
    world.insert(later.clone(), vec![]).await;
    let engine = world.start().await;
    git(&repository.folder, &["commit", "--quiet", "--amend", "--message", "best"]);
    push(&engine, &later, &repository, json!({"force": true})).await.unwrap();
    assert!(heads(&world).starts_with(&git(&repository.folder, &["rev-parse", "HEAD"])));
    engine.drain().await;
}
