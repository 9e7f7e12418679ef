//! Files that survive a crash: whole or not there, and on disk before we say so.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::ids::Ids;

mod remove;

pub use remove::remove_tree;

/// Replaces `path` by `bytes` with permission bits `mode`: after a crash there is the old file or the new one,
/// never half of one. Errors are those of the file system; the temporary file is then removed.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::other("the path to write has no file name"))?;
    let dir = directory_of(path);
    let temporary = dir.join(temporary_name(name));
    let written = write_new(&temporary, bytes, mode).and_then(|()| std::fs::rename(&temporary, path));
    if let Err(error) = written {
        let _ = std::fs::remove_file(&temporary);
        return Err(error);
    }
    sync_dir(dir)
}

/// Appends `bytes` and waits until they are on disk (`fdatasync`). `file` must be open for append.
pub fn append_durable(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_data()
}

/// Makes sure `path` is a directory only its owner can enter (0700), with parents. A directory that exists and
/// is open to others is an error: it may hold files of others, so tightening it is not ours to decide.
pub fn private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let mode = std::fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let path = path.display();
    let text = format!("{path} must be private but has mode {mode:o}; run: chmod 700 {path}");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

/// Waits until the names in directory `dir` are on disk: needed after creating or renaming a file in it.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// An exclusive lock held by this process until dropped, or until the process dies.
#[derive(Debug)]
pub struct Lock {
    // Closing the file releases the lock.
    _file: File,
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("{} is held by another process{}; stop it first, or choose another directory", path.display(), holder)]
    Held {
        /// The lock file.
        path: PathBuf,
        /// ` (pid N)`, or nothing when the holder did not say.
        holder: String,
    },
    /// The file could not be opened or locked.
    #[error("cannot lock {}; check that its directory exists and is writable", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Lock {
    /// Takes the lock on `path` at once or fails; the file is made (0600) when missing, and left behind.
    pub fn acquire(path: &Path) -> Result<Lock, LockError> {
        let io_error = |source| LockError::Io { path: path.to_owned(), source };
        let mut open = OpenOptions::new();
        let mut file = open
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(io_error)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held { path: path.to_owned(), holder: holder_of(path) });
            }
            Err(TryLockError::Error(source)) => return Err(io_error(source)),
        }
        // The pid is only a hint for the error of the next one who tries; the lock itself is the kernel's.
        let noted = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        noted.map_err(io_error)?;
        Ok(Lock { _file: file })
    }
}

/// Whether the process lives that took the lock at `path` last. One that was killed may leave children behind that were
/// cut off between fork and exec and have the lock for a moment longer.
pub fn lock_taker_lives(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.trim().parse::<u32>().is_ok_and(|pid| Path::new("/proc").join(pid.to_string()).exists())
}

fn holder_of(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.trim().parse::<u32>().map(|pid| format!(" (pid {pid})")).unwrap_or_default()
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    // The umask may have taken bits away.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn temporary_name(name: &OsStr) -> std::ffi::OsString {
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.tmp", Ids::random().next()));
    temporary
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn write_atomic_replaces_with_the_mode_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, "old").unwrap();
        write_atomic(&path, b"new", 0o640).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn write_atomic_that_fails_leaves_no_temporary() {
        let dir = tempfile::tempdir().unwrap();
        let taken = dir.path().join("d");
        fs::create_dir(&taken).unwrap();
        assert!(write_atomic(&taken, b"x", 0o600).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn append_durable_adds_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        append_durable(&mut file, b"one\n").unwrap();
        append_durable(&mut file, b"two\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\n");
    }

    #[test]
    fn private_dir_is_made_private_and_refuses_an_open_one() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("a/b");
        private_dir(&dir).unwrap();
        private_dir(&dir).unwrap();
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
        assert!(private_dir(&dir).unwrap_err().to_string().contains("chmod 700"));
    }

    #[test]
    fn a_held_lock_refuses_and_names_the_holder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = Lock::acquire(&path).unwrap();
        let text = Lock::acquire(&path).unwrap_err().to_string();
        assert!(text.contains("lock is held") && text.contains(&std::process::id().to_string()), "{text}");
        drop(held);
        Lock::acquire(&path).unwrap();
        assert!(lock_taker_lives(&path));
        std::fs::write(&path, u32::MAX.to_string()).unwrap();
        assert!(!lock_taker_lives(&path));
    }
}
