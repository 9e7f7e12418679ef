//! Everything we link is under a licence that an Apache-2.0 program may carry. `deny.toml` holds the same list.

use super::Found;
use super::tree::Tree;
use std::collections::BTreeSet;
use std::process::Command;

const ALLOWED: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    // The certificates of webpki-roots: data, under a licence for data.
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

pub(super) fn check(tree: &Tree) -> Found {
    let mut found = Found { rule: "licences fit", ..Found::default() };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let listed = Command::new(cargo)
        .args(["tree", "--workspace", "--edges", "normal,build", "--prefix", "none", "--no-dedupe"])
        .args(["--locked", "--format", "{p}|{l}"])
        .current_dir(&tree.root)
        .output();
    match listed {
        Ok(listed) if listed.status.success() => {
            let listing = String::from_utf8_lossy(&listed.stdout);
            let packages = packages(&listing);
            found.broken = unfit(&packages);
            found.seen = format!("{} packages", packages.len());
        }
        Ok(failed) => {
            found.broken.push(format!("cargo tree: {}", String::from_utf8_lossy(&failed.stderr).trim()))
        }
        Err(error) => found.broken.push(format!("cannot run cargo tree: {error}")),
    }
    found
}

/// Each package once, with its licence.
fn packages(listing: &str) -> BTreeSet<(&str, &str)> {
    listing.lines().filter_map(|line| line.split_once('|')).collect()
}

fn unfit(packages: &BTreeSet<(&str, &str)>) -> Vec<String> {
    let breach = |(package, licence): &&(&str, &str)| !fits(licence) && !package.is_empty();
    let line = |(package, licence): &(&str, &str)| {
        let licence = if licence.is_empty() { "no licence" } else { licence };
        format!("{package}: {licence}; use another package, or decide and extend deny.toml and this list")
    };
    packages.iter().filter(breach).map(line).collect()
}

/// Whether one may use what `expression` (SPDX, or the older form with `/`) offers under an allowed licence.
fn fits(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    either(&mut rest) == Some(true) && rest.is_empty()
}

/// `a OR b`. `None` when it cannot be read.
fn either(rest: &mut &[&str]) -> Option<bool> {
    let mut fits = both(rest)?;
    while take(rest, "OR") {
        // Not `||`: what follows must be read in either case.
        fits |= both(rest)?;
    }
    Some(fits)
}

fn both(rest: &mut &[&str]) -> Option<bool> {
    let mut fits = one(rest)?;
    while take(rest, "AND") {
        fits &= one(rest)?;
    }
    Some(fits)
}

fn one(rest: &mut &[&str]) -> Option<bool> {
    if take(rest, "(") {
        let inner = either(rest)?;
        return take(rest, ")").then_some(inner);
    }
    let name = next(rest)?;
    if !take(rest, "WITH") {
        return Some(ALLOWED.contains(&name));
    }
    let exception = next(rest)?;
    Some(ALLOWED.contains(&format!("{name} WITH {exception}").as_str()))
}

fn next<'a>(rest: &mut &[&'a str]) -> Option<&'a str> {
    let (&first, after) = rest.split_first()?;
    *rest = after;
    Some(first)
}

fn take(rest: &mut &[&str], word: &str) -> bool {
    match rest.split_first() {
        Some((&first, after)) if first == word => {
            *rest = after;
            true
        }
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_fits_when_one_way_through_it_is_allowed() {
        for fine in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0-only OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0-only",
        ] {
            assert!(fits(fine), "{fine}");
        }
        for not in
            ["", "GPL-3.0-only", "MIT AND GPL-3.0-only", "(MIT OR ISC) AND AGPL-3.0-only", "MIT OR", "(MIT"]
        {
            assert!(!fits(not), "{not}");
        }
    }

    #[test]
    fn a_package_without_a_licence_is_named() {
        let listing = "a v1|MIT\na v1|MIT\nb v2|\n";
        assert_eq!(
            unfit(&packages(listing)),
            ["b v2: no licence; use another package, or decide and extend deny.toml and this list"]
        );
    }

    #[test]
    fn deny_toml_allows_the_same() {
        let deny = include_str!("../../../deny.toml");
        let list = deny.split("allow = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
        let named: Vec<&str> = list.lines().filter_map(|line| line.split('"').nth(1)).collect();
        assert_eq!(named, ALLOWED);
    }
}
