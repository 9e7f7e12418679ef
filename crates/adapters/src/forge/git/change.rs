//! What differs between two commits, read from git's machine formats.

use super::{Error, GitForge, names};
use domain::Sha;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The most added lines we keep of a change; reviewers' passages are found by these.
const MAX_ADDED_LINES: usize = 5_000;
/// A longer line is a data file; its beginning is enough to find passages by.
const MAX_LINE_BYTES: usize = 500;
/// The most bytes of a diff we read to find them.
const MAX_DIFF_BYTES: usize = 8 * 1024 * 1024;

/// A line that a change adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddedLine {
    /// Its file.
    pub file: String,
    /// Its number in the new file, from 1.
    pub line: u32,
    /// Its text, cut at 500 bytes.
    pub text: String,
}

/// One path of `diff --raw`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// File mode after the change, octal; `000000` when removed.
    pub mode: String,
    /// Blob after the change.
    pub blob: String,
    /// The path as git holds it.
    pub path: Vec<u8>,
}

/// Sizes of a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Lines added.
    pub added: u32,
    /// Lines removed.
    pub removed: u32,
}

impl GitForge {
    /// The paths that differ between `base` and `head`, without rename detection, so that both names show.
    pub(super) async fn entries(&self, git_dir: &Path, base: &str, head: &str) -> Result<Vec<Entry>, Error> {
        let args = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", base, head];
        Ok(entries(&self.git.bare(git_dir).args(args).ok().await?))
    }

    /// How many lines `head` adds to and removes from `base`; binary files count nothing.
    pub(super) async fn count(&self, git_dir: &Path, base: &Sha, head: &Sha) -> Result<Count, Error> {
        let args =
            ["diff-tree", "-r", "-z", "--numstat", "--no-renames", names::sha(base)?, names::sha(head)?];
        Ok(count(&self.git.bare(git_dir).args(args).ok().await?))
    }

    /// The first lines that `head` adds to `base`.
    pub(super) async fn added_lines(
        &self,
        git_dir: &Path,
        base: &Sha,
        head: &Sha,
    ) -> Result<Vec<AddedLine>, Error> {
        let flags = ["diff", "-U0", "--no-renames", "--no-color", "--no-ext-diff", "--no-textconv"];
        let prefixes = ["--src-prefix=a/", "--dst-prefix=b/", names::sha(base)?, names::sha(head)?, "--"];
        let call = self.git.bare(git_dir).args(flags).args(prefixes).limit(MAX_DIFF_BYTES);
        let output = call.run().await?;
        if output.code != 0 && !output.cut {
            return Err(output.failure());
        }
        Ok(added_lines(&String::from_utf8_lossy(&output.stdout)))
    }
}

fn entries(raw: &[u8]) -> Vec<Entry> {
    let mut fields = raw.split(|b| *b == 0);
    let mut found = Vec::new();
    while let (Some(head), Some(path)) = (fields.next(), fields.next()) {
        let head = String::from_utf8_lossy(head);
        let mut parts = head.trim_start_matches(':').split(' ');
        let (mode, blob) = (parts.nth(1), parts.nth(1));
        if let (Some(mode), Some(blob)) = (mode, blob) {
            found.push(Entry { mode: mode.to_owned(), blob: blob.to_owned(), path: path.to_vec() });
        }
    }
    found
}

fn count(raw: &[u8]) -> Count {
    let mut sum = Count::default();
    for record in raw.split(|b| *b == 0) {
        let text = String::from_utf8_lossy(record);
        let mut parts = text.splitn(3, '\t').map(|n| n.parse::<u32>().unwrap_or(0));
        sum.added = sum.added.saturating_add(parts.next().unwrap_or(0));
        sum.removed = sum.removed.saturating_add(parts.next().unwrap_or(0));
    }
    sum
}

/// Reads a diff without context. Inside a hunk only its announced number of lines is read, so a line that looks
/// like a header stays a line.
fn added_lines(diff: &str) -> Vec<AddedLine> {
    let mut found = Vec::new();
    let mut file = String::new();
    let (mut line, mut adds, mut removes) = (0_u32, 0_u32, 0_u32);
    for text in diff.split('\n') {
        if found.len() == MAX_ADDED_LINES {
            break;
        }
        if removes > 0 && text.starts_with('-') {
            removes -= 1;
        } else if adds > 0 && text.starts_with('+') {
            let text = cut(text[1..].trim_end_matches('\r')).to_owned();
            found.push(AddedLine { file: file.clone(), line, text });
            (line, adds) = (line.saturating_add(1), adds - 1);
        } else if let Some(path) = text.strip_prefix("+++ ") {
            file = new_name(path);
        } else if let Some((old, new)) = hunk(text) {
            (removes, line, adds) = (old.1, new.0, new.1);
        }
    }
    found
}

/// The path after `+++ `: with its prefix, a tab at the end when it has blanks, quoted when it has quotes.
fn new_name(text: &str) -> String {
    let text = text.trim_end_matches('\t');
    let plain = match text.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        // Control characters were refused, so these two are the only escapes left.
        Some(inner) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => text.to_owned(),
    };
    plain.strip_prefix("b/").unwrap_or(&plain).to_owned()
}

/// `@@ -a,b +c,d @@` as ((a, b), (c, d)).
fn hunk(text: &str) -> Option<((u32, u32), (u32, u32))> {
    let mut parts = text.strip_prefix("@@ ")?.split(' ');
    let old = range(parts.next()?.strip_prefix('-')?)?;
    let new = range(parts.next()?.strip_prefix('+')?)?;
    Some((old, new))
}

fn range(text: &str) -> Option<(u32, u32)> {
    match text.split_once(',') {
        Some((start, length)) => Some((start.parse().ok()?, length.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    }
}

fn cut(text: &str) -> &str {
    let end = (0..=text.len().min(MAX_LINE_BYTES)).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_added_line_that_looks_like_a_header_stays_a_line() {
        let diff = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1,3 @@\n--- gone\n+++ b/evil\n+@@ -1 +1 @@\n+last\n\
                    diff --git a/y z b/y z\n--- /dev/null\n+++ b/y z\t\n@@ -0,0 +1 @@\n+new\n";
        let found: Vec<_> = added_lines(diff).into_iter().map(|l| (l.file, l.line, l.text)).collect();
        let expect = [("x", 1, "++ b/evil"), ("x", 2, "@@ -1 +1 @@"), ("x", 3, "last"), ("y z", 1, "new")];
        assert_eq!(found, expect.map(|(f, l, t)| (f.to_owned(), l, t.to_owned())));
    }

    #[test]
    fn a_quoted_name_is_the_name() {
        assert_eq!(new_name(r#""b/a\"b""#), r#"a"b"#);
        assert_eq!(new_name("b/x y\t"), "x y");
        assert_eq!(new_name("/dev/null"), "/dev/null");
    }

    proptest::proptest! {
        #[test]
        fn any_diff_is_read(diff in "((@@ -[0-9,]{1,4} [+][0-9,]{1,12} @@|[+][+][+] .{0,5}|[-+].{0,5}|\\PC{0,9})\n){0,20}") {
            added_lines(&diff);
        }
    }

    #[test]
    fn raw_entries_and_counts_are_read() {
        let raw = b":100644 120000 aaaa bbbb T\0a b\0:100644 000000 cccc 0000 D\0x\ny\0";
        let found = entries(raw);
        assert_eq!(found[0].mode, "120000");
        assert_eq!(found[0].blob, "bbbb");
        assert_eq!(found[1].path, b"x\ny");
        assert_eq!(count(b"3\t1\ta\0-\t-\tb.png\0"), Count { added: 3, removed: 1 });
    }
}
