//! Watches how much an agent keeps on disk.
//!
//! Invariant: what an agent hides from the walk does not count as nothing.
//!
//! No file system here enforces a quota per directory, so the tree is walked. The pause adapts: a walk is followed
//! by at least twenty times its own duration, so walking costs less than 5 % of one CPU.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
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

/// Walks in a row that could not look everywhere before that counts as too much: a test may close a directory for a
/// moment, an agent that hides something keeps it closed.
const MAX_BLIND_WALKS: u32 = 10;

/// What made it too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverQuota {
    /// Bytes on disk that were counted before the walk stopped: above the quota, unless part of it stayed hidden.
    pub bytes: u64,
    /// The quota, bytes.
    pub quota_bytes: u64,
}

/// Completes when the trees at `roots` together hold more than `quota_bytes`, or when part of them stays hidden from
/// us; never otherwise. Cancel-safe.
pub async fn over_quota(roots: Vec<PathBuf>, quota_bytes: u64) -> OverQuota {
    let mut pause = SHORTEST_PAUSE;
    let mut blind = 0;
    loop {
        let walked = roots.clone();
        let walk = tokio::task::spawn_blocking(move || {
            let started = Instant::now();
            (size(&walked, quota_bytes), started.elapsed())
        });
        if let Ok((size, took)) = walk.await {
            blind = if size.hidden { blind + 1 } else { 0 };
            if size.bytes > quota_bytes || blind >= MAX_BLIND_WALKS {
                return OverQuota { bytes: size.bytes, quota_bytes };
            }
            pause = rest_after(took);
        }
        tokio::time::sleep(pause).await;
    }
}

fn rest_after(walk: Duration) -> Duration {
    (walk * REST_FACTOR).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
}

/// What a walk saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes on disk.
    pub bytes: u64,
    /// A directory could not be looked into: its owner closed it, or it lies deeper than a path can name.
    pub hidden: bool,
}

/// What lies below `roots`, without following links; stops once it is above `enough`.
pub fn size(roots: &[PathBuf], enough: u64) -> Size {
    let mut open = roots.to_owned();
    let (mut size, mut entries) = (Size::default(), 0u64);
    while let Some(dir) = open.pop() {
        let list = match std::fs::read_dir(&dir) {
            Ok(list) => list,
            Err(error) => {
                // The agent is at work: what was there a moment ago may be gone.
                size.hidden |= error.kind() != io::ErrorKind::NotFound;
                continue;
            }
        };
        for entry in list.flatten() {
            let meta = match entry.metadata() {
                Ok(meta) => meta,
                Err(error) => {
                    size.hidden |= error.kind() != io::ErrorKind::NotFound;
                    continue;
                }
            };
            entries += 1;
            // Blocks, not length: a sparse file costs what it holds.
            size.bytes = size.bytes.saturating_add((meta.blocks() * 512).max(ENTRY_BYTES));
            if size.bytes > enough || entries > MAX_ENTRIES {
                size.bytes = size.bytes.max(enough.saturating_add(1));
                return size;
            }
            if meta.is_dir() {
                open.push(entry.path());
            }
        }
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tree_over_its_quota_is_reported() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        std::fs::write(dir.path().join("a/b"), vec![1; 200_000]).unwrap();
        let over = over_quota(vec![dir.path().to_owned()], 100_000).await;
        assert!(over.bytes > 100_000, "{over:?}");
        assert!(size(&[dir.path().to_owned()], 1 << 30).bytes < 400_000);
    }

    #[test]
    fn links_are_not_followed_and_many_empty_files_count() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/", dir.path().join("root")).unwrap();
        let root = [dir.path().to_owned()];
        let one = size(&root, u64::MAX).bytes;
        (0..100).for_each(|n| std::fs::write(dir.path().join(n.to_string()), "").unwrap());
        assert!(one < 10_000 && size(&root, u64::MAX).bytes >= one + 100 * ENTRY_BYTES);
    }

    #[test]
    fn every_root_counts() {
        let (tree, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(home.path().join("big"), vec![1; 200_000]).unwrap();
        let roots = [tree.path().to_owned(), home.path().to_owned()];
        assert!(size(&roots, u64::MAX).bytes >= 200_000);
    }

    #[tokio::test(start_paused = true)]
    async fn what_lies_too_deep_to_be_seen_does_not_count_as_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut at = std::fs::File::open(dir.path()).unwrap();
        let name = "d".repeat(200);
        // 30 names of 200 bytes are more than a path may have.
        for _ in 0..30 {
            rustix::fs::mkdirat(&at, &name, rustix::fs::Mode::RWXU).unwrap();
            let flags = rustix::fs::OFlags::DIRECTORY;
            at = rustix::fs::openat(&at, &name, flags, rustix::fs::Mode::empty()).unwrap().into();
        }
        assert!(size(&[dir.path().to_owned()], u64::MAX).hidden);
        let over = over_quota(vec![dir.path().to_owned()], 1 << 30).await;
        assert_eq!(over.quota_bytes, 1 << 30);
        base::files::remove_tree(&dir.keep()).unwrap();
    }

    #[test]
    fn a_walk_is_followed_by_twenty_times_its_rest() {
        assert_eq!(rest_after(Duration::from_millis(200)), Duration::from_secs(4));
        assert_eq!(rest_after(Duration::from_millis(1)), SHORTEST_PAUSE);
        assert_eq!(rest_after(Duration::from_secs(100)), LONGEST_PAUSE);
    }
}
