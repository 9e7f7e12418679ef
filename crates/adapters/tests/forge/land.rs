//! Landing: policies, races, crashes.

use crate::support::{World, forge, git, identity, write};
use adapters::forge::git::{Error, How, Land};
use domain::Sha;
use domain::change::Landing;

async fn land(
    world: &World,
    workspace: &adapters::forge::git::Workspace,
    head: &Sha,
    policy: Landing,
) -> Land {
    world.forge.land(workspace, &world.remote, "main", head, policy, &identity()).await.unwrap()
}

#[tokio::test]
async fn a_change_on_the_head_is_fast_forwarded_and_landing_again_says_already() {
    let world = World::new();
    let (workspace, _, head) = world.change("w", "x.txt", "x\n").await;
    let landed = land(&world, &workspace, &head, Landing::Merge).await;
    assert_eq!(landed, Land::Landed { main: head.clone(), how: How::FastForward });
    assert_eq!(world.remote_git(&["rev-parse", "main"]), head.as_str());
    let again = land(&world, &workspace, &head, Landing::Rebase).await;
    assert_eq!(again, Land::Landed { main: head, how: How::Already });
}

#[tokio::test]
async fn when_main_moved_the_reviewed_sha_is_the_second_parent_of_a_merge() {
    let world = World::new();
    let (workspace, _, head) = world.change("w", "x.txt", "x\n").await;
    write(&world.person(), "p.txt", "p\n");
    let main = world.person_pushes("person");
    let Land::Landed { main: merge, how: How::Merge } = land(&world, &workspace, &head, Landing::Merge).await
    else {
        panic!("expected a merge");
    };
    let parents = world.remote_git(&["log", "-1", "--format=%P", merge.as_str()]);
    assert_eq!(parents, format!("{main} {head}"));
    let files = world.remote_git(&["ls-tree", "-r", "--name-only", "main"]);
    assert!(files.contains("p.txt") && files.contains("x.txt"));
    let again = land(&world, &workspace, &head, Landing::Merge).await;
    assert_eq!(again, Land::Landed { main: merge, how: How::Already });
}

#[tokio::test]
async fn fast_forward_only_reports_that_main_moved_and_pushes_nothing() {
    let world = World::new();
    let (workspace, _, head) = world.change("w", "x.txt", "x\n").await;
    let main = world.person_pushes("person");
    let moved = land(&world, &workspace, &head, Landing::Rebase).await;
    assert_eq!(moved, Land::Moved { new_base: main.clone() });
    assert_eq!(world.remote_git(&["rev-parse", "main"]), main.as_str());
}

#[tokio::test]
async fn a_conflict_names_the_files_and_pushes_nothing() {
    let world = World::new();
    let (workspace, _, head) = world.change("w", "src/b.txt", "agent\n").await;
    write(&world.person(), "src/b.txt", "person\n");
    let main = world.person_pushes("person");
    let conflict = land(&world, &workspace, &head, Landing::Merge).await;
    assert_eq!(conflict, Land::Conflict { new_base: main.clone(), files: vec!["src/b.txt".into()] });
    assert_eq!(world.remote_git(&["rev-parse", "main"]), main.as_str());
}

#[tokio::test]
async fn work_branches_are_never_forced_and_landing_branches_never_pushed() {
    let world = World::new();
    let (first, _, head) = world.change("w", "x.txt", "x\n").await;
    let (second, _, other) = world.change("v", "y.txt", "y\n").await;
    world.forge.push_branch(&first, &world.remote, &head, "seawall/a").await.unwrap();
    let diverged = world.forge.push_branch(&second, &world.remote, &other, "seawall/a").await;
    assert!(matches!(diverged, Err(Error::Diverged { .. })), "{diverged:?}");
    world.remote_git(&["branch", "trunk", "main"]);
    world.remote_git(&["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    for name in ["main", "master", "trunk"] {
        let refused = world.forge.push_branch(&first, &world.remote, &head, name).await;
        assert!(matches!(refused, Err(Error::LandingBranch(_))), "{refused:?}");
    }
    assert_eq!(world.remote_git(&["rev-parse", "seawall/a"]), head.as_str());
}

#[tokio::test]
async fn a_remote_that_refuses_is_an_error_and_not_retried_for_ever() {
    let world = World::new();
    let (workspace, base, head) = world.change("w", "x.txt", "x\n").await;
    let hook = std::path::Path::new(&world.remote).join("hooks/pre-receive");
    write(hook.parent().unwrap(), "pre-receive", "#!/bin/sh\necho freeze >&2\nexit 1\n");
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let landed =
        world.forge.land(&workspace, &world.remote, "main", &head, Landing::Merge, &identity()).await;
    assert!(matches!(&landed, Err(Error::Git { stderr, .. }) if stderr.contains("freeze")), "{landed:?}");
    assert_eq!(world.remote_git(&["rev-parse", "main"]), base.as_str());
}

#[tokio::test]
async fn only_a_commit_of_the_workspace_lands() {
    let world = World::new();
    let (workspace, _) = world.prepared("w").await;
    let unknown = Sha::new("c".repeat(40));
    let landed =
        world.forge.land(&workspace, &world.remote, "main", &unknown, Landing::Merge, &identity()).await;
    assert!(matches!(landed, Err(Error::NoCommit(_))));
    let short = Sha::new("HEAD");
    let landed =
        world.forge.land(&workspace, &world.remote, "main", &short, Landing::Merge, &identity()).await;
    assert!(matches!(landed, Err(Error::BadName { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_concurrent_landers_all_land_exactly_once() {
    let world = World::new();
    // Four forges that share nothing, as four machines would.
    let forges: Vec<_> = (0..4).map(|n| forge(world.dir.path().join(format!("cache-{n}")))).collect();
    let mut changes = Vec::new();
    for n in 0..20 {
        changes.push(world.change(&format!("w{n}"), &format!("x{n}.txt"), "x\n").await);
    }
    let landers: Vec<_> = changes
        .into_iter()
        .enumerate()
        .map(|(n, (workspace, _, head))| {
            let (forge, remote) = (forges[n % 4].clone(), world.remote.clone());
            tokio::spawn(async move {
                let landed =
                    forge.land(&workspace, &remote, "main", &head, Landing::Merge, &identity()).await;
                (head, landed.unwrap())
            })
        })
        .collect();
    let mut heads = Vec::new();
    for lander in landers {
        let (head, landed) = lander.await.unwrap();
        assert!(matches!(landed, Land::Landed { how: How::Merge | How::FastForward, .. }), "{landed:?}");
        heads.push(head);
    }
    let history = world.remote_git(&["log", "--format=%H", "main"]);
    for head in &heads {
        assert_eq!(history.lines().filter(|l| *l == head.as_str()).count(), 1);
    }
    // First, 20 changes, and one merge for each but the one that was first.
    assert_eq!(history.lines().count(), 1 + 20 + 19);
    git(std::path::Path::new(&world.remote), &["fsck", "--strict"]);
}

#[tokio::test]
async fn the_branches_of_a_run_are_dropped_and_no_other() {
    let world = World::new();
    let (workspace, _, head) = world.change("w", "x.txt", "x\n").await;
    let kept = ["seawall/r10/1", "seawall/r", "x/seawall/r1/1", "main"];
    for name in kept.iter().take(3) {
        world.forge.push_branch(&workspace, &world.remote, &head, name).await.unwrap();
    }
    // Matched by git's pattern, too.
    world.remote_git(&["update-ref", "refs/heads/x/refs/heads/seawall/r1/1", head.as_str()]);
    for name in ["seawall/r1/1", "seawall/r1/2", "seawall/r1/2-onto-abc"] {
        world.forge.push_branch(&workspace, &world.remote, &head, name).await.unwrap();
    }
    world.forge.land(&workspace, &world.remote, "main", &head, Landing::Merge, &identity()).await.unwrap();
    // As after a restart: another forge, without a mirror.
    let other = forge(world.dir.path().join("other"));
    for _ in 0..2 {
        other.drop_branches(&world.remote, "seawall/r1/").await.unwrap();
        let left = world.remote_git(&["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
        let mut left: Vec<_> = left.lines().collect();
        left.sort_unstable();
        let mut expect = [&kept[..], &["x/refs/heads/seawall/r1/1"]].concat();
        expect.sort_unstable();
        assert_eq!(left, expect);
    }
    assert!(world.remote_git(&["log", "--format=%H", "main"]).contains(head.as_str()));
    for wrong in ["main", "seawall/", "seawall/r1"] {
        let refused = other.drop_branches(&world.remote, wrong).await;
        assert!(matches!(refused, Err(Error::BadName { .. })), "{wrong}");
    }
}
