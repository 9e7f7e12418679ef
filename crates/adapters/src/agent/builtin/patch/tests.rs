use std::os::unix::fs::symlink;

use super::*;

fn workspace() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("tree/src")).unwrap();
    std::fs::write(dir.path().join("tree/src/a.rs"), "fn one() {\n    1\n}\n\nfn two() {\n    1\n}\n")
        .unwrap();
    std::fs::write(dir.path().join("outside"), "secret\n").unwrap();
    dir
}

fn try_patch(dir: &tempfile::TempDir, body: &str) -> Result<Vec<String>, Error> {
    apply(&dir.path().join("tree"), &format!("*** Begin Patch\n{body}\n*** End Patch\n"))
}

fn read(dir: &tempfile::TempDir, path: &str) -> String {
    std::fs::read_to_string(dir.path().join("tree").join(path)).unwrap()
}

fn check(before: &str, chunks: &str, after: &str) {
    let dir = workspace();
    std::fs::write(dir.path().join("tree/f"), before).unwrap();
    try_patch(&dir, &format!("*** Update File: f\n{chunks}")).unwrap();
    assert_eq!(read(&dir, "f"), after, "{chunks}");
}

#[test]
fn chunks_land_where_their_lines_are() {
    check("a\nb\nc\n", "@@\n a\n-b\n+B\n c", "a\nB\nc\n");
    check("a\nb\nc", "-c\n+C", "a\nb\nC\n");
    check("a\nx\nb\nx\n", "@@ b\n-x\n+y", "a\nx\nb\ny\n");
    check("x\na\nx\n", "@@\n-x\n+y\n*** End of File", "x\na\ny\n");
    check("a\n", "@@\n+b", "a\nb\n");
    check("a\n\n  b  \n", "@@\n a\n\n b\n+c", "a\n\n  b  \nc\n");
    check("a\r\nb\r\n", "@@\n a\n-b\n+c", "a\r\nc\r\n");
    check("a\nb\nc\nd\n", "@@\n-a\n+A\n@@\n-d\n+D", "A\nb\nc\nD\n");
    check("a\n", "@@\n-a", "");
}

#[test]
fn files_are_added_moved_and_deleted() {
    let dir = workspace();
    let body = "*** Add File: new/deep/b.rs\n+one\n+\n+two\n*** Update File: src/a.rs\n*** Move to: lib/a.rs\n@@ fn two() {\n-    1\n+    2";
    assert_eq!(try_patch(&dir, body).unwrap(), ["new/deep/b.rs", "lib/a.rs"]);
    assert_eq!(read(&dir, "new/deep/b.rs"), "one\n\ntwo\n");
    assert_eq!(read(&dir, "lib/a.rs"), "fn one() {\n    1\n}\n\nfn two() {\n    2\n}\n");
    assert_eq!(try_patch(&dir, "*** Delete File: lib/a.rs").unwrap(), ["lib/a.rs"]);
    assert!(!dir.path().join("tree/lib/a.rs").exists() && !dir.path().join("tree/src/a.rs").exists());
}

#[test]
fn a_shell_wrapping_is_seen_through() {
    let dir = workspace();
    let text = "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: x\n+y\n*** End Patch\nEOF\n";
    apply(&dir.path().join("tree"), text).unwrap();
    assert_eq!(read(&dir, "x"), "y\n");
}

#[test]
fn a_patch_that_does_not_fit_changes_nothing() {
    let dir = workspace();
    let body = "*** Add File: new\n+x\n*** Update File: src/a.rs\n@@\n-no such line\n+y";
    assert!(try_patch(&dir, body).unwrap_err().to_string().contains("no such line"));
    assert!(!dir.path().join("tree/new").exists());
    for body in [
        "*** Add File: src/a.rs\n+x",
        "*** Update File: gone\n@@\n-x",
        "*** Update File: src/a.rs",
        "junk",
        "",
    ] {
        assert!(try_patch(&dir, body).is_err(), "{body}");
    }
}

#[test]
fn no_path_leads_out_of_the_workspace() {
    let dir = workspace();
    let tree = dir.path().join("tree");
    symlink("../outside", tree.join("link")).unwrap();
    symlink(dir.path(), tree.join("up")).unwrap();
    symlink("src", tree.join("within")).unwrap();
    std::fs::create_dir(tree.join(".git")).unwrap();
    let absolute = dir.path().join("outside").display().to_string();
    for path in
        ["../outside", "src/../../outside", absolute.as_str(), "link", "up/outside", ".git/config", ""]
    {
        let update = try_patch(&dir, &format!("*** Update File: {path}\n@@\n-secret\n+mine"));
        let delete = path != "link" && try_patch(&dir, &format!("*** Delete File: {path}")).is_ok();
        let add = try_patch(&dir, &format!("*** Add File: {path}x\n+mine")).is_ok()
            && path != "link"
            && !path.is_empty();
        assert!(update.is_err() && !delete && !add, "{path}");
    }
    assert_eq!(std::fs::read_to_string(dir.path().join("outside")).unwrap(), "secret\n");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    try_patch(&dir, "*** Update File: within/a.rs\n@@ fn two() {\n-    1\n+    2").unwrap();
}
