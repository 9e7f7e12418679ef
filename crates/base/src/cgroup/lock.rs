//! Locks on group directories: they end with the process that took them, however it ends.
//!
//! A group's own directories are locked by its maker. Their parent is shared by those who make a group, and had alone
//! by who sweeps, so that no sweep meets a group that is made but not locked yet.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};

/// The locks of one group; clones share them. Says nothing about whether two groups are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Locks(
    #[expect(dead_code, reason = "held, not read: a lock ends with its descriptor")] Arc<Vec<File>>,
);

impl Locks {
    /// Locks `dirs`. Errors: `NotFound` when one is gone, `WouldBlock` when it is being removed.
    pub fn take(dirs: &[&Path]) -> io::Result<Locks> {
        let files = dirs.iter().map(|dir| {
            let file = File::open(dir)?;
            flock(&file, FlockOperation::NonBlockingLockShared)?;
            Ok(file)
        });
        files.collect::<io::Result<_>>().map(|files| Locks(Arc::new(files)))
    }
}

impl PartialEq for Locks {
    fn eq(&self, _other: &Locks) -> bool {
        true
    }
}

impl Eq for Locks {}

/// Held while a group is made below `parent`; waits for a sweep there to end, which takes no longer than listing it.
/// `None`: it cannot be locked, so nobody sweeps there either.
pub(super) fn making(parent: &Path) -> Option<File> {
    let file = File::open(parent).ok()?;
    flock(&file, FlockOperation::LockShared).ok().map(|()| file)
}

/// Held while groups are swept below `parent`; `None` when some are being made.
pub(super) fn sweeping(parent: &Path) -> Option<File> {
    let file = File::open(parent).ok()?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).ok().map(|()| file)
}

/// Whether nobody holds a lock on `dir`.
pub(super) fn is_leftover(dir: &Path) -> bool {
    File::open(dir).is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok())
}
