//! Trees made to run something, to lead outside, or to drown us.

use crate::support::{World, commit, git, write};
use adapters::forge::git::{Error, Refusal};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// A script that leaves a trace if anything runs it.
pub fn trap(world: &World) -> (PathBuf, PathBuf) {
    let sprung = world.dir.path().join("sprung");
    let script = world.dir.path().join("trap.sh");
    std::fs::write(&script, format!("#!/bin/sh\ntouch {}\ncat\n", sprung.display())).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    (script, sprung)
}

/// A repository at `dir` whose every known way to run something runs `script`.
fn plant_repository(dir: &Path, script: &Path) {
    std::fs::create_dir_all(dir).unwrap();
    git(dir, &["init", "-q", "-b", "main"]);
    git(dir, &["commit", "-q", "--allow-empty", "-m", "x"]);
    set_traps(dir, script);
}

pub fn set_traps(dir: &Path, script: &Path) {
    let script = script.display().to_string();
    for key in
        ["core.fsmonitor", "filter.evil.clean", "filter.evil.smudge", "diff.external", "core.sshCommand"]
    {
        git(dir, &["config", key, &script]);
    }
    for hook in ["pre-commit", "post-checkout", "reference-transaction", "post-index-change", "pre-push"] {
        symlink(&script, dir.join(".git/hooks").join(hook)).unwrap();
    }
}

fn refusal(result: Result<adapters::forge::git::Collected, Error>) -> Refusal {
    match result {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// Without this, the tests below would pass with a trap that cannot spring.
#[test]
fn the_trap_springs_for_a_git_that_trusts_the_tree() {
    let world = World::new();
    let (script, sprung) = trap(&world);
    let victim = world.dir.path().join("victim");
    plant_repository(&victim, &script);
    git(&victim, &["status"]);
    assert!(sprung.exists());
}

#[tokio::test]
async fn a_planted_git_directory_and_filters_run_nothing() {
    let world = World::new();
    let (script, sprung) = trap(&world);
    let (workspace, base) = world.prepared("w").await;
    plant_repository(&workspace.tree(), &script);
    write(&workspace.tree(), ".gitattributes", "* filter=evil diff=evil merge=evil\n");
    write(&workspace.tree(), "x.txt", "x\n");
    let collected = world.collect(&workspace, &base).await.unwrap();
    assert_eq!(collected.files, [".gitattributes", "x.txt"]);
    let head = collected.head.unwrap();
    world.forge.push_branch(&workspace, &world.remote, &head, "seawall/x").await.unwrap();
    world.forge.rebase(&workspace, &world.remote, "main", &commit("again")).await.unwrap();
    assert!(!sprung.exists());
}

#[tokio::test]
async fn links_that_lead_outside_are_refused_every_time_and_links_within_are_kept() {
    let world = World::new();
    let (workspace, base) = world.prepared("w").await;
    let tree = workspace.tree();
    symlink("a.txt", tree.join("fine")).unwrap();
    for target in ["/etc/passwd", "../git/config", "src/../../x"] {
        symlink(target, tree.join("bad")).unwrap();
        for _ in 0..2 {
            let refused = refusal(world.collect(&workspace, &base).await);
            assert_eq!(refused, Refusal::LinkOutside { path: "bad".into(), target: target.into() });
        }
        std::fs::remove_file(tree.join("bad")).unwrap();
    }
    assert_eq!(world.collect(&workspace, &base).await.unwrap().files, ["fine"]);
}

#[tokio::test]
async fn a_link_in_place_of_a_directory_does_not_reach_through() {
    let world = World::new();
    let (workspace, base) = world.prepared("w").await;
    std::fs::remove_dir_all(workspace.tree().join("src")).unwrap();
    symlink("/etc", workspace.tree().join("src")).unwrap();
    let refused = refusal(world.collect(&workspace, &base).await);
    assert!(matches!(refused, Refusal::LinkOutside { .. }), "{refused:?}");
}

#[tokio::test]
async fn nested_repositories_are_refused_and_never_entered() {
    let world = World::new();
    let (script, sprung) = trap(&world);
    let (workspace, base) = world.prepared("w").await;
    plant_repository(&workspace.tree().join("vendor/lib"), &script);
    for _ in 0..2 {
        let refused = refusal(world.collect(&workspace, &base).await);
        assert_eq!(refused, Refusal::NestedRepository { path: "vendor/lib/".into() });
    }
    assert!(!sprung.exists());
}

#[tokio::test]
async fn a_repository_planted_where_the_base_has_a_submodule_is_never_entered() {
    let world = World::new();
    let (script, sprung) = trap(&world);
    let sha = git(&world.person(), &["rev-parse", "HEAD"]);
    git(&world.person(), &["update-index", "--add", "--cacheinfo", &format!("160000,{sha},sub")]);
    git(&world.person(), &["commit", "-q", "-m", "submodule"]);
    git(&world.person(), &["push", "-q", "origin", "main"]);
    let (workspace, base) = world.prepared("w").await;
    write(&workspace.tree(), "x.txt", "x\n");
    assert_eq!(world.collect(&workspace, &base).await.unwrap().files, ["x.txt"]);
    // At the very commit the base names, so that git sees no difference and looks inside for one.
    let sub = workspace.tree().join("sub");
    let person = world.person().display().to_string();
    git(&workspace.tree(), &["clone", "-q", &person, "sub"]);
    git(&sub, &["checkout", "-q", &sha]);
    set_traps(&sub, &script);
    let refused = refusal(world.collect(&workspace, &base).await);
    assert_eq!(refused, Refusal::NestedRepository { path: "sub".into() });
    assert!(!sprung.exists());
}

#[tokio::test]
async fn names_that_cannot_be_shown_are_refused() {
    let world = World::new();
    let (workspace, base) = world.prepared("w").await;
    for (name, shown) in [(&b"a\nb"[..], "a\\nb"), (b"\x1b[2J", "\\x1b[2J"), (b"\xff", "\\xff")] {
        let path = workspace.tree().join(OsStr::from_bytes(name));
        std::fs::write(&path, "x").unwrap();
        let refused = refusal(world.collect(&workspace, &base).await);
        assert_eq!(refused, Refusal::OddPath { path: shown.into() });
        std::fs::remove_file(path).unwrap();
    }
}

#[tokio::test]
async fn a_pipe_in_place_of_a_file_is_refused_without_waiting_for_it() {
    let world = World::new();
    let (workspace, base) = world.prepared("w").await;
    let path = workspace.tree().join("a.txt");
    std::fs::remove_file(&path).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    let refused = refusal(world.collect(&workspace, &base).await);
    assert_eq!(refused, Refusal::OddFile { path: "a.txt".into() });
}

#[tokio::test]
async fn a_pipe_in_place_of_what_git_reads_by_itself_is_refused_without_waiting_for_it() {
    let world = World::new();
    let (workspace, base) = world.prepared("w").await;
    std::fs::create_dir(workspace.tree().join("deep")).unwrap();
    for name in [".gitignore", "deep/.gitattributes"] {
        let path = workspace.tree().join(name);
        let _ = std::fs::remove_file(&path);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
            .unwrap();
        let refused = refusal(world.collect(&workspace, &base).await);
        assert_eq!(refused, Refusal::OddFile { path: name.into() });
        std::fs::remove_file(&path).unwrap();
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_the_agents_fault() {
    let world = World::new();
    let (workspace, base) = world.prepared("w").await;
    write(&workspace.tree(), "closed", "x");
    let closed = std::fs::Permissions::from_mode(0o000);
    std::fs::set_permissions(workspace.tree().join("closed"), closed).unwrap();
    if std::fs::File::open(workspace.tree().join("closed")).is_ok() {
        eprintln!("SKIPPED: a_file_that_cannot_be_read_is_the_agents_fault: root reads everything");
        return;
    }
    let refused = refusal(world.collect(&workspace, &base).await);
    assert_eq!(refused, Refusal::Unreadable { path: "closed".into() });
}

#[tokio::test]
async fn too_many_and_too_large_are_refused_before_anything_is_stored() {
    let world = World::new();
    let (workspace, base) = world.prepared("w").await;
    for n in 0..51 {
        write(&workspace.tree(), &format!("many/{n}"), "x");
    }
    let refused = refusal(world.collect(&workspace, &base).await);
    assert_eq!(refused, Refusal::TooManyFiles { count: 51, limit: 50 });
    std::fs::remove_dir_all(workspace.tree().join("many")).unwrap();
    write(&workspace.tree(), "big", &"x".repeat(100_001));
    let refused = refusal(world.collect(&workspace, &base).await);
    assert_eq!(refused, Refusal::TooLarge { bytes: 100_001, limit: 100_000 });
}

#[tokio::test]
async fn a_tree_replaced_by_a_link_is_not_followed() {
    let world = World::new();
    let (workspace, base) = world.prepared("w").await;
    std::fs::rename(workspace.tree(), world.dir.path().join("away")).unwrap();
    symlink(world.person(), workspace.tree()).unwrap();
    assert!(matches!(world.collect(&workspace, &base).await, Err(Error::NotPrepared(_))));
}
