//! Preparing, collecting and reading.

use crate::support::{World, commit, git, read, write};
use adapters::forge::git::{Error, Source};
use domain::Sha;

#[tokio::test]
async fn a_workspace_holds_the_branch_and_no_git_directory_the_agent_could_reach() {
    let world = World::new();
    let (workspace, base) = world.prepared("w").await;
    assert_eq!(base.as_str(), world.remote_git(&["rev-parse", "main"]));
    assert_eq!(read(&workspace.tree(), "src/b.txt"), "b\n");
    assert!(!workspace.tree().join(".git").exists());
    assert_eq!(world.forge.remote_head(&world.remote, "main").await.unwrap(), Some(base));
    assert_eq!(world.forge.remote_head(&world.remote, "ain").await.unwrap(), None);
}

#[tokio::test]
async fn preparing_again_keeps_the_agents_work_and_its_base() {
    let world = World::new();
    let (workspace, base) = world.prepared("w").await;
    write(&workspace.tree(), "new.txt", "mine\n");
    world.person_pushes("meanwhile");
    assert_eq!(world.prepared("w").await.1, base);
    assert_eq!(read(&workspace.tree(), "new.txt"), "mine\n");
    let other = Sha::new("a".repeat(40));
    let refused = world.forge.prepare(&workspace, &world.remote, "main", Some(&other)).await;
    assert!(matches!(refused, Err(Error::OtherBase { .. })));
}

#[tokio::test]
async fn a_prepare_cut_short_is_done_again_from_the_start() {
    let world = World::new();
    let (workspace, base) = world.prepared("w").await;
    // As after a kill between clone and checkout: no note, half a tree, a stale lock.
    std::fs::remove_file(workspace.git_dir().join("seawall-base")).unwrap();
    std::fs::remove_file(workspace.tree().join("a.txt")).unwrap();
    write(&workspace.git_dir(), "index.lock", "");
    assert_eq!(world.prepared("w").await.1, base);
    assert!(read(&workspace.tree(), "a.txt").starts_with("line 1\n"));
}

#[tokio::test]
async fn a_workspace_outlives_the_mirror() {
    let world = World::new();
    let (workspace, base, head) = world.change("w", "x.txt", "x\n").await;
    std::fs::remove_dir_all(world.dir.path().join("cache")).unwrap();
    let forge = crate::support::forge(world.dir.path().join("cache"));
    let diff = forge.diff(Source::Workspace(&workspace), &base, &head, 10_000).await.unwrap();
    assert!(diff.text.contains("+x") && !diff.cut);
}

#[tokio::test]
async fn missing_branches_and_commits_are_named() {
    let world = World::new();
    let gone = world.forge.prepare(&world.workspace("w"), &world.remote, "gone", None).await;
    assert!(matches!(gone, Err(Error::NoBranch { .. })), "{gone:?}");
    let sha = Sha::new("b".repeat(40));
    let unknown = world.forge.prepare(&world.workspace("w"), &world.remote, "main", Some(&sha)).await;
    assert!(matches!(unknown, Err(Error::NoCommit(_))), "{unknown:?}");
    let nowhere = world.forge.prepare(&world.workspace("w"), "/nonexistent/r.git", "main", None).await;
    assert!(matches!(nowhere, Err(Error::Git { .. })), "{nowhere:?}");
}

#[tokio::test]
async fn collecting_takes_everything_but_the_ignored_and_repeats_itself() {
    let world = World::new();
    let (workspace, base) = world.prepared("w").await;
    let tree = workspace.tree();
    assert_eq!(world.collect(&workspace, &base).await.unwrap().head, None);
    write(&tree, "src/new.rs", "fn a() {}\nfn b() {}\n");
    write(&tree, "debug.log", "noise");
    std::fs::remove_file(tree.join("src/b.txt")).unwrap();
    let first = world.collect(&workspace, &base).await.unwrap();
    assert_eq!(first.files, ["src/b.txt", "src/new.rs"]);
    assert_eq!((first.added, first.removed), (2, 1));
    assert_eq!(first.added_lines[1].text, "fn b() {}");
    assert_eq!(first.added_lines[1].line, 2);
    assert_eq!(world.collect(&workspace, &base).await.unwrap(), first);
    let head = first.head.unwrap();
    let author = git(&workspace.git_dir(), &["log", "-1", "--format=%an %ae %at %ce", head.as_str()]);
    assert_eq!(author, "author author@seawall.invalid 1795000000 author@seawall.invalid");
}

#[tokio::test]
async fn the_same_change_is_the_same_commit_even_when_killed_before_the_branch_moved() {
    let world = World::new();
    let (workspace, base, head) = world.change("w", "x.txt", "x\n").await;
    git(&workspace.git_dir(), &["update-ref", "refs/heads/seawall-work", base.as_str()]);
    write(&workspace.git_dir(), "refs/heads/seawall-work.lock", "");
    assert_eq!(world.collect(&workspace, &base).await.unwrap().head, Some(head));
}

#[tokio::test]
async fn a_second_round_builds_on_the_first_and_is_described_against_the_base() {
    let world = World::new();
    let (workspace, base, head) = world.change("w", "x.txt", "x\n").await;
    write(&workspace.tree(), "y.txt", "y\n");
    let second = world.forge.collect(&workspace, &base, &commit("fix")).await.unwrap();
    assert_eq!(second.files, ["x.txt", "y.txt"]);
    let parent = git(&workspace.git_dir(), &["rev-parse", &format!("{}^", second.head.unwrap())]);
    assert_eq!(parent, head.as_str());
}

#[tokio::test]
async fn a_reviewer_gets_a_workspace_of_exactly_the_pushed_head() {
    let world = World::new();
    let (author, _, head) = world.change("w", "x.txt", "x\n").await;
    world.forge.push_branch(&author, &world.remote, &head, "seawall/w/1").await.unwrap();
    world.forge.push_branch(&author, &world.remote, &head, "seawall/w/1").await.unwrap();
    let reviewer = world.workspace("r");
    let base = world.forge.prepare(&reviewer, &world.remote, "main", Some(&head)).await.unwrap();
    assert_eq!(base, head);
    assert_eq!(read(&reviewer.tree(), "x.txt"), "x\n");
}

#[tokio::test]
async fn citations_are_checked_against_the_commit() {
    let world = World::new();
    let base = world.forge.remote_head(&world.remote, "main").await.unwrap().unwrap();
    let remote = Source::Remote(&world.remote);
    let shown = world.forge.show(remote, &base, "src/b.txt").await.unwrap();
    assert_eq!(shown.as_deref(), Some(&b"b\n"[..]));
    assert_eq!(world.forge.list(remote, &base, Some("src/")).await.unwrap(), ["src/b.txt"]);
    assert_eq!(world.forge.list(remote, &base, None).await.unwrap().len(), 3);
    for (path, start, end, expect) in [
        ("a.txt", 1, 10, true),
        ("a.txt", 10, 11, false),
        ("a.txt", 0, 1, false),
        ("a.txt", 3, 2, false),
        ("src", 1, 1, false),
        ("../a.txt", 1, 1, false),
        (":(top)a.txt", 1, 1, false),
        ("*", 1, 1, false),
    ] {
        let has = world.forge.has_lines(remote, &base, path, start, end).await.unwrap();
        assert_eq!(has, expect, "{path}:{start}-{end}");
    }
}

#[tokio::test]
async fn a_diff_is_cut_at_its_limit() {
    let world = World::new();
    let (workspace, base, head) = world.change("w", "x.txt", &"long line\n".repeat(1_000)).await;
    let diff = world.forge.diff(Source::Workspace(&workspace), &base, &head, 500).await.unwrap();
    assert_eq!((diff.text.len(), diff.cut), (500, true));
}

/// Every step of every operation is a place to die. The same work must end in the same commit.
#[tokio::test(flavor = "multi_thread")]
async fn operations_cut_off_at_any_moment_and_repeated_end_in_the_same_commit() {
    let world = World::new();
    let (_, _, expect) = world.change("whole", "x.txt", "x\n").await;
    let (forge, remote) = (&world.forge, world.remote.as_str());
    for step in 0..25 {
        let patience = std::time::Duration::from_millis(step * 2);
        let workspace = world.workspace(&format!("cut-{step}"));
        let _ = tokio::time::timeout(patience, forge.prepare(&workspace, remote, "main", None)).await;
        let base = forge.prepare(&workspace, remote, "main", None).await.unwrap();
        write(&workspace.tree(), "x.txt", "x\n");
        let _ = tokio::time::timeout(patience, world.collect(&workspace, &base)).await;
        let head = world.collect(&workspace, &base).await.unwrap().head.unwrap();
        assert_eq!(head, expect, "cut off after {patience:?}");
        let name = format!("seawall/{step}");
        let _ = tokio::time::timeout(patience, forge.push_branch(&workspace, remote, &head, &name)).await;
        forge.push_branch(&workspace, remote, &head, &name).await.unwrap();
    }
}

#[tokio::test]
async fn the_first_place_that_holds_a_file_is_read() {
    let world = World::new();
    let base = world.forge.remote_head(&world.remote, "main").await.unwrap().unwrap();
    for (places, expect) in [
        (vec!["docs/b.txt", "src/b.txt", "a.txt"], Some("src/b.txt")),
        (vec!["src", "a.txt"], Some("a.txt")),
        (vec!["src", "*", "none.txt"], None),
    ] {
        let found = world.forge.show_first(Source::Remote(&world.remote), &base, &places).await.unwrap();
        assert_eq!(found.as_ref().map(|(path, _)| *path), expect, "{places:?}");
        assert_ne!(found.map(|(_, bytes)| bytes), Some(vec![]));
    }
}
