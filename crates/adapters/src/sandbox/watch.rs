//! Watches how much a workspace holds.
//!
//! No file system here enforces a quota per directory, so the tree is walked. The pause adapts: a walk is followed
//! by at least twenty times its own duration, so walking costs less than 5 % of one CPU.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A walk may use one part in this many.
const REST_FACTOR: u32 = 20;
/// Small trees are looked at this often: at 500 MB/s a writer is caught within half a gigabyte.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// However large the tree, it is looked at this often.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Files of a workspace beyond which counting stops: it is over any sane quota of inodes.
const MAX_ENTRIES: u64 = 4_000_000;
/// An empty file costs an inode; counting it as this many bytes bounds how many there can be.
const ENTRY_BYTES: u64 = 512;

/// What made a workspace too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverQuota {
    /// Bytes on disk that were counted before the walk stopped: at least the quota.
    pub bytes: u64,
    /// The quota, bytes.
    pub quota_bytes: u64,
}

/// Completes when the tree at `root` holds more than `quota_bytes`; never otherwise. Cancel-safe.
pub async fn over_quota(root: PathBuf, quota_bytes: u64) -> OverQuota {
    let mut pause = SHORTEST_PAUSE;
    loop {
        let walked = root.clone();
        let walk = tokio::task::spawn_blocking(move || {
            let started = Instant::now();
            (size(&walked, quota_bytes), started.elapsed())
        });
        match walk.await {
            Ok((Ok(bytes), _)) if bytes > quota_bytes => return OverQuota { bytes, quota_bytes },
            Ok((Ok(_), took)) => pause = rest_after(took),
            Ok((Err(error), _)) => tracing::debug!(%error, "a workspace could not be measured"),
            Err(_) => {}
        }
        tokio::time::sleep(pause).await;
    }
}

fn rest_after(walk: Duration) -> Duration {
    (walk * REST_FACTOR).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
}

/// Bytes on disk below `root`, without following links; stops once it is above `enough`.
pub fn size(root: &Path, enough: u64) -> io::Result<u64> {
    let mut open = vec![root.to_owned()];
    let (mut bytes, mut entries) = (0u64, 0u64);
    while let Some(dir) = open.pop() {
        let list = match std::fs::read_dir(&dir) {
            // The agent is at work: what was there a moment ago may be gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound && dir != root => continue,
            list => list?,
        };
        for entry in list {
            let entry = entry?;
            let Ok(meta) = entry.metadata() else { continue };
            entries += 1;
            // Blocks, not length: a sparse file costs what it holds.
            bytes = bytes.saturating_add((meta.blocks() * 512).max(ENTRY_BYTES));
            if bytes > enough || entries > MAX_ENTRIES {
                return Ok(bytes.max(enough.saturating_add(1)));
            }
            if meta.is_dir() {
                open.push(entry.path());
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tree_over_its_quota_is_reported() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        std::fs::write(dir.path().join("a/b"), vec![1; 200_000]).unwrap();
        let over = over_quota(dir.path().to_owned(), 100_000).await;
        assert!(over.bytes > 100_000, "{over:?}");
        assert!(size(dir.path(), 1 << 30).unwrap() < 400_000);
    }

    #[test]
    fn links_are_not_followed_and_many_empty_files_count() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/", dir.path().join("root")).unwrap();
        let one = size(dir.path(), u64::MAX).unwrap();
        (0..100).for_each(|n| std::fs::write(dir.path().join(n.to_string()), "").unwrap());
        assert!(one < 10_000 && size(dir.path(), u64::MAX).unwrap() >= one + 100 * ENTRY_BYTES);
    }

    #[test]
    fn a_walk_is_followed_by_twenty_times_its_rest() {
        assert_eq!(rest_after(Duration::from_millis(200)), Duration::from_secs(4));
        assert_eq!(rest_after(Duration::from_millis(1)), SHORTEST_PAUSE);
        assert_eq!(rest_after(Duration::from_secs(100)), LONGEST_PAUSE);
    }
}
