//! A module opens with `//!`: its job, and what always holds in it. Inline tests in a file of their own need not:
//! their job is that of the module above them.

use super::Found;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Found {
    let mut found = Found { rule: "modules say their job", ..Found::default() };
    let mut files = 0;
    for file in tree.rust().filter(|file| is_source(&file.path)) {
        files += 1;
        if !file.text.starts_with("//! ") {
            found.broken.push(format!("{} does not open with `//!`: say its job in a sentence", file.path));
        }
    }
    found.seen = format!("{files} files");
    found
}

fn is_source(path: &str) -> bool {
    path.contains("/src/") && !path.ends_with("/tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_module_is_named() {
        let tree = Tree::of(&[("crates/a/src/lib.rs", "//! Does a.\n"), ("crates/a/src/b.rs", "use x;\n")]);
        assert_eq!(
            check(&tree).broken,
            ["crates/a/src/b.rs does not open with `//!`: say its job in a sentence"]
        );
    }
}
