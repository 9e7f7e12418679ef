//! Pushes from repositories that agents made: what they can do there, and that nothing planted in one counts.

use crate::hostile::{set_traps, trap};
use crate::support::{World, git, write};
use adapters::forge::git::{Error, Over, Refusal, Taken, Wanted};
use domain::Sha;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

const BEARER: &str = "seawall/run1/7";

/// A folder as `after_create` leaves it: a clone of the remote.
fn cloned(world: &World, name: &str, flags: &[&str]) -> PathBuf {
    let remote = format!("file://{}", world.remote);
    git(world.dir.path(), &[&["clone", "-q"], flags, &[&remote, name]].concat());
    world.dir.path().join(name)
}

/// The agent commits a file.
fn commits(folder: &Path, file: &str, text: &str) -> Sha {
    write(folder, file, text);
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", file]);
    Sha::new(git(folder, &["rev-parse", "HEAD"]))
}

fn wanted<'a>(world: &'a World, folder: &'a Path, branch: &'a str) -> Wanted<'a> {
    Wanted { folder, remote: &world.remote, branch, commit: None, landing: "main", over: Over::Nothing }
}

async fn take(world: &World, folder: &Path, branch: &str) -> Result<Taken, Error> {
    world.forge.take(&wanted(world, folder, branch)).await
}

async fn push(world: &World, wanted: Wanted<'_>) -> Result<Sha, Error> {
    let taken = world.forge.take(&wanted).await?;
    world.forge.push_taken(&taken, BEARER).await.map(|()| taken.commit.clone())
}

fn at(world: &World, branch: &str) -> Option<Sha> {
    let line = world.remote_git(&["for-each-ref", "--format=%(objectname)", &format!("refs/heads/{branch}")]);
    Some(Sha::new(line)).filter(Sha::is_well_formed)
}

#[tokio::test]
async fn what_is_checked_out_is_pushed_and_again_is_free() {
    let world = World::new();
    let folder = cloned(&world, "ws1", &[]);
    git(&folder, &["checkout", "-q", "-b", "deep/work"]);
    let first = commits(&folder, "x.txt", "x\n");
    assert_eq!(push(&world, wanted(&world, &folder, "fix/1")).await.unwrap(), first);
    assert_eq!(at(&world, "fix/1"), Some(first.clone()));
    assert!(take(&world, &folder, "fix/1").await.unwrap().is_there());
    let second = commits(&folder, "y.txt", "y\n");
    let taken = take(&world, &folder, "fix/1").await.unwrap();
    assert_eq!((taken.before(), taken.is_there()), (Some(&first), false));
    world.forge.push_taken(&taken, BEARER).await.unwrap();
    drop(taken);
    assert_eq!(at(&world, "fix/1"), Some(second));
    let older = Wanted { commit: Some(&first), ..wanted(&world, &folder, "fix/2") };
    push(&world, older).await.unwrap();
    assert_eq!(at(&world, "fix/2"), Some(first));
}

#[tokio::test]
async fn nothing_that_was_copied_stays() {
    let world = World::new();
    let folder = cloned(&world, "ws1", &[]);
    commits(&folder, "x.txt", "x\n");
    push(&world, wanted(&world, &folder, "fix")).await.unwrap();
    assert_eq!(std::fs::read_dir(world.dir.path().join("cache/stages")).unwrap().count(), 0);
}

#[tokio::test]
async fn shallow_partial_borrowing_and_packed_clones_are_complete_with_the_mirror() {
    let world = World::new();
    world.person_pushes("second");
    world.remote_git(&["config", "uploadpack.allowFilter", "true"]);
    let reference = world.person().display().to_string();
    let kinds: [(&str, &[&str]); 4] = [
        ("shallow", &["--depth=1"]),
        ("partial", &["--filter=blob:none"]),
        ("borrowing", &["--shared", "--reference", &reference]),
        ("packed", &[]),
    ];
    for (name, flags) in kinds {
        let folder = cloned(&world, name, flags);
        let head = commits(&folder, &format!("{name}.txt"), name);
        if name == "packed" {
            git(&folder, &["gc", "-q", "--prune=now"]);
            assert!(!folder.join(".git/refs/heads/main").exists(), "the branch is in packed-refs");
        }
        push(&world, wanted(&world, &folder, name)).await.unwrap();
        assert_eq!(at(&world, name), Some(head), "{name}");
    }
}

#[tokio::test]
async fn branches_that_are_not_an_agents_are_refused_with_why() {
    let world = World::new();
    world.remote_git(&["branch", "weekly", "main"]);
    world.remote_git(&["symbolic-ref", "HEAD", "refs/heads/weekly"]);
    let folder = cloned(&world, "ws1", &[]);
    commits(&folder, "x.txt", "x\n");
    for (branch, why) in [
        ("weekly", "changes land on"),
        ("main", "changes land on"),
        ("Master", "changes land on"),
        ("stable", "changes land on"),
        ("seawall/run1/1", "Seawall's own"),
        ("refs/heads/x", "short name"),
        ("a..b", "git does not allow"),
        ("-x", "begins with"),
        ("+x:main", "git does not allow"),
    ] {
        let asked = Wanted { landing: "stable", ..wanted(&world, &folder, branch) };
        let told = world.forge.take(&asked).await.unwrap_err().to_string();
        assert!(told.contains(why), "{branch}: {told}");
    }
}

#[tokio::test]
async fn only_what_was_pushed_in_the_same_name_is_replaced() {
    let world = World::new();
    let folder = cloned(&world, "ws1", &[]);
    let first = commits(&folder, "x.txt", "x\n");
    push(&world, wanted(&world, &folder, "fix")).await.unwrap();
    git(&folder, &["commit", "-q", "--amend", "-m", "better"]);
    let better = Sha::new(git(&folder, &["rev-parse", "HEAD"]));
    let told = take(&world, &folder, "fix").await.unwrap_err();
    assert!(matches!(told, Error::Diverged { .. }), "{told}");
    let forced = |last, keep| Wanted { over: Over::Own { last, keep }, ..wanted(&world, &folder, "fix") };
    let told = push(&world, forced(None, None)).await.unwrap_err();
    assert!(matches!(told, Error::NotOurs { .. }), "{told}");
    let told = push(&world, forced(Some(&first), Some(&first))).await.unwrap_err();
    assert!(matches!(told, Error::NotOurs { .. }), "what was built on stays: {told}");
    assert_eq!(at(&world, "fix"), Some(first.clone()));
    push(&world, forced(Some(&first), None)).await.unwrap();
    assert_eq!(at(&world, "fix"), Some(better));
}

#[tokio::test]
async fn somebody_elses_push_is_not_lost_whenever_it_comes() {
    let world = World::new();
    let folder = cloned(&world, "ws1", &[]);
    let first = commits(&folder, "x.txt", "x\n");
    push(&world, wanted(&world, &folder, "fix")).await.unwrap();
    git(&folder, &["commit", "-q", "--amend", "-m", "better"]);
    let over = Over::Own { last: Some(&first), keep: None };
    let forced = Wanted { over, ..wanted(&world, &folder, "fix") };
    let taken = world.forge.take(&forced).await.unwrap();
    // Between the look and the push.
    git(&world.person(), &["fetch", "-q", "origin", "fix"]);
    git(&world.person(), &["checkout", "-q", "FETCH_HEAD"]);
    let theirs = commits(&world.person(), "p.txt", "p\n");
    git(&world.person(), &["push", "-q", "origin", "HEAD:fix"]);
    let told = world.forge.push_taken(&taken, BEARER).await.unwrap_err();
    assert!(matches!(told, Error::Busy { .. }), "{told}");
    drop(taken);
    assert!(matches!(push(&world, forced).await.unwrap_err(), Error::NotOurs { .. }));
    assert_eq!(at(&world, "fix"), Some(theirs));
}

#[tokio::test]
async fn nothing_planted_in_the_repository_is_run_or_obeyed() {
    let world = World::new();
    let (script, sprung) = trap(&world);
    let folder = cloned(&world, "ws1", &[]);
    write(&folder, ".gitattributes", "* filter=evil diff=evil merge=evil\n");
    let head = commits(&folder, "x.txt", "x\n");
    let elsewhere = world.dir.path().join("elsewhere.git");
    git(world.dir.path(), &["init", "-q", "--bare", "elsewhere.git"]);
    set_traps(&folder, &script);
    let path = script.display().to_string();
    for (key, value) in [
        (format!("url.{}.insteadOf", elsewhere.display()), world.remote.clone()),
        (format!("url.{}.pushInsteadOf", elsewhere.display()), world.remote.clone()),
        ("remote.origin.url".to_owned(), elsewhere.display().to_string()),
        ("remote.origin.pushurl".to_owned(), elsewhere.display().to_string()),
        ("remote.origin.receivepack".to_owned(), path.clone()),
        ("remote.origin.vcs".to_owned(), path.clone()),
        ("credential.helper".to_owned(), format!("!{path}")),
        ("core.alternateRefsCommand".to_owned(), path.clone()),
        ("uploadpack.packObjectsHook".to_owned(), path.clone()),
        ("core.pager".to_owned(), path.clone()),
        ("gpg.program".to_owned(), path.clone()),
        ("push.gpgSign".to_owned(), "true".to_owned()),
        ("include.path".to_owned(), "/dev/stdin".to_owned()),
    ] {
        git(&folder, &["-c", "core.fsmonitor=false", "config", &key, &value]);
    }
    let _ = std::fs::remove_file(&sprung);
    push(&world, wanted(&world, &folder, "fix")).await.unwrap();
    assert!(!sprung.exists());
    assert_eq!(at(&world, "fix"), Some(head));
    assert_eq!(git(&elsewhere, &["for-each-ref"]), "");
}

/// A repository that the agent must not get at, and a commit of it.
fn secret(world: &World) -> (PathBuf, Sha) {
    git(world.dir.path(), &["init", "-q", "-b", "main", "secret"]);
    let dir = world.dir.path().join("secret");
    let sha = commits(&dir, "secret.txt", "secret\n");
    (dir, sha)
}

#[tokio::test]
async fn what_lies_outside_the_repository_is_not_pushed_by_alternates_or_links() {
    let world = World::new();
    let (secret, sha) = secret(&world);
    let objects = secret.join(".git/objects");
    let by_alternates = cloned(&world, "alternates", &[]);
    write(&by_alternates, ".git/objects/info/alternates", &format!("{}\n", objects.display()));
    git(&by_alternates, &["update-ref", "--no-deref", "HEAD", sha.as_str()]);
    assert_eq!(git(&by_alternates, &["show", "HEAD:secret.txt"]), "secret", "it is there for git");
    let by_directory = cloned(&world, "directory", &[]);
    let (two, rest) = sha.as_str().split_at(2);
    std::fs::remove_dir_all(by_directory.join(".git/objects")).unwrap();
    symlink(&objects, by_directory.join(".git/objects")).unwrap();
    let by_fan = cloned(&world, "fan", &[]);
    symlink(objects.join(two), by_fan.join(".git/objects").join(two)).unwrap();
    let by_object = cloned(&world, "object", &[]);
    std::fs::create_dir_all(by_object.join(".git/objects").join(two)).unwrap();
    symlink(objects.join(two).join(rest), by_object.join(".git/objects").join(two).join(rest)).unwrap();
    let by_git = world.dir.path().join("whole");
    std::fs::create_dir(&by_git).unwrap();
    symlink(secret.join(".git"), by_git.join(".git")).unwrap();
    let by_file = world.dir.path().join("file");
    std::fs::create_dir(&by_file).unwrap();
    write(&by_file, ".git", &format!("gitdir: {}\n", secret.join(".git").display()));
    let by_pack = cloned(&world, "pack", &[]);
    git(&secret, &["gc", "-q"]);
    std::fs::remove_dir_all(by_pack.join(".git/objects/pack")).unwrap();
    symlink(objects.join("pack"), by_pack.join(".git/objects/pack")).unwrap();
    for folder in [by_alternates, by_directory, by_fan, by_object, by_git, by_file, by_pack] {
        let asked = Wanted { commit: Some(&sha), ..wanted(&world, &folder, "fix") };
        let told = push(&world, asked).await.unwrap_err();
        let known = matches!(told, Error::Incomplete(_) | Error::Unfit { .. } | Error::NotARepository(_));
        assert!(known, "{}: {told}", folder.display());
    }
    assert_eq!(at(&world, "fix"), None);
}

#[tokio::test]
async fn a_pipe_in_place_of_a_file_is_refused_without_waiting_for_it() {
    let world = World::new();
    let folder = cloned(&world, "ws1", &[]);
    for name in [".git/HEAD", ".git/objects/00/00000000000000000000000000000000000000"] {
        let path = folder.join(name);
        let _ = std::fs::remove_file(&path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
            .unwrap();
        let told = take(&world, &folder, "fix").await.unwrap_err();
        assert!(matches!(told, Error::Unfit { .. }), "{name}: {told}");
        std::fs::remove_file(&path).unwrap();
        write(&folder, ".git/HEAD", "ref: refs/heads/main\n");
    }
}

#[tokio::test]
async fn an_object_under_a_false_name_does_not_pass() {
    let world = World::new();
    let folder = cloned(&world, "ws1", &[]);
    let honest = commits(&folder, "x.txt", "x\n");
    let object = |sha: &str| folder.join(".git/objects").join(&sha[..2]).join(&sha[2..]);
    let false_name = Sha::new("ab".repeat(20));
    std::fs::create_dir_all(object(false_name.as_str()).parent().unwrap()).unwrap();
    std::fs::copy(object(honest.as_str()), object(false_name.as_str())).unwrap();
    let asked = Wanted { commit: Some(&false_name), ..wanted(&world, &folder, "fix") };
    assert!(push(&world, asked).await.is_err());
    assert_eq!(at(&world, "fix"), None);
}

#[tokio::test]
async fn too_much_is_refused_also_when_a_later_commit_takes_it_away() {
    let world = World::new();
    let many = cloned(&world, "many", &[]);
    for n in 0..51 {
        write(&many, &format!("many/{n}"), &n.to_string());
    }
    commits(&many, "one.txt", "x");
    let large = cloned(&world, "large", &[]);
    commits(&large, "big", &"x".repeat(100_001));
    for folder in [&many, &large] {
        git(folder, &["rm", "-q", "-r", "."]);
        commits(folder, "left.txt", "left");
    }
    let told = take(&world, &many, "fix").await.unwrap_err();
    assert!(matches!(told, Error::Refused(Refusal::TooManyFiles { count: 53, limit: 50 })), "{told}");
    let told = take(&world, &large, "fix").await.unwrap_err();
    assert!(matches!(told, Error::Refused(Refusal::TooLarge { limit: 100_000, .. })), "{told}");
}

#[tokio::test]
async fn no_commit_and_an_unknown_one_are_told() {
    let world = World::new();
    git(world.dir.path(), &["init", "-q", "fresh"]);
    let fresh = world.dir.path().join("fresh");
    assert!(matches!(take(&world, &fresh, "fix").await.unwrap_err(), Error::NoHead));
    let unknown = Sha::new("a".repeat(40));
    let asked = Wanted { commit: Some(&unknown), ..wanted(&world, &fresh, "fix") };
    assert!(matches!(push(&world, asked).await.unwrap_err(), Error::Incomplete(_)));
    let short = Sha::new("HEAD~1");
    let asked = Wanted { commit: Some(&short), ..wanted(&world, &fresh, "fix") };
    assert!(matches!(push(&world, asked).await.unwrap_err(), Error::BadName { what: "commit", .. }));
}

#[tokio::test]
async fn the_other_side_is_told_who_pushes() {
    let world = World::new();
    let told = world.dir.path().join("told");
    let hook = format!("#!/bin/sh\necho \"$GIT_USER_AGENT\" >{}\n", told.display());
    write(Path::new(&world.remote), "hooks/pre-receive", &hook);
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(Path::new(&world.remote).join("hooks/pre-receive"), executable).unwrap();
    let folder = cloned(&world, "ws1", &[]);
    commits(&folder, "x.txt", "x\n");
    push(&world, wanted(&world, &folder, "fix")).await.unwrap();
    assert!(std::fs::read_to_string(told).unwrap().contains("seawall/run1/7"));
}

#[tokio::test]
async fn a_password_in_the_remotes_address_is_in_no_error() {
    let world = World::new();
    let folder = cloned(&world, "ws1", &[]);
    for remote in ["https://me:hunter2@127.0.0.1:9/x.git", "ext::https://me:hunter2@h/x"] {
        let told = world.forge.take(&Wanted { remote, ..wanted(&world, &folder, "fix") }).await.unwrap_err();
        let told = base::error::chain(&told);
        assert!(!told.contains("hunter2") && told.contains("https://"), "{told}");
    }
}

#[tokio::test]
async fn the_origin_is_the_repositorys_own_url_and_nothing_else() {
    let world = World::new();
    let origin = async |folder: &Path| world.forge.origin_of(folder).await.unwrap();
    let folder = cloned(&world, "ws1", &[]);
    let remote = Path::new(&world.remote).canonicalize().unwrap().display().to_string();
    write(&folder, "more", "[remote \"origin\"]\n\turl = https://included/x.git\n");
    git(&folder, &["config", "include.path", "../more"]);
    git(&folder, &["config", "url.https://other/.insteadOf", "file:///"]);
    git(&folder, &["config", "remote.origin.pushurl", "https://pushed/x.git"]);
    assert_eq!(origin(&folder).await, Some(remote.clone()));
    git(&folder, &["config", "remote.origin.url", "../remote.git"]);
    assert_eq!(origin(&folder).await, Some(remote), "a path is made absolute");
    git(&folder, &["config", "remote.origin.url", "git@h:x.git"]);
    assert_eq!(origin(&folder).await.as_deref(), Some("git@h:x.git"));
    git(&folder, &["init", "-q", "--bare", "inner.git"]);
    for none in ["inner.git", "./nowhere", "ext::sh -c x", "--upload-pack=x"] {
        git(&folder, &["config", "remote.origin.url", none]);
        assert_eq!(origin(&folder).await, None, "{none}");
    }
    git(&folder, &["config", "--unset", "remote.origin.url"]);
    assert_eq!(origin(&folder).await, None);
    assert_eq!(origin(world.dir.path()).await, None, "no repository");
}

#[tokio::test]
async fn what_a_killed_process_copied_is_gone_at_the_next_start() {
    let world = World::new();
    let left = world.dir.path().join("cache/stages/left.git");
    std::fs::create_dir_all(&left).unwrap();
    crate::support::forge(world.dir.path().join("cache"));
    assert!(!left.exists());
}
