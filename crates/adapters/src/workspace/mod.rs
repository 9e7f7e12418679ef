//! Workspaces: one folder for each issue, which outlives the runs that work in it (Symphony's specification, section 9).
//!
//! Invariants:
//! - a workspace lies directly in the root, by canonical path: no identifier and no link leads elsewhere;
//! - `after_create` ran to its end in every workspace that is handed out; one in which it did not is made anew;
//! - the root itself is never removed;
//! - where a workspace's repository came from is noted outside of it, before an agent is let in, and goes with it.

mod hook;
mod key;

pub use hook::{Error as HookError, Hook};
pub use key::key;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// More than this is no address of a repository.
const MAX_ORIGIN_BYTES: u64 = 8 * 1024;

/// The folder of all workspaces of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    path: PathBuf,
    /// Where it is noted which workspaces are being made, and where they come from: in the root only workspaces are.
    notes: PathBuf,
}

/// A workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Its canonical path.
    pub path: PathBuf,
    /// It was made just now: `after_create` is due, and [`Root::created`] after it.
    pub is_new: bool,
}

/// Why a workspace cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system.
    #[error("cannot use the workspace {}; check that its folder exists, is writable and has room", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It does not lie where workspaces lie.
    #[error("invalid_workspace_cwd: {} does not lie in the workspace root {}", path.display(), root.display())]
    Outside {
        /// What was asked for.
        path: PathBuf,
        /// The root.
        root: PathBuf,
    },
    /// It is the root itself.
    #[error("{} is the workspace root itself and is not removed", path.display())]
    IsRoot {
        /// The root.
        path: PathBuf,
    },
}

impl Root {
    /// The root at `path`, which is made when it is needed. What is noted about its workspaces lies in `notes`, which
    /// several roots may share.
    pub fn new(path: impl Into<PathBuf>, notes: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), notes: notes.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the workspace of `identifier` is, or would be.
    pub fn path_of(&self, identifier: &str) -> PathBuf {
        self.path.join(key(identifier))
    }

    /// The workspace of `identifier`, made if it is not there. A file in its place gives way; a link is refused.
    pub fn ensure(&self, identifier: &str) -> Result<Workspace, Error> {
        let root = self.canonical()?;
        let path = root.join(key(identifier));
        let failed = |source| Error::Io { path: path.clone(), source };
        let unfinished = self.note(identifier);
        match std::fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_symlink() => return Err(Error::Outside { path, root }),
            Ok(meta) if meta.is_dir() && !unfinished.exists() => {
                return Ok(Workspace { path: contained(&path, &root)?, is_new: false });
            }
            // Begun by somebody who did not come to the end of it.
            Ok(meta) if meta.is_dir() => base::files::remove_tree(&path).map_err(failed)?,
            Ok(_) => std::fs::remove_file(&path).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        std::fs::create_dir_all(&self.notes).map_err(failed)?;
        std::fs::write(&unfinished, identifier).map_err(failed)?;
        // What is made anew may come from elsewhere.
        self.forget_origin(&path)?;
        std::fs::create_dir(&path).map_err(failed)?;
        Ok(Workspace { path: contained(&path, &root)?, is_new: true })
    }

    /// `after_create` ran to its end, or there is none: from now on the workspace is used as it is.
    pub fn created(&self, identifier: &str) -> Result<(), Error> {
        let note = self.note(identifier);
        match std::fs::remove_file(&note) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Io { path: note, source }),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Notes that the repository in `workspace` came from `origin`, which may hold a password.
    pub fn note_origin(&self, workspace: &Path, origin: &str) -> Result<(), Error> {
        let note = self.origin_note(workspace);
        let failed = |source| Error::Io { path: note.clone(), source };
        std::fs::create_dir_all(&self.notes).map_err(failed)?;
        base::files::write_atomic(&note, origin.as_bytes(), 0o600).map_err(failed)
    }

    /// Where the repository in `workspace` came from, as it was noted; `None` when nothing was.
    pub fn origin(&self, workspace: &Path) -> Result<Option<String>, Error> {
        let note = self.origin_note(workspace);
        let failed = |source| Error::Io { path: note.clone(), source };
        let mut text = String::new();
        match std::fs::File::open(&note) {
            Ok(file) => file.take(MAX_ORIGIN_BYTES).read_to_string(&mut text).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// Whether `path` is the workspace of one issue: a folder directly in the root. Its canonical path.
    pub fn check(&self, path: &Path) -> Result<PathBuf, Error> {
        contained(path, &self.canonical()?)
    }

    /// Removes the workspace at `path`, if it is there. What is not one is refused.
    pub fn remove(&self, path: &Path) -> Result<(), Error> {
        let root = self.canonical()?;
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(Error::Io { path: path.to_owned(), source }),
            Ok(_) => {}
        }
        let path = contained(path, &root)?;
        self.forget_origin(&path)?;
        base::files::remove_tree(&path).map_err(|source| Error::Io { path: path.clone(), source })
    }

    fn canonical(&self) -> Result<PathBuf, Error> {
        let failed = |source| Error::Io { path: self.path.clone(), source };
        std::fs::create_dir_all(&self.path).map_err(failed)?;
        self.path.canonicalize().map_err(failed)
    }

    fn forget_origin(&self, workspace: &Path) -> Result<(), Error> {
        let note = self.origin_note(workspace);
        match std::fs::remove_file(&note) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Io { path: note, source }),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// By the workspace's canonical path: it is removed by that, whatever its root is called then.
    fn origin_note(&self, workspace: &Path) -> PathBuf {
        let name = base::digest::sha256_hex(workspace.as_os_str().as_encoded_bytes());
        self.notes.join(format!("{}.origin", &name[..32]))
    }

    /// There while a workspace is being made.
    fn note(&self, identifier: &str) -> PathBuf {
        let root = base::digest::sha256_hex(self.path.as_os_str().as_encoded_bytes());
        self.notes.join(format!("{}-{}.unfinished", &root[..16], key(identifier)))
    }
}

/// The canonical form of `path`, which must be a folder directly in `root`.
fn contained(path: &Path, root: &Path) -> Result<PathBuf, Error> {
    let real = path.canonicalize().map_err(|source| Error::Io { path: path.to_owned(), source })?;
    if real == root {
        return Err(Error::IsRoot { path: real });
    }
    if real.parent() == Some(root) && real.is_dir() {
        return Ok(real);
    }
    Err(Error::Outside { path: path.to_owned(), root: root.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn root() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(dir.path().join("workspaces"), dir.path().join("notes"));
        (dir, root)
    }

    #[test]
    fn a_workspace_is_made_once_and_used_again() {
        let (_dir, root) = root();
        let first = root.ensure("MT-1").unwrap();
        assert!(first.is_new);
        root.created("MT-1").unwrap();
        std::fs::write(first.path.join("kept"), "").unwrap();
        assert_eq!(root.ensure("MT-1").unwrap(), Workspace { is_new: false, ..first.clone() });
        assert!(first.path.join("kept").exists());
    }

    #[test]
    fn one_whose_making_was_cut_off_is_made_anew() {
        let (_dir, root) = root();
        let first = root.ensure("MT-1").unwrap();
        std::fs::write(first.path.join("half"), "").unwrap();
        assert!(root.ensure("MT-1").unwrap().is_new);
        assert!(!first.path.join("half").exists());
    }

    #[test]
    fn the_origin_is_noted_outside_and_goes_with_the_workspace() {
        let (dir, root) = root();
        let made = root.ensure("MT-1").unwrap();
        root.note_origin(&made.path, "https://h/x.git").unwrap();
        root.created("MT-1").unwrap();
        let again = root.ensure("MT-1").unwrap();
        assert_eq!(root.origin(&again.path).unwrap().as_deref(), Some("https://h/x.git"));
        assert_eq!(std::fs::read_dir(&made.path).unwrap().count(), 0);
        // By another name of the same root.
        symlink(dir.path().join("workspaces"), dir.path().join("link")).unwrap();
        Root::new(dir.path().join("link"), dir.path().join("notes")).remove(&made.path).unwrap();
        assert_eq!(root.origin(&root.ensure("MT-1").unwrap().path).unwrap(), None);
        root.note_origin(&made.path, "https://h/y.git").unwrap();
        assert_eq!(root.origin(&root.ensure("MT-1").unwrap().path).unwrap(), None, "made anew");
    }

    #[test]
    fn a_file_gives_way_and_a_link_is_refused() {
        let (dir, root) = root();
        std::fs::create_dir_all(root.path()).unwrap();
        std::fs::write(root.path().join("MT-1"), "x").unwrap();
        assert!(root.ensure("MT-1").unwrap().path.is_dir());
        std::fs::create_dir(dir.path().join("elsewhere")).unwrap();
        symlink(dir.path().join("elsewhere"), root.path().join("MT-2")).unwrap();
        assert!(matches!(root.ensure("MT-2"), Err(Error::Outside { .. })));
        assert!(matches!(root.remove(&root.path().join("MT-2")), Err(Error::Outside { .. })));
        assert!(dir.path().join("elsewhere").exists());
    }

    #[test]
    fn a_root_that_is_a_link_is_fine_and_is_never_removed() {
        let (dir, _) = root();
        std::fs::create_dir(dir.path().join("real")).unwrap();
        symlink(dir.path().join("real"), dir.path().join("link")).unwrap();
        let root = Root::new(dir.path().join("link"), dir.path().join("notes"));
        let made = root.ensure("MT-1").unwrap();
        assert!(made.path.starts_with(dir.path().canonicalize().unwrap().join("real")));
        assert!(matches!(root.remove(root.path()), Err(Error::IsRoot { .. })));
        assert!(matches!(root.remove(dir.path()), Err(Error::Outside { .. })));
        assert!(matches!(root.remove(&made.path.join("..")), Err(Error::IsRoot { .. })));
        root.remove(&made.path).unwrap();
        root.remove(&made.path).unwrap();
    }
}
