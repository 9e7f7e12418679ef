//! Who may use whom. The table here is the one of `docs/ARCHITECTURE.md`; a new arrow needs a decision.

use super::Found;
use super::tree::Tree;

/// Each crate and the crates of ours it may name in its manifest, tests included.
const TABLE: [(&str, &[&str]); 11] = [
    ("domain", &[]),
    ("base", &[]),
    ("wire", &["domain"]),
    ("store", &["domain", "base"]),
    ("knowledge", &["domain"]),
    ("adapters", &["domain", "base"]),
    ("gateway", &["domain", "base", "store"]),
    ("killd", &["base"]),
    ("engine", &["domain", "base", "store", "knowledge", "adapters", "killd"]),
    ("server", &["wire", "engine", "store", "domain", "base", "killd"]),
    (
        "seawall",
        &["domain", "base", "wire", "store", "knowledge", "adapters", "gateway", "killd", "engine", "server"],
    ),
];
/// What `domain` may name of what others wrote.
const DOMAIN_MAY_USE: [&str; 5] = ["serde", "serde_json", "thiserror", "proptest", "insta"];

pub(super) fn check(tree: &Tree) -> Found {
    let mut found = Found { rule: "who uses whom", ..Found::default() };
    let (mut crates, mut arrows) = (0, 0);
    for file in tree.files.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let Some(krate) = file.krate() else { continue };
        crates += 1;
        let Some((_, may)) = TABLE.iter().find(|(name, _)| *name == krate) else {
            found.broken.push(format!(
                "crate `{krate}` has no row; give it one in xtask/src/house/arrows.rs and docs/ARCHITECTURE.md, with a decision"
            ));
            continue;
        };
        for name in dependencies(&file.text) {
            let ours = TABLE.iter().any(|(known, _)| *known == name);
            arrows += usize::from(ours);
            if ours && !may.contains(&name.as_str()) {
                found.broken.push(format!("`{krate}` may not use `{name}` ({})", file.path));
            }
            if krate == "domain" && !ours && !DOMAIN_MAY_USE.contains(&name.as_str()) {
                found
                    .broken
                    .push(format!("`domain` may not use `{name}`: it decides, and needs nothing for that"));
            }
        }
        if !file.text.contains("[lints]\nworkspace = true") {
            found.broken.push(format!("{} does not take over the workspace's lints", file.path));
        }
    }
    found.seen = format!("{crates} crates, {arrows} arrows");
    found
}

/// The names of everything a manifest depends on, in whichever section.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = vec![];
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            inside = section.ends_with("dependencies");
            // `[dependencies.name]`
            if let Some((before, name)) = section.rsplit_once('.')
                && before.ends_with("dependencies")
            {
                names.push(name.trim_matches('"').to_owned());
            }
            continue;
        }
        // A renamed dependency is what its `package` says, wherever that stands.
        if let Some(name) = renamed(line) {
            names.push(name);
            continue;
        }
        if inside && !line.starts_with('#') {
            let name: String =
                line.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-')).collect();
            if !name.is_empty() {
                names.push(name);
            }
        }
    }
    names
}

fn renamed(line: &str) -> Option<String> {
    let (_, value) = line.split_once("package = \"")?;
    value.split('"').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINTS: &str = "[lints]\nworkspace = true\n";

    fn broken(krate: &str, manifest: &str) -> Vec<String> {
        let path = format!("crates/{krate}/Cargo.toml");
        check(&Tree::of(&[(&path, &format!("{LINTS}{manifest}"))])).broken
    }

    #[test]
    fn an_arrow_of_the_table_is_fine() {
        assert!(broken("store", "[dependencies]\ndomain.workspace = true\nserde = \"1\"\n").is_empty());
    }

    #[test]
    fn an_arrow_against_the_table_is_not() {
        assert_eq!(
            broken("killd", "[dependencies]\nstore.workspace = true\n"),
            ["`killd` may not use `store` (crates/killd/Cargo.toml)"]
        );
        for manifest in [
            "[dev-dependencies]\nengine = { path = \"../engine\" }\n",
            "[target.'cfg(unix)'.dependencies]\nengine.workspace = true\n",
            "[dependencies.engine]\nworkspace = true\n",
            "[dependencies]\nmachine = { package = \"engine\", path = \"../engine\" }\n",
        ] {
            assert_eq!(broken("gateway", manifest).len(), 1, "{manifest}");
        }
    }

    #[test]
    fn a_commented_arrow_does_not_count() {
        assert!(broken("killd", "[dependencies]\n#store.workspace = true\n").is_empty());
    }

    #[test]
    fn domain_needs_nothing() {
        assert_eq!(broken("domain", "[dependencies]\ntokio.workspace = true\n").len(), 1);
    }

    #[test]
    fn a_new_crate_needs_a_row() {
        assert_eq!(broken("helpers", "").len(), 1);
    }

    #[test]
    fn the_lints_of_the_workspace_hold_everywhere() {
        let tree = Tree::of(&[("crates/base/Cargo.toml", "[package]\nname = \"base\"\n")]);
        assert_eq!(check(&tree).broken.len(), 1);
    }
}
