//! What the documents point at exists: links, and files named in backticks.

use super::Found;
use super::tree::{File, Tree};

/// Where a path in backticks begins when it means a file of this repository.
const ROOMS: [&str; 6] = ["crates/", "docs/", "examples/", "xtask/", "tests/", ".ci/"];

pub(super) fn check(tree: &Tree) -> Found {
    let mut found = Found { rule: "documents point right", ..Found::default() };
    let mut pointers = 0;
    for file in tree.files.iter().filter(|file| is_document(&file.path)) {
        for (number, line) in file.text.lines().enumerate() {
            for path in links(line).map(|link| resolved(file, link)).chain(named(line)) {
                pointers += 1;
                if !tree.has(&path) {
                    found.broken.push(format!("{}:{}: `{path}` does not exist", file.path, number + 1));
                }
            }
        }
    }
    found.seen = format!("{pointers} pointers");
    found
}

/// The documents at the root, in `docs/` and in `examples/`; fixtures point where they like.
fn is_document(path: &str) -> bool {
    let room = path.split_once('/').map_or("", |(room, _)| room);
    path.ends_with(".md") && ["", "docs"].contains(&room) || path == "examples/README.md"
}

/// Targets of links and images that stay in the repository.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter_map(|target| {
        let path = target.split('#').next().unwrap_or_default();
        let outside = path.is_empty() || path.contains("://") || path.starts_with("mailto:");
        (!outside).then_some(path)
    })
}

/// The path from the repository's root that `link` of `file` means.
fn resolved(file: &File, link: &str) -> String {
    let mut parts: Vec<&str> = file.path.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => _ = parts.pop(),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// Paths in backticks, but not patterns and not names that a reader has to fill in.
fn named(line: &str) -> impl Iterator<Item = String> {
    line.split('`').skip(1).step_by(2).filter_map(|code| {
        let path = code.split(' ').next().unwrap_or_default();
        let open = path.contains(['*', '<', '{', '…', '$']) || path.contains("NAME") || path.contains("NOUN");
        (ROOMS.iter().any(|room| path.starts_with(room)) && !open).then(|| path.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_into_nowhere_are_named() {
        let text = "see [a](docs/a.md#top), [web](https://x.y/z), `crates/gone/src/lib.rs`, `crates/*/src` and `docs/a.md`\n";
        let tree = Tree::of(&[("README.md", text), ("docs/a.md", "[up](../README.md) [b](b.md)\n")]);
        let found = check(&tree);
        assert_eq!(
            found.broken,
            [
                "README.md:1: `crates/gone/src/lib.rs` does not exist",
                "docs/a.md:1: `docs/b.md` does not exist"
            ]
        );
        assert_eq!(found.seen, "5 pointers");
    }
}
