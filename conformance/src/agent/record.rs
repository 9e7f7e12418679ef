//! What a fake app-server writes down about itself, below its working directory: a folder for each process start, with
//! a line for each thing that happened, and a file that is locked as long as the process lives.
//!
//! Invariants: a line is on disk before the next thing happens. The folder appears under its name only when its lock is
//! held, so whoever finds it unlocked knows that the process is gone, across all namespaces.

use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The folder in a workspace that belongs to the kit.
pub(crate) const FOLDER: &str = ".conformance";
/// The lines of a process start.
pub(crate) const EVENTS: &str = "events.jsonl";
/// Locked while the process lives.
pub(crate) const ALIVE: &str = "alive.lock";
/// Texts longer than this are cut: a case looks at the beginning of what was said, not at megabytes.
const TEXT_BYTES: usize = 64 * 1024;

/// The record of one process.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) folder: PathBuf,
    /// Tells this process start from all others of a case.
    pub(crate) name: String,
    events: File,
    _alive: File,
}

impl Record {
    /// Opens the record of this process in `cwd`; also says how many there were before.
    pub(crate) fn open(cwd: &Path) -> io::Result<(Self, usize)> {
        let kit = cwd.join(FOLDER);
        std::fs::create_dir_all(&kit)?;
        let earlier = std::fs::read_dir(&kit)?.flatten().filter(|entry| is_run(&entry.file_name())).count();
        // The number of a process is not enough: inside a sandbox every agent may have the same one.
        let name = format!("{}-{}-{earlier}", now_ms(), std::process::id());
        let hidden = kit.join(format!("new-{name}"));
        std::fs::create_dir(&hidden)?;
        let alive = locked(&hidden.join(ALIVE))?;
        let events = OpenOptions::new().create_new(true).append(true).open(hidden.join(EVENTS))?;
        let folder = kit.join(format!("run-{name}"));
        std::fs::rename(hidden, &folder)?;
        Ok((Self { folder, name, events, _alive: alive }, earlier))
    }

    /// One line. What cannot be written is lost: the workspace may be gone, and the fake goes on regardless.
    pub(crate) fn note(&mut self, kind: &str, data: Value) {
        let line = json!({"ms": now_ms(), "kind": kind, "data": shortened(data)});
        let _ = self.events.write_all(format!("{line}\n").as_bytes());
    }
}

/// Whether this is the folder of a process start.
pub(crate) fn is_run(name: &std::ffi::OsStr) -> bool {
    name.to_string_lossy().starts_with("run-")
}

/// A new file, locked until it is dropped.
pub(crate) fn locked(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create_new(true).write(true).open(path)?;
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(file)
}

/// Whether somebody else holds the lock of this file.
pub(crate) fn is_held(file: &File) -> bool {
    if flock(file, FlockOperation::NonBlockingLockShared).is_err() {
        return true;
    }
    // Nothing can be done when unlocking fails, and nobody else waits for this lock.
    let _ = flock(file, FlockOperation::Unlock);
    false
}

/// Milliseconds since 1970: the one clock that the runner and every process below it share.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// FNV-1a: tells whether two texts are the same without carrying one of them. Not a protection.
pub(crate) fn hash(text: &[u8]) -> u64 {
    text.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn shortened(value: Value) -> Value {
    match value {
        Value::String(text) if text.len() > TEXT_BYTES => {
            let end = (0..=TEXT_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            Value::String(format!("{}… ({} bytes)", &text[..end], text.len()))
        }
        Value::Array(items) => items.into_iter().map(shortened).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, shortened(value))).collect(),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_held_while_its_process_lives_and_counts_the_earlier_ones() {
        let dir = tempfile::tempdir().unwrap();
        let (record, earlier) = Record::open(dir.path()).unwrap();
        assert_eq!(earlier, 0);
        let seen = File::open(record.folder.join(ALIVE)).unwrap();
        assert!(is_held(&seen));
        drop(record);
        assert!(!is_held(&seen));
        assert_eq!(Record::open(dir.path()).unwrap().1, 1);
    }

    #[test]
    fn a_line_is_there_at_once_and_not_endless() {
        let dir = tempfile::tempdir().unwrap();
        let (mut record, _) = Record::open(dir.path()).unwrap();
        record.note("got", json!({"text": "x".repeat(TEXT_BYTES * 2)}));
        let text = std::fs::read_to_string(record.folder.join(EVENTS)).unwrap();
        assert!(text.ends_with("}\n") && text.len() < TEXT_BYTES + 200, "{}", text.len());
    }
}
