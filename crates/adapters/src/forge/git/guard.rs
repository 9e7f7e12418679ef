//! What of an agent's tree may become a commit. Git is asked for names only; nothing in the tree is run.

use super::change::Entry;
use super::{Error, GitForge, Limits, Refusal, Workspace};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// A link target longer than this is no path.
const MAX_LINK_BYTES: usize = 4096;
const LINK_MODE: &str = "120000";
const GITLINK_MODE: &str = "160000";

impl GitForge {
    /// Refuses before anything is hashed: nested repositories (git would run things in them), odd files, too
    /// many, too large.
    pub(super) async fn guard_tree(&self, workspace: &Workspace) -> Result<(), Error> {
        let (dir, tree) = (workspace.git_dir(), workspace.tree());
        if !tree.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(Error::NotPrepared(tree));
        }
        super::settings::guard_settings(workspace).await?;
        self.guard_known_submodules(&dir, &tree).await?;
        let args = ["ls-files", "-z", "--others", "--modified", "--deduplicate", "--exclude-standard"];
        let listed = self.git.with_tree(&dir, &tree).args(args).run().await?;
        if listed.code != 0 && !listed.cut {
            return Err(listed.failure());
        }
        let paths: Vec<&[u8]> = listed.stdout.split(|b| *b == 0).filter(|p| !p.is_empty()).collect();
        // An untracked directory is listed as itself, with a slash, only when it is a repository of its own.
        if let Some(path) = paths.iter().find(|p| p.ends_with(b"/")) {
            return Err(Refusal::NestedRepository { path: shown(path) }.into());
        }
        within(paths.len(), 0, self.limits)?;
        let mut bytes = 0_u64;
        for path in &paths {
            bytes = bytes.saturating_add(size_of(&tree, path)?);
        }
        Ok(within(paths.len(), bytes, self.limits)?)
    }

    /// A submodule of the base is never filled in by us; if its directory is a repository now, git would start
    /// a git inside it, with the agent's configuration.
    async fn guard_known_submodules(&self, dir: &Path, tree: &Path) -> Result<(), Error> {
        let staged = self.git.with_tree(dir, tree).args(["ls-files", "-z", "--stage"]).ok().await?;
        for record in staged.split(|b| *b == 0).filter(|r| r.starts_with(GITLINK_MODE.as_bytes())) {
            let path = record.splitn(2, |b| *b == b'\t').nth(1).unwrap_or_default();
            if tree.join(OsStr::from_bytes(path)).join(".git").symlink_metadata().is_ok() {
                return Err(Refusal::NestedRepository { path: shown(path) }.into());
            }
        }
        Ok(())
    }

    /// Refuses what the commit would hold: links that lead outside, new submodules, odd names, too much.
    /// Gives the paths as text, sorted.
    pub(super) async fn guard_entries(&self, dir: &Path, entries: &[Entry]) -> Result<Vec<String>, Error> {
        within(entries.len(), 0, self.limits)?;
        let mut paths = Vec::with_capacity(entries.len());
        for entry in entries {
            let path = plain(&entry.path)?;
            match entry.mode.as_str() {
                GITLINK_MODE => return Err(Refusal::NestedRepository { path: path.to_owned() }.into()),
                LINK_MODE => self.guard_link(dir, path, &entry.blob).await?,
                _ => {}
            }
            paths.push(path.to_owned());
        }
        paths.sort_unstable();
        Ok(paths)
    }

    async fn guard_link(&self, dir: &Path, path: &str, blob: &str) -> Result<(), Error> {
        let call = self.git.bare(dir).args(["cat-file", "blob", blob]).limit(MAX_LINK_BYTES);
        let output = call.run().await?;
        let target = String::from_utf8_lossy(&output.stdout);
        if output.cut || leads_outside(path, &target) {
            let target = target.into_owned();
            return Err(Refusal::LinkOutside { path: path.to_owned(), target }.into());
        }
        if output.code != 0 {
            return Err(output.failure());
        }
        Ok(())
    }
}

/// Whether a link at `path` may lead out of the repository. `..` is allowed only at the beginning: after a name
/// it would be resolved from wherever that name leads, which may be another link.
fn leads_outside(path: &str, target: &str) -> bool {
    if target.is_empty() || target.starts_with('/') || target.contains('\0') {
        return true;
    }
    let depth = path.split('/').count() - 1;
    let parts: Vec<&str> = target.split('/').filter(|p| !p.is_empty() && *p != ".").collect();
    let ups = parts.iter().take_while(|p| **p == "..").count();
    let into_git = parts.iter().any(|p| p.eq_ignore_ascii_case(".git"));
    ups > depth || into_git || parts[ups..].contains(&"..")
}

fn plain(path: &[u8]) -> Result<&str, Refusal> {
    match std::str::from_utf8(path) {
        Ok(text) if !text.chars().any(char::is_control) => Ok(text),
        Ok(_) | Err(_) => Err(Refusal::OddPath { path: shown(path) }),
    }
}

fn shown(path: &[u8]) -> String {
    path.escape_ascii().to_string()
}

fn size_of(tree: &Path, path: &[u8]) -> Result<u64, Error> {
    let full = tree.join(OsStr::from_bytes(path));
    let metadata = match full.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        // A file whose directory was replaced by a file or a link is gone, as far as git is concerned.
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => return Ok(0),
        Err(source) => return Err(Error::Io { what: "look at", path: full, source }),
    };
    let kind = metadata.file_type();
    if kind.is_fifo() || kind.is_socket() || kind.is_block_device() || kind.is_char_device() {
        return Err(Refusal::OddFile { path: shown(path) }.into());
    }
    if kind.is_file() && rustix::fs::access(&full, rustix::fs::Access::READ_OK).is_err() {
        return Err(Refusal::Unreadable { path: shown(path) }.into());
    }
    Ok(metadata.len())
}

pub(super) fn within(count: usize, bytes: u64, limits: Limits) -> Result<(), Refusal> {
    if count > limits.files {
        return Err(Refusal::TooManyFiles { count, limit: limits.files });
    }
    if bytes > limits.bytes {
        return Err(Refusal::TooLarge { bytes, limit: limits.bytes });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_may_not_lead_outside_not_even_through_another_link() {
        for (path, target) in [
            ("a", "/etc/passwd"),
            ("a", ".."),
            ("d/a", "../../x"),
            ("a", "d/../../x"),
            ("a", "d/.."),
            ("a", ".git/config"),
            ("a", ""),
        ] {
            assert!(leads_outside(path, target), "{path} -> {target}");
        }
        for (path, target) in [("a", "b"), ("d/a", "../b"), ("d/e/a", "../../b/c"), ("a", "./b//c")] {
            assert!(!leads_outside(path, target), "{path} -> {target}");
        }
    }

    #[test]
    fn odd_paths_are_refused_and_shown_escaped() {
        assert_eq!(plain(b"a\nb"), Err(Refusal::OddPath { path: "a\\nb".into() }));
        assert!(plain(b"\xff").is_err());
        assert_eq!(plain("ä b".as_bytes()), Ok("ä b"));
    }
}
