//! Hands a directory tree over to the sandbox's uid, or lets it read one.
//!
//! Invariants: no symbolic link is followed; a file that has another name elsewhere keeps its owner, because that
//! name may be outside the tree; the walk ends.

use std::fs::{Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::Path;

/// Most entries of one tree: a large monorepo with its build output; beyond it something is wrong.
const MAX_ENTRIES: usize = 4_000_000;

/// Makes `uid` and `gid` own `root` and everything below it on the same file system.
pub(super) fn give(root: &Path, uid: u32, gid: u32) -> io::Result<()> {
    walk(root, |path, meta| {
        let shared = meta.is_file() && meta.nlink() > 1;
        if (meta.uid(), meta.gid()) != (uid, gid) && !shared {
            lchown(path, Some(uid), Some(gid))?;
        }
        Ok(())
    })
}

/// Lets every user read what is at and below `root`, which nobody but us may write: our umask may have forbidden it.
/// Whatever is above `root` still decides who gets that far.
pub(super) fn show(root: &Path) -> io::Result<()> {
    walk(root, |path, meta| {
        let wanted = if meta.is_dir() { 0o055 } else { 0o044 };
        let mode = meta.mode() & 0o7777;
        if !meta.is_symlink() && mode & wanted != wanted {
            std::fs::set_permissions(path, Permissions::from_mode(mode | wanted))?;
        }
        Ok(())
    })
}

fn walk(root: &Path, mut visit: impl FnMut(&Path, &Metadata) -> io::Result<()>) -> io::Result<()> {
    let device = std::fs::symlink_metadata(root)?.dev();
    let mut open = vec![root.to_owned()];
    let mut seen = 0usize;
    while let Some(path) = open.pop() {
        let meta = match std::fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            meta => meta?,
        };
        seen += 1;
        if seen > MAX_ENTRIES {
            return Err(io::Error::other(format!("more than {MAX_ENTRIES} files; clean the workspace")));
        }
        if meta.dev() != device {
            continue;
        }
        visit(&path, &meta)?;
        if meta.is_dir() {
            for entry in std::fs::read_dir(&path)? {
                open.push(entry?.path());
            }
        }
    }
    Ok(())
}
