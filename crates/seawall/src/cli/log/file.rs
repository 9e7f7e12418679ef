//! The log's files: a few of bounded size, the newest under the plain name.
//!
//! Invariant: a file that cannot be written costs nothing but its own lines. What goes on is told on stderr, once, and
//! the file is tried again after a while.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A file that is larger is put aside (Symphony's reference keeps as much).
const MAX_BYTES: u64 = 10 * 1024 * 1024;
/// Files kept, the one that is written included.
const KEPT: u32 = 5;
/// How long a file that failed is left alone.
const TRY_AGAIN: Duration = Duration::from_secs(30);
/// The file's name below the root.
const NAME: &str = "log/seawall.log";

/// The log's file, once somebody said where.
pub(super) static SINK: Mutex<Option<Rotating>> = Mutex::new(None);

/// Has every line written to files below `root` as well, from now on.
pub fn to_files(root: &Path) {
    let path = root.join(NAME);
    *SINK.lock().unwrap_or_else(PoisonError::into_inner) = Some(Rotating::new(path, MAX_BYTES, KEPT));
}

/// Writes `line` to the file, if there is one. Answers with what to tell people when that begins to fail.
pub(super) fn write(line: &[u8]) -> Option<String> {
    SINK.lock().unwrap_or_else(PoisonError::into_inner).as_mut()?.write(line)
}

/// A file that is put aside when it is full.
pub(super) struct Rotating {
    path: PathBuf,
    most: u64,
    kept: u32,
    open: Option<(File, u64)>,
    failed_at: Option<Instant>,
}

impl Rotating {
    pub(super) fn new(path: PathBuf, most: u64, kept: u32) -> Self {
        Self { path, most, kept, open: None, failed_at: None }
    }

    pub(super) fn write(&mut self, line: &[u8]) -> Option<String> {
        if self.failed_at.is_some_and(|at| at.elapsed() < TRY_AGAIN) {
            return None;
        }
        match self.try_write(line) {
            Ok(()) => {
                self.failed_at = None;
                None
            }
            Err(error) => {
                self.open = None;
                let first = self.failed_at.replace(Instant::now()).is_none();
                first.then(|| {
                    format!("log sink failed path={} error={error}; work goes on", self.path.display())
                })
            }
        }
    }

    fn try_write(&mut self, line: &[u8]) -> io::Result<()> {
        let full = self.open.as_ref().is_some_and(|(_, size)| size + line.len() as u64 > self.most);
        if full {
            self.open = None;
            self.put_aside()?;
        }
        let (file, size) = match &mut self.open {
            Some(open) => open,
            None => self.open.insert(open(&self.path)?),
        };
        file.write_all(line)?;
        *size += line.len() as u64;
        Ok(())
    }

    /// `log` becomes `log.1`, that becomes `log.2`, and the oldest goes.
    fn put_aside(&self) -> io::Result<()> {
        for number in (0..self.kept.saturating_sub(1)).rev() {
            match std::fs::rename(self.numbered(number), self.numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn numbered(&self, number: u32) -> PathBuf {
        match number {
            0 => self.path.clone(),
            number => self.path.with_extension(format!("log.{number}")),
        }
    }
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // What agents said stands in it: for its owner only.
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_files_are_put_aside_and_only_a_few_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log/seawall.log");
        let mut log = Rotating::new(path.clone(), 10, 3);
        for number in 0..8 {
            assert_eq!(log.write(format!("line {number}\n").as_bytes()), None);
        }
        let read = |name: &str| std::fs::read_to_string(dir.path().join("log").join(name)).unwrap();
        assert_eq!((read("seawall.log"), read("seawall.log.2")), ("line 7\n".into(), "line 5\n".into()));
        assert_eq!(std::fs::read_dir(dir.path().join("log")).unwrap().count(), 3);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("log"), "in the way").unwrap();
        let mut log = Rotating::new(dir.path().join("log/seawall.log"), 10, 3);
        assert!(log.write(b"a\n").is_some_and(|told| told.contains("log sink failed")));
        assert_eq!(log.write(b"b\n"), None);
    }
}
