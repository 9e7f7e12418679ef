//! A lease that ended does not mean that its performer is lost.

use crate::world::{World, eventually};
use adapters::forge::git::{GitForge, Workspace};
use domain::effect::Effect;
use domain::run::{Outcome, Phase};
use domain::{Fence, Millis};
use std::os::unix::fs::PermissionsExt;

#[tokio::test]
async fn what_is_being_performed_is_not_taken_for_lost_when_a_machine_slept() {
    let world = World::new().await;
    world.write_issue("one", "Todo");
    world.write_issue("two", "Backlog");
    // A push that waits until the test lets it go on.
    let (began, go) = (world.path().join("began"), world.path().join("go"));
    let hook = world.path().join("shop.git/hooks/pre-receive");
    let script = format!(
        "#!/bin/sh\ntouch {}\nwhile [ ! -e {} ]; do sleep 0.02; done\n",
        began.display(),
        go.display()
    );
    std::fs::write(&hook, script).unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = world.author_run("run1", "one", Phase::Collecting).await;
    let outcome = Outcome::NeedsPerson { question: "which?".to_owned() };
    let other = world.author_run("run2", "two", Phase::Ended { outcome, at: world.now() }).await;
    // Something that truly is lost shows when the engine has looked for it.
    let lost = Effect::CleanWorkspace { run: other.id.clone() };
    world.insert(other, vec![lost]).await;
    world.store.claim_effects("another", 9, Millis::seconds(3_600)).await.unwrap();
    agent_wrote(&world).await;
    world.insert(run, vec![Effect::CollectChange { run: "run1".into(), fence: Fence(1) }]).await;

    let engine = world.start_beside_others().await;
    eventually("the push", || async { began.exists() }).await;
    world.store.end_all_leases().await.unwrap();
    let status = async |run: &str| world.store.effects_of(&run.into(), 9).await.unwrap().remove(0);
    eventually("the lost one", || async { status("run2").await.status == "done" }).await;
    std::fs::write(&go, "").unwrap();
    eventually("the change", || async { status("run1").await.status == "done" }).await;
    assert_eq!(status("run1").await.tries, 1);
    engine.drain().await;
}

async fn agent_wrote(world: &World) {
    let setup = &world.setup;
    let mirrors = setup.state_dir.join("mirrors");
    let forge = GitForge::open(mirrors, &setup.outside.env, Default::default()).unwrap();
    let workspace = Workspace::at(setup.workspaces().join("shop").join("run1"));
    let remote = &setup.registered.sources[&"shop".into()].remote;
    forge.prepare(&workspace, remote, "main", None).await.unwrap();
    std::fs::write(workspace.tree().join("new.txt"), "new\n").unwrap();
}
