//! Only `store` contains SQL.

use super::Found;
use super::tree::Tree;

/// Beginnings of statements as this repository writes them: in capitals.
const STATEMENTS: [&str; 6] =
    ["SELECT ", "INSERT INTO ", "DELETE FROM ", "CREATE TABLE ", "ALTER TABLE ", "DROP TABLE "];

pub(super) fn check(tree: &Tree) -> Found {
    let mut found = Found { rule: "SQL stays in store", ..Found::default() };
    let mut files = 0;
    for file in tree.rust().filter(|file| file.krate().is_some_and(|krate| krate != "store")) {
        files += 1;
        for (number, line) in file.code().filter(|(_, line)| is_sql(line)) {
            let line = line.trim();
            found.broken.push(format!("{}:{number}: move the statement to crates/store: {line}", file.path));
        }
    }
    found.seen = format!("{files} files elsewhere");
    found
}

fn is_sql(line: &str) -> bool {
    let update = line.split_once("UPDATE ").is_some_and(|(_, rest)| rest.contains(" SET "));
    update || STATEMENTS.iter().any(|begin| line.contains(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_known_by_their_beginnings() {
        for line in
            ["\"SELECT 1\"", "INSERT INTO runs (id)", "UPDATE runs SET phase = $1", "DELETE FROM runs"]
        {
            assert!(is_sql(line), "{line}");
        }
        for line in ["// select a run", "*** Update File: a", "UPDATE_STORIES=1", "enum Selected {}"] {
            assert!(!is_sql(line), "{line}");
        }
    }

    #[test]
    fn the_store_may_and_others_may_not() {
        let sql = "const READ: &str = \"SELECT 1\";\n";
        let tree = Tree::of(&[("crates/store/src/run.rs", sql), ("crates/server/src/runs.rs", sql)]);
        let broken = check(&tree).broken;
        assert_eq!(broken.len(), 1);
        assert!(broken[0].starts_with("crates/server/src/runs.rs:1:"));
    }
}
