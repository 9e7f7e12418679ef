//! Replaying a change on a newer main.

use crate::support::{World, commit, git, identity, read, write};
use adapters::forge::git::{Error, How, Land, Rebase, Refusal};
use domain::change::Landing;

#[tokio::test]
async fn a_replayed_change_is_one_commit_on_the_new_main_and_lands_by_fast_forward() {
    let world = World::new();
    let (workspace, old, _) = world.change("w", "x.txt", "x\n").await;
    write(&workspace.tree(), "y.txt", "y\n");
    world.collect(&workspace, &old).await.unwrap();
    write(&world.person(), "p.txt", "p\n");
    let main = world.person_pushes("person");
    let replayed = world.forge.rebase(&workspace, &world.remote, "main", &commit("both")).await.unwrap();
    let Rebase::Rebased { base, head } = replayed.clone() else { panic!("{replayed:?}") };
    assert_eq!(base, main);
    assert_eq!(read(&workspace.tree(), "p.txt"), "p\n");
    // Again, as after a crash; and the agent's next round is described against the new base.
    assert_eq!(
        world.forge.rebase(&workspace, &world.remote, "main", &commit("both")).await.unwrap(),
        replayed
    );
    assert_eq!(world.prepared("w").await.1, main);
    let collected = world.collect(&workspace, &base).await.unwrap();
    assert_eq!((collected.head, collected.files), (Some(head.clone()), vec!["x.txt".into(), "y.txt".into()]));
    let policy = Landing::Rebase;
    let landed =
        world.forge.land(&workspace, &world.remote, "main", &head, policy, &identity()).await.unwrap();
    assert_eq!(landed, Land::Landed { main: head, how: How::FastForward });
}

#[tokio::test]
async fn a_conflict_is_left_to_the_author_with_markers_that_cannot_be_committed() {
    let world = World::new();
    let (workspace, _, _) = world.change("w", "src/b.txt", "agent\n").await;
    write(&world.person(), "src/b.txt", "person\n");
    let main = world.person_pushes("person");
    let expect = Rebase::Conflict { base: main.clone(), files: vec!["src/b.txt".into()] };
    for _ in 0..2 {
        let answer = world.forge.rebase(&workspace, &world.remote, "main", &commit("w")).await.unwrap();
        assert_eq!(answer, expect);
    }
    assert!(read(&workspace.tree(), "src/b.txt").contains("<<<<<<< "));
    let refused = world.collect(&workspace, &main).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::Unresolved { .. }))), "{refused:?}");
    write(&workspace.tree(), "src/b.txt", "both\n");
    let resolved = world.collect(&workspace, &main).await.unwrap();
    assert_eq!(resolved.files, ["src/b.txt"]);
    let head = resolved.head.unwrap();
    assert_eq!(git(&workspace.git_dir(), &["rev-parse", &format!("{head}^")]), main.as_str());
    let answer = world.forge.rebase(&workspace, &world.remote, "main", &commit("w")).await.unwrap();
    assert_eq!(answer, Rebase::Rebased { base: main, head });
}

#[tokio::test]
async fn a_replay_cut_short_after_it_was_decided_is_finished_by_whoever_comes_next() {
    let world = World::new();
    let (workspace, old, head) = world.change("w", "x.txt", "x\n").await;
    write(&world.person(), "p.txt", "p\n");
    let main = world.person_pushes("person");
    world.forge.rebase(&workspace, &world.remote, "main", &commit("w")).await.unwrap();
    let replayed = git(&workspace.git_dir(), &["rev-parse", "HEAD"]);
    let tree = git(&workspace.git_dir(), &["rev-parse", "HEAD^{tree}"]);
    // Back to where a kill right after the plan was written would have left us.
    git(&workspace.git_dir(), &["update-ref", "HEAD", head.as_str()]);
    write(&workspace.git_dir(), "seawall-base", old.as_str());
    std::fs::remove_file(workspace.tree().join("p.txt")).unwrap();
    let plan = format!(r#"{{"base":"{main}","work":"{replayed}","tree":"{tree}","conflict":[]}}"#);
    write(&workspace.git_dir(), "seawall-rebase", &plan);
    let collected = world.collect(&workspace, &main).await.unwrap();
    assert_eq!(collected.head.unwrap().as_str(), replayed);
    assert_eq!(collected.files, ["x.txt"]);
    assert_eq!(read(&workspace.tree(), "p.txt"), "p\n");
}
