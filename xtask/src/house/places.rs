//! Nothing committed says where it was written: no home or work folder of a machine, no package registry's host.

use super::Found;
use super::tree::Tree;

/// Folders in which people and machines keep clones. Written in parts, because this file is looked at too.
const FOLDERS: [&str; 5] = [
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("/fa", "rm/"),
];
/// The home folder that an agent sees inside its walls, on every machine.
const INSIDE: &str = concat!("/ho", "me/agent");
const HOSTS: [&str; 9] = [
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("registry.npmjs", ".org"),
    concat!("registry.yarnpkg", ".com"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("proxy.golang", ".org"),
    concat!("deb.debian", ".org"),
    concat!("registry-1.docker", ".io"),
];

pub(super) fn check(tree: &Tree) -> Found {
    let mut found = Found { rule: "no machine's paths", ..Found::default() };
    let here = tree.root.display().to_string();
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            let at = format!("{}:{}", file.path, index + 1);
            // A root such as `/src` is everywhere; one of two parts is this machine's.
            if here.matches('/').count() > 1 && line.contains(&here)
                || FOLDERS.iter().any(|f| leads_to(line, f))
            {
                found.broken.push(format!("{at}: a path of one machine; make it relative: {}", line.trim()));
            }
            for host in HOSTS.iter().filter(|host| line.contains(**host)) {
                found
                    .broken
                    .push(format!("{at}: names the registry {host}; let the client's own settings decide"));
            }
        }
    }
    found.seen = format!("{} files", tree.files.len());
    found
}

/// Whether an absolute path in `line` begins with `folder`.
fn leads_to(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let joined = before
            .is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '}' | '>' | ')' | '/'));
        !joined && !line[at..].starts_with(INSIDE)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_are_found_and_look_alikes_are_not() {
        let home = FOLDERS[1];
        assert!(leads_to(&format!("see {home}ann/code"), home));
        assert!(!leads_to(&format!("{INSIDE}/.codex"), home));
        assert!(!leads_to(&format!("state{home}x"), home));
        assert!(!leads_to(&format!("$dir}}{home}x"), home));
    }

    #[test]
    fn a_registry_is_named_with_its_place() {
        let text = format!("\nnpm install --registry https://{}/\n", HOSTS[2]);
        let broken = check(&Tree::of(&[("docs/a.md", &text)])).broken;
        assert_eq!(broken.len(), 1);
        assert!(broken[0].starts_with("docs/a.md:2: names the registry"), "{broken:?}");
    }
}
