//! The `files` tracker on a real folder.

use adapters::tracker::files::{Error, FilesTracker};
use domain::{IssueId, Timestamp};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

fn folder() -> (tempfile::TempDir, FilesTracker) {
    let dir = tempfile::tempdir().unwrap();
    let tracker = FilesTracker::new(dir.path().join("issues"), &["Done".to_owned()]);
    fs::create_dir(dir.path().join("issues")).unwrap();
    (dir, tracker)
}

fn put(dir: &Path, name: &str, front: &str) {
    fs::write(dir.join("issues").join(name), format!("---\n{front}\n---\n\nBody of {name}\n")).unwrap();
}

fn id(text: &str) -> IssueId {
    text.into()
}

#[tokio::test]
async fn one_bad_file_never_hides_the_others() {
    let (dir, tracker) = folder();
    put(dir.path(), "b.md", "title: b\nstate: Todo\npriority: 2");
    put(dir.path(), "a.md", "title: a\nstate: [");
    put(dir.path(), "c.md", "title: c\nstate: Done\nid: b");
    fs::write(dir.path().join("issues/README.md"), "# how we work\n").unwrap();
    fs::write(dir.path().join("issues/huge.md"), vec![b'x'; 1024 * 1024 + 1]).unwrap();
    fs::create_dir(dir.path().join("issues/dir.md")).unwrap();
    fs::write(dir.path().join("secret"), "---\ntitle: s\nstate: Todo\n---\n").unwrap();
    symlink("../secret", dir.path().join("issues/link.md")).unwrap();
    let pipe = dir.path().join("issues/pipe.md");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    let listing = tracker.list().await.unwrap();
    let issues: Vec<_> = listing.issues.iter().map(|i| (i.id.as_str(), i.title.as_str())).collect();
    assert_eq!(issues, [("b", "b")]);
    let problems: Vec<_> = listing.problems.iter().map(|p| p.file.as_str()).collect();
    assert_eq!(problems, ["a.md", "dir.md", "huge.md", "link.md", "pipe.md", "c.md"]);
}

#[tokio::test]
async fn a_vanished_folder_is_an_error_and_not_an_empty_list() {
    let (dir, tracker) = folder();
    assert_eq!(tracker.list().await.unwrap().issues.len(), 0);
    fs::remove_dir_all(dir.path().join("issues")).unwrap();
    assert!(matches!(tracker.list().await, Err(Error::Unavailable { .. })));
    assert!(matches!(tracker.fetch(&[id("a")]).await, Err(Error::Unavailable { .. })));
    assert!(matches!(tracker.move_to(&id("a"), "Done").await, Err(Error::Unavailable { .. })));
}

#[tokio::test]
async fn an_issue_is_missing_only_when_no_unreadable_file_can_be_it() {
    let (dir, tracker) = folder();
    put(dir.path(), "a.md", "title: a\nstate: Todo");
    let fetched = tracker.fetch(&[id("a"), id("z")]).await.unwrap();
    assert_eq!((fetched.issues.len(), fetched.missing, fetched.unsure), (1, vec![id("z")], vec![]));
    put(dir.path(), "b.md", "title: [");
    let fetched = tracker.fetch(&[id("z")]).await.unwrap();
    assert_eq!((fetched.missing, fetched.unsure), (vec![], vec![id("z")]));
}

#[tokio::test]
async fn a_move_changes_one_line_keeps_the_mode_and_changes_the_version() {
    let (dir, tracker) = folder();
    put(dir.path(), "a.md", "title:   a   # mine\nstate: Todo\nlabels: [x]");
    let path = dir.path().join("issues/a.md");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let before = tracker.list().await.unwrap().issues[0].version.clone();
    for _ in 0..2 {
        tracker.move_to(&id("a"), "In Progress").await.unwrap();
    }
    let expect = "---\ntitle:   a   # mine\nstate: In Progress\nlabels: [x]\n---\n\nBody of a.md\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), expect);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    assert_ne!(tracker.list().await.unwrap().issues[0].version, before);
    assert_eq!(fs::read_dir(dir.path().join("issues")).unwrap().count(), 1);
    assert!(matches!(tracker.move_to(&id("nope"), "Done").await, Err(Error::NoIssue(_))));
    assert!(matches!(tracker.move_to(&id("a"), "a\nid: b").await, Err(Error::BadText(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_comments_at_once_are_all_there_once_each() {
    let (dir, tracker) = folder();
    put(dir.path(), "a.md", "title: a\nstate: Todo");
    let one = |n: i64| {
        let tracker = tracker.clone();
        tokio::spawn(
            async move { tracker.comment(&id("a"), "bot", &format!("note {n}!"), Timestamp(n)).await },
        )
    };
    // Every comment twice, as a crash between writing and remembering would.
    let tasks: Vec<_> = (0..20).chain(0..20).map(one).collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let text = fs::read_to_string(dir.path().join("issues/a.md")).unwrap();
    for n in 0..20 {
        assert_eq!(text.matches(&format!("> note {n}!")).count(), 1);
    }
    assert_eq!(text.matches("## Comments").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_person_who_writes_at_the_same_time_loses_nothing_they_can_see() {
    let (dir, tracker) = folder();
    put(dir.path(), "a.md", "title: a\nstate: Todo");
    put(dir.path(), "b.md", "title: b\nstate: Todo");
    let other = FilesTracker::new(dir.path().join("issues"), &["Done".to_owned()]);
    let moves = async {
        for n in 0..25 {
            tracker.move_to(&id("a"), if n % 2 == 0 { "Done" } else { "Todo" }).await.unwrap();
        }
    };
    let comments = async {
        for n in 0..25 {
            other.comment(&id("b"), "ann", &format!("c{n}"), Timestamp(n)).await.unwrap();
        }
    };
    tokio::join!(moves, comments);
    let listing = tracker.list().await.unwrap();
    assert!(listing.problems.is_empty());
    assert_eq!(listing.issues[0].state, "Done");
    assert_eq!(listing.issues[1].description.as_deref().unwrap().matches("> c").count(), 25);
}

#[tokio::test]
async fn an_issue_whose_file_was_renamed_is_still_found() {
    let (dir, tracker) = folder();
    put(dir.path(), "a.md", "id: X-1\ntitle: a\nstate: Todo");
    tracker.list().await.unwrap();
    fs::rename(dir.path().join("issues/a.md"), dir.path().join("issues/b.md")).unwrap();
    put(dir.path(), "a.md", "id: X-2\ntitle: other\nstate: Todo");
    tracker.move_to(&id("X-1"), "Done").await.unwrap();
    let states: Vec<_> =
        tracker.list().await.unwrap().issues.into_iter().map(|i| (i.identifier, i.state)).collect();
    assert_eq!(states, [("X-2".to_owned(), "Todo".to_owned()), ("X-1".to_owned(), "Done".to_owned())]);
}

#[tokio::test]
async fn what_is_fetched_is_what_the_file_says_now_wherever_it_lies_now() {
    let (dir, tracker) = folder();
    put(dir.path(), "a.md", "id: X-1\ntitle: a\nstate: Todo");
    put(dir.path(), "b.md", "id: X-2\ntitle: b\nstate: Todo");
    tracker.list().await.unwrap();
    put(dir.path(), "a.md", "id: X-1\ntitle: a\nstate: Parked");
    assert_eq!(tracker.fetch(&[id("X-1")]).await.unwrap().issues[0].state, "Parked");
    let (old, new) = (dir.path().join("issues/a.md"), dir.path().join("issues/c.md"));
    fs::rename(old, &new).unwrap();
    let fetched = tracker.fetch(&[id("X-1"), id("X-2")]).await.unwrap();
    assert_eq!(fetched.issues.iter().map(|i| i.id.as_str()).collect::<Vec<_>>(), ["X-1", "X-2"]);
    fs::remove_file(new).unwrap();
    assert_eq!(tracker.fetch(&[id("X-1")]).await.unwrap().missing, [id("X-1")]);
}
