//! A file is a sitting: reports how long they are, and names those that ask for a folder.

use super::Found;
use super::tree::{File, Tree};

/// From here on a file is named.
const LONG: usize = 400;

pub(super) fn check(tree: &Tree) -> Found {
    let mut lengths: Vec<(usize, &str)> = vec![];
    let (mut code, mut tests) = (0, 0);
    for file in tree.rust() {
        let (own, proof) = split(file);
        code += own;
        tests += proof;
        lengths.push((own + proof, &file.path));
    }
    lengths.sort_unstable();
    let at = |part: usize| lengths.get(lengths.len().saturating_sub(1) * part / 100).map_or(0, |(n, _)| *n);
    let (longest, path) = lengths.last().copied().unwrap_or((0, "none"));
    let ratio = (tests * 100).checked_div(code).unwrap_or(0);
    let long = lengths.iter().rev().filter(|(lines, _)| *lines > LONG);
    Found {
        rule: "files are a sitting",
        seen: format!(
            "{} files: median {}, p90 {}, longest {longest} ({path}); {code} lines of code, {tests} of tests ({ratio} %)",
            lengths.len(),
            at(50),
            at(90),
        ),
        broken: vec![],
        notes: long.map(|(lines, path)| format!("{path} has {lines} lines; make a folder of it")).collect(),
    }
}

/// Lines of code and lines of tests. Inline tests come last in a file, by the style of this repository.
fn split(file: &File) -> (usize, usize) {
    let lines = file.text.lines().count();
    if file.path.contains("/tests/")
        || file.path.starts_with("tests/")
        || file.path.ends_with("/tests.rs")
        || file.path.ends_with("/testing.rs")
    {
        return (0, lines);
    }
    let Some(module) = file.text.find("\nmod tests {") else { return (lines, 0) };
    let attribute = file.text[..=module].rfind("\n#[cfg(test)]\n").unwrap_or(module);
    let code = file.text[..attribute].lines().count();
    (code, lines - code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_its_tests_are_told_apart() {
        let inline = "fn a() {}\n\n#[cfg(test)]\n#[expect(x)]\nmod tests {\n    fn b() {}\n}\n";
        let tree = Tree::of(&[("crates/a/src/a.rs", inline), ("crates/a/tests/b.rs", "1\n2\n")]);
        let split: Vec<_> = tree.files.iter().map(split).collect();
        assert_eq!(split, [(1, 6), (0, 2)]);
    }

    #[test]
    fn tests_begin_at_their_attribute() {
        let two = "#[cfg(test)]\nmod testing;\nfn a() {}\n\n#[cfg(test)]\nmod tests {\n}\n";
        let tree = Tree::of(&[("crates/a/src/a.rs", two)]);
        assert_eq!(split(&tree.files[0]), (3, 4));
        let tree = Tree::of(&[("crates/a/src/a.rs", "#[cfg(test)]\nmod testing;\nfn a() {}\n")]);
        assert_eq!(split(&tree.files[0]), (3, 0));
    }

    #[test]
    fn only_long_files_are_named() {
        let (long, short) = ("x\n".repeat(LONG + 1), "x\n".repeat(LONG));
        let found = check(&Tree::of(&[("crates/a/src/a.rs", &long), ("crates/a/src/b.rs", &short)]));
        assert_eq!(found.notes, ["crates/a/src/a.rs has 401 lines; make a folder of it"]);
        assert!(found.seen.starts_with("2 files: median 400, p90 400, longest 401 (crates/a/src/a.rs)"));
    }
}
