//! Removes a tree that somebody hostile may have built.
//!
//! Invariants: no link is followed; however deep the tree, the stack stays flat and three descriptors are enough
//! (std's own walk takes a frame and a descriptor for each level, and a program can nest a hundred thousand);
//! a directory that its owner closed to himself is opened again.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, fchmod, openat, renameat, unlinkat};
use rustix::io::Errno;

use crate::ids::Ids;

const OPEN: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Removes `path` with everything below it; what is not there is removed already. Nobody may write below it
/// meanwhile. Errors are those of the file system; what was removed until then stays removed.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    match unlinkat(CWD, path, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(error) if !is_directory(error) => return Err(error.into()),
        Err(_) => {}
    }
    let root = open(CWD, path)?;
    let mut raised = Raised { prefix: Ids::random().next(), count: 0 };
    while !empty(&root, &mut raised)? {}
    Ok(unlinkat(CWD, path, AtFlags::REMOVEDIR)?)
}

/// The new names of the directories that were moved up to the root.
struct Raised {
    prefix: String,
    count: u64,
}

impl Raised {
    fn next(&mut self) -> String {
        self.count += 1;
        format!("{}-{}", self.prefix, self.count)
    }
}

/// Removes what lies in `root`; the directories below its directories are moved up into it, for the next pass.
/// Whether there was nothing left.
fn empty(root: &OwnedFd, raised: &mut Raised) -> io::Result<bool> {
    let mut nothing = true;
    for entry in Dir::read_from(root)? {
        let entry = entry?;
        let name = entry.file_name();
        if is_self_or_parent(name) {
            continue;
        }
        nothing = false;
        if unlink(root.as_fd(), name)? {
            continue;
        }
        let dir = open(root, name)?;
        for below in Dir::read_from(&dir)? {
            let below = below?;
            let name = below.file_name();
            if is_self_or_parent(name) || unlink(dir.as_fd(), name)? {
                continue;
            }
            // A directory that is not open to us cannot be moved either: its `..` would change.
            drop(open(&dir, name)?);
            renameat(&dir, name, root, raised.next())?;
        }
        match unlinkat(root, name, AtFlags::REMOVEDIR) {
            // Something was moved while it was listed; the next pass finds it.
            Ok(()) | Err(Errno::NOTEMPTY | Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(nothing)
}

/// Removes a name that is no directory; false when it is one.
fn unlink(dir: BorrowedFd<'_>, name: &CStr) -> io::Result<bool> {
    match unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(error) if is_directory(error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Linux says EISDIR, POSIX EPERM.
fn is_directory(error: Errno) -> bool {
    matches!(error, Errno::ISDIR | Errno::PERM)
}

/// Opens a directory for reading, and for removing what is in it.
fn open(dir: impl AsFd, name: impl rustix::path::Arg + Copy) -> io::Result<OwnedFd> {
    let opened = match openat(&dir, name, OPEN, Mode::empty()) {
        Err(Errno::ACCESS) => {
            // Not by name: that would follow a link.
            let found = openat(&dir, name, OPEN.difference(OFlags::RDONLY) | OFlags::PATH, Mode::empty())?;
            let reached = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&found));
            rustix::fs::chmod(reached, Mode::RWXU)?;
            openat(&dir, name, OPEN, Mode::empty())?
        }
        opened => opened?,
    };
    // Readable is not enough. Where it is somebody else's we are root and need no permission.
    let _ = fchmod(&opened, Mode::RWXU);
    Ok(opened)
}

fn is_self_or_parent(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"." | b"..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// Deeper than a path can name.
    fn nest(top: &Path, levels: usize) {
        let mut at = openat(CWD, top, OPEN, Mode::empty()).unwrap();
        for _ in 0..levels {
            rustix::fs::mkdirat(&at, "d", Mode::RWXU).unwrap();
            at = openat(&at, "d", OPEN, Mode::empty()).unwrap();
        }
        let flags = OFlags::CREATE | OFlags::WRONLY;
        drop(openat(&at, "file", flags, Mode::RUSR).unwrap());
    }

    #[test]
    fn a_tree_of_any_depth_and_shape_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        std::fs::create_dir_all(tree.join("a/b/c")).unwrap();
        std::fs::write(tree.join("a/b/c/x"), "x").unwrap();
        std::fs::write(tree.join("y"), "y").unwrap();
        nest(&tree.join("a"), 4_000);
        // A stack that one frame for each level would not fit on.
        let (small, hostile) = (std::thread::Builder::new().stack_size(256 * 1024), tree.clone());
        small.spawn(move || remove_tree(&hostile)).unwrap().join().unwrap().unwrap();
        assert!(!tree.exists());
        remove_tree(&tree).unwrap();
    }

    #[test]
    fn links_are_removed_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (kept, tree) = (dir.path().join("kept"), dir.path().join("tree"));
        std::fs::create_dir_all(kept.join("below")).unwrap();
        std::fs::create_dir_all(tree.join("a")).unwrap();
        symlink(&kept, tree.join("link")).unwrap();
        symlink(&kept, tree.join("a/link")).unwrap();
        remove_tree(&tree).unwrap();
        assert!(!tree.exists() && kept.join("below").exists());
        symlink(&kept, &tree).unwrap();
        remove_tree(&tree).unwrap();
        assert!(!tree.exists() && kept.join("below").exists());
    }

    #[test]
    fn closed_directories_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        for (name, mode) in [("a", 0o000), ("b", 0o500), ("c", 0o300)] {
            std::fs::create_dir_all(tree.join(name).join("below/below")).unwrap();
            std::fs::write(tree.join(name).join("file"), "x").unwrap();
            let closed = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(tree.join(name).join("below"), closed.clone()).unwrap();
            std::fs::set_permissions(tree.join(name), closed).unwrap();
        }
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
    }
}
