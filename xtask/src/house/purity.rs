//! `domain` decides: it awaits nothing, reads no clock, and knows nothing of the machine.

use super::Found;
use super::tree::{Tree, has_word};

const FOREIGN: [&str; 14] = [
    "async",
    "await",
    "SystemTime",
    "Instant",
    "tokio",
    "tracing",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::io",
    "println",
    "eprintln",
];

pub(super) fn check(tree: &Tree) -> Found {
    let mut found = Found { rule: "domain is pure", ..Found::default() };
    let mut files = 0;
    for file in tree.rust().filter(|file| file.path.starts_with("crates/domain/src/")) {
        files += 1;
        for (number, line) in file.code() {
            for word in FOREIGN.into_iter().filter(|word| has_word(line, word)) {
                found.broken.push(format!("{}:{number}: `{word}`; let it come in as a value", file.path));
            }
        }
    }
    found.seen = format!("{files} files");
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_in_domain_is_named_with_its_place() {
        let tree = Tree::of(&[
            (
                "crates/domain/src/run.rs",
                "// an Instant in a comment\nlet now = std::time::Instant::now();\n",
            ),
            ("crates/base/src/clock.rs", "std::time::Instant::now()\n"),
        ]);
        assert_eq!(check(&tree).broken, ["crates/domain/src/run.rs:2: `Instant`; let it come in as a value"]);
    }

    #[test]
    fn values_are_fine() {
        let tree = Tree::of(&[("crates/domain/src/run.rs", "fn step(now: Timestamp) -> Step {}\n")]);
        assert!(check(&tree).broken.is_empty());
    }
}
