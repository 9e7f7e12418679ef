//! Where a project's repository is, told from the folder its WORKFLOW.md lies in.
//!
//! Only files are read, no git is started: the configuration must be readable on a machine without git.

use std::path::{Path, PathBuf};

/// The most bytes read of a `.git/config` or `HEAD`.
const MAX_BYTES: u64 = 64 * 1024;

/// The repository that `dir` lies in: the nearest folder at or above it that holds `.git`.
pub fn repository(dir: &Path) -> Option<PathBuf> {
    dir.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_owned)
}

/// The address of the remote `origin` of the repository at `root`.
pub fn origin(root: &Path) -> Option<String> {
    let text = read(&root.join(".git/config"))?;
    let mut within = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            within = line == "[remote \"origin\"]";
        } else if let (true, Some((key, value))) = (within, line.split_once('='))
            && key.trim() == "url"
        {
            return Some(value.trim().to_owned());
        }
    }
    None
}

/// The branch that the repository at `root` calls its default: `origin`'s, else the one checked out.
pub fn default_branch(root: &Path) -> Option<String> {
    let git = root.join(".git");
    let git = if git.is_dir() { git } else { root.to_owned() };
    let of_origin = branch(&git.join("refs/remotes/origin/HEAD"), "ref: refs/remotes/origin/");
    of_origin.or_else(|| branch(&git.join("HEAD"), "ref: refs/heads/"))
}

/// Whether git takes `remote` for an address of another machine, not for a path.
pub fn is_address(remote: &str) -> bool {
    let scp_like = remote.split_once(':').is_some_and(|(host, _)| !host.contains('/') && host.len() > 1);
    remote.contains("://") || scp_like
}

fn branch(file: &Path, prefix: &str) -> Option<String> {
    Some(read(file)?.trim().strip_prefix(prefix)?.to_owned())
}

fn read(file: &Path) -> Option<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(file).ok()?.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_paths_are_told_apart() {
        for address in ["https://h/x.git", "git@h:x.git", "ssh://h/x", "file:///x"] {
            assert!(is_address(address), "{address}");
        }
        for path in ["../x.git", "/srv/x.git", "./a:b", "x"] {
            assert!(!is_address(path), "{path}");
        }
    }

    #[test]
    fn origin_and_branch_are_read_from_the_repository() {
        let dir = tempfile::tempdir().unwrap();
        let git = dir.path().join(".git");
        std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
        std::fs::create_dir_all(&git).unwrap();
        std::fs::write(git.join("HEAD"), "ref: refs/heads/trunk\n").unwrap();
        let config = "[core]\n\turl = no\n[remote \"origin\"]\n\turl = git@h:shop.git\n\tfetch = x\n";
        std::fs::write(git.join("config"), config).unwrap();
        assert_eq!(repository(&dir.path().join("a/b")).as_deref(), Some(dir.path()));
        assert_eq!(origin(dir.path()).as_deref(), Some("git@h:shop.git"));
        assert_eq!(default_branch(dir.path()).as_deref(), Some("trunk"));
    }
}
