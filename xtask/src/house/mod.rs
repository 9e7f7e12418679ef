//! The house check: rules about this repository that the compiler does not enforce.
//!
//! Invariants: it reads and never writes; every file git would commit is looked at, whether it is committed
//! yet or not; what is broken is named with file and line, and with what to do.

mod arrows;
mod documents;
mod lengths;
mod licences;
mod openings;
mod places;
mod purity;
mod sql;
mod tree;

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use tree::Tree;

/// What one rule found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    /// The rule, in a few words.
    rule: &'static str,
    /// What was looked at.
    seen: String,
    /// What must change before this can be merged.
    broken: Vec<String>,
    /// What is worth a look.
    notes: Vec<String>,
}

/// Checks every rule and prints a table. Exit 1 when one is broken, 2 when the check itself cannot run.
pub(crate) fn main() -> ExitCode {
    let tree = match Tree::of_repository() {
        Ok(tree) => tree,
        Err(why) => return crate::say(&format!("error: {why}"), ExitCode::from(2)),
    };
    let found = [
        arrows::check(&tree),
        purity::check(&tree),
        sql::check(&tree),
        openings::check(&tree),
        lengths::check(&tree),
        places::check(&tree),
        documents::check(&tree),
        licences::check(&tree),
    ];
    // When stdout is gone there is nobody to tell; the exit code still says it.
    let _ = std::io::stdout().write_all(report(&found).as_bytes());
    let broken = found.iter().any(|found| !found.broken.is_empty());
    if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// One row for each rule, then what is broken, then what is worth a look.
fn report(found: &[Found]) -> String {
    let width = found.iter().map(|found| found.rule.len()).max().unwrap_or(0);
    let mut text = String::new();
    // Writing to a String cannot fail.
    for Found { rule, seen, broken, .. } in found {
        let verdict = if broken.is_empty() { "ok" } else { "BROKEN" };
        let _ = writeln!(text, "{verdict:<7} {rule:<width$}  {seen}");
    }
    for (word, lists) in [("broken", Found::broken as fn(&Found) -> &[String]), ("note", Found::notes)] {
        for found in found {
            for line in lists(found) {
                let _ = writeln!(text, "\n{word}: {}: {line}", found.rule);
            }
        }
    }
    text
}

impl Found {
    fn broken(&self) -> &[String] {
        &self.broken
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_has_a_row_for_each_rule_and_a_line_for_each_breach() {
        let found = [
            Found { rule: "arrows", seen: "2 crates".into(), ..Found::default() },
            Found {
                rule: "sql",
                seen: "3 files".into(),
                broken: vec!["a.rs:1: no".into()],
                ..Found::default()
            },
        ];
        assert_eq!(
            report(&found),
            "ok      arrows  2 crates\nBROKEN  sql     3 files\n\nbroken: sql: a.rs:1: no\n"
        );
    }
}
