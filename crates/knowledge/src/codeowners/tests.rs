use super::*;
use proptest::prelude::*;

/// The owners of `path`, as `name:line`.
fn owners(text: &str, dialect: Dialect, path: &str) -> Vec<String> {
    let file = CodeOwners::parse(text, dialect).unwrap();
    let name = |handle: Handle| match handle {
        Handle::Team(team) => team.to_string(),
        Handle::User(name) | Handle::Email(name) | Handle::Role(name) => name,
    };
    file.owners_of(path).into_iter().map(|o| format!("{}:{}", name(o.handle), o.line)).collect()
}

/// Each rule of GitHub's documented example file, and what its comment there says.
#[test]
fn githubs_documented_rules() {
    for (pattern, yes, no) in [
        ("*", vec!["a", "a/b/c"], vec![]),
        ("*.js", vec!["a.js", "x/y/a.js"], vec!["a.jsx", "js"]),
        ("*.txt", vec!["a.txt", "d/a.txt"], vec!["txt"]),
        ("/build/logs/", vec!["build/logs/a", "build/logs/d/a"], vec!["x/build/logs/a", "build/logs"]),
        ("docs/*", vec!["docs/getting-started.md"], vec!["docs/build-app/troubleshooting.md"]),
        ("apps/", vec!["apps/a", "x/apps/a", "x/apps/y/z"], vec!["apps", "myapps/a"]),
        ("/docs/", vec!["docs/a", "docs/b/a"], vec!["x/docs/a"]),
        ("/scripts/", vec!["scripts/a"], vec!["x/scripts/a"]),
        (
            "**/logs",
            vec!["build/logs/a", "scripts/logs/b", "deeply/nested/logs/c", "logs/a"],
            vec!["blogs/a"],
        ),
        ("/apps/github", vec!["apps/github", "apps/github/a"], vec!["apps/githubber", "x/apps/github"]),
        ("/foo/**/bar", vec!["foo/bar", "foo/a/b/bar/c"], vec!["bar"]),
        ("foo/bar", vec!["foo/bar/x"], vec!["x/foo/bar"]),
        ("/src/**", vec!["src/a", "src/a/b"], vec!["src", "x/src/a"]),
        ("/docs/*.md", vec!["docs/a.md"], vec!["docs/a/b.md"]),
    ] {
        let line = format!("{pattern} @o");
        for path in yes {
            assert_eq!(owners(&line, Dialect::GitHub, path), ["o:1"], "{pattern} {path}");
        }
        for path in no {
            assert!(owners(&line, Dialect::GitHub, path).is_empty(), "{pattern} {path}");
        }
    }
}

#[test]
fn the_last_match_wins_and_no_owner_means_unowned() {
    let text = "# all\n*  @global1 @global2\n\n/apps/ @octocat # inline\n/apps/github\n/apps/pay @acme/payments docs@example.com\n";
    assert_eq!(owners(text, Dialect::GitHub, "README"), ["global1:2", "global2:2"]);
    assert_eq!(owners(text, Dialect::GitHub, "apps/x"), ["octocat:4"]);
    assert!(owners(text, Dialect::GitHub, "apps/github/a").is_empty());
    assert_eq!(owners(text, Dialect::GitHub, "apps/pay/a"), ["payments:6", "docs@example.com:6"]);
    let file = CodeOwners::parse(text, Dialect::GitHub).unwrap();
    let first = &file.owners_of("apps/pay/a")[0];
    assert_eq!(first.handle.team(), Some("payments".into()));
    assert!(file.problems.is_empty());
}

#[test]
fn what_github_does_not_support_is_skipped_and_reported() {
    let text = "* @all\n!x @a\n[ab].rs @b\n\\#x @c\na.rs someone\nb.rs @\nc.rs @o/\nd\\ e.rs @sp\n";
    let file = CodeOwners::parse(text, Dialect::GitHub).unwrap();
    let lines: Vec<u32> = file.problems.iter().map(|p| p.line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7]);
    assert_eq!(owners(text, Dialect::GitHub, "a.rs"), ["all:1"]);
    assert_eq!(owners(text, Dialect::GitHub, "d e.rs"), ["sp:8"]);
    assert_eq!(owners("/A @x", Dialect::GitHub, "a"), Vec::<String>::new());
}

#[test]
fn gitlab_sections_each_have_a_say() {
    let text = "* @root\n[Docs][2] @docs-team\n*.md\nREADME.md @g/sub/writers\n^[Database] @dba\n/db/\n!/db/seed.sql\n\
                [docs]\n\\#odd.md @hash\n[Broken\n";
    let file = CodeOwners::parse(text, Dialect::GitLab).unwrap();
    assert_eq!(owners(text, Dialect::GitLab, "a.md"), ["root:1", "docs-team:3"]);
    assert_eq!(owners(text, Dialect::GitLab, "x/README.md"), ["root:1", "writers:4"]);
    assert_eq!(owners(text, Dialect::GitLab, "db/a.sql"), ["root:1", "dba:6"]);
    assert_eq!(owners(text, Dialect::GitLab, "db/seed.sql"), ["root:1"]);
    assert_eq!(owners(text, Dialect::GitLab, "#odd.md"), ["root:1", "hash:9"]);
    assert!(file.owners_of("db/a.sql")[1].optional);
    assert_eq!(file.owners_of("a.md")[1].section, "Docs");
    assert_eq!(file.problems.iter().map(|p| p.line).collect::<Vec<_>>(), [10]);
}

#[test]
fn a_file_github_would_ignore_is_an_error() {
    let big = "# x\n".repeat(MAX_BYTES / 4 + 1);
    assert!(matches!(CodeOwners::parse(&big, Dialect::GitHub), Err(Error::TooLarge(_))));
}

proptest! {
    #[test]
    fn any_text_is_read_and_asked(text in "[a-z*/!\\[\\]^#@\\\\ \n.]{0,300}", path in "[a-z/.]{0,40}") {
        for dialect in [Dialect::GitHub, Dialect::GitLab] {
            let file = CodeOwners::parse(&text, dialect).unwrap();
            let lines = u32::try_from(text.lines().count()).unwrap();
            prop_assert!(file.owners_of(&path).iter().all(|o| o.line >= 1 && o.line <= lines));
        }
    }

    #[test]
    fn any_unicode_is_read(text in "\\PC{0,200}") {
        let _ = CodeOwners::parse(&text, Dialect::GitHub).map(|f| f.owners_of(&text));
    }
}
