//! The file of tombstones: `tombstones.log`, one JSON line per entry.
//!
//! A line is `{"sum":"…","entry":{…}}`; `sum` is the first 16 hex digits of SHA-256 over the sum of the line before
//! and the entry's text, so a changed, lost or moved line shows. Invariants:
//! - an append is answered only when it is on disk; appends that wait together share one `fdatasync`;
//! - only a last line without newline is ever cut off: it was never answered;
//! - anything else that cannot be read means the file cannot be trusted, and then nothing is appended to it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use base::digest::sha256_hex;
use base::files;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use super::{Entry, Ledger};

const FILE: &str = "tombstones.log";
/// Says that the log was there once: without it, a lost log would look like a first start.
const MARKER: &str = "initialised";
const SUM_CHARS: usize = 16;
/// Appends waiting for the disk. Orders come from people; more than this at once is a fault.
const MAX_WAITING: usize = 1024;
/// How long a stop waits for its tombstone before it kills without: a hung disk must not save a process.
const PATIENCE: Duration = Duration::from_secs(1);

/// The log, open for append. Dropping it ends its thread.
#[derive(Debug)]
pub(crate) struct Log {
    queue: SyncSender<Append>,
}

#[derive(Debug)]
struct Append {
    entry: String,
    done: oneshot::Sender<Result<(), String>>,
}

/// What was found at start.
#[derive(Debug)]
pub(crate) struct Opened {
    pub ledger: Ledger,
    /// The log, or why it cannot be trusted.
    pub log: Result<Log, String>,
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    sum: String,
    #[serde(borrow)]
    entry: &'a RawValue,
}

/// Reads the log in `dir`, making it on the first start.
pub(crate) fn open(dir: &Path) -> Opened {
    let mut ledger = Ledger::default();
    let log = open_into(dir, &mut ledger).map_err(|why| {
        let dir = dir.display();
        format!(
            "the tombstones cannot be trusted: {why}. Nothing may start. Restore {dir}/{FILE} from a copy; or, once \
             you know what must stay stopped, move {FILE} and {MARKER} in {dir} away, restart, and stop that again"
        )
    });
    Opened { ledger, log }
}

impl Log {
    /// Appends and waits until it is on disk. Errors: the text says why it is not known to be.
    pub async fn append(&self, entry: &Entry) -> Result<(), String> {
        let entry = serde_json::to_string(entry).map_err(|error| error.to_string())?;
        let (done, answer) = oneshot::channel();
        self.queue
            .try_send(Append { entry, done })
            .map_err(|_| "too many tombstones wait for the disk".to_owned())?;
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err("the writer of tombstones has ended".to_owned()),
            Err(_) => Err(format!("the disk did not answer within {} s", PATIENCE.as_secs())),
        }
    }
}

fn open_into(dir: &Path, ledger: &mut Ledger) -> Result<Log, String> {
    let (path, marker) = (dir.join(FILE), dir.join(MARKER));
    if marker.exists() && !path.exists() {
        return Err(format!("{FILE} is missing, and {MARKER} says there was one"));
    }
    let cannot = |what: &str, error: io::Error| format!("cannot {what} {FILE}: {error}");
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    let file = options.open(&path).map_err(|error| cannot("open", error))?;
    let text = fs::read(&path).map_err(|error| cannot("read", error))?;
    let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let last_sum = replay(&text[..whole], ledger)?;
    if whole < text.len() {
        tracing::warn!(bytes = text.len() - whole, "cut off a torn last tombstone, which was never answered");
        file.set_len(whole as u64).map_err(|error| cannot("cut", error))?;
    }
    file.sync_all().and_then(|()| files::sync_dir(dir)).map_err(|error| cannot("sync", error))?;
    if !marker.exists() {
        let made = files::write_atomic(&marker, b"tombstones.log exists since\n", 0o600);
        made.map_err(|error| format!("cannot write {MARKER}: {error}"))?;
    }
    let (queue, waiting) = sync_channel(MAX_WAITING);
    let writer = Writer { file, length: whole as u64, last_sum, broken: None };
    let thread = std::thread::Builder::new().name("tombstones".into());
    thread.spawn(move || writer.run(&waiting)).map_err(|error| format!("cannot start a thread: {error}"))?;
    Ok(Log { queue })
}

fn replay(text: &[u8], ledger: &mut Ledger) -> Result<String, String> {
    let text = str::from_utf8(text).map_err(|_| format!("{FILE} is not text"))?;
    let mut last_sum = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        let parsed: Line<'_> =
            serde_json::from_str(line).map_err(|_| format!("line {number} of {FILE} cannot be read"))?;
        if parsed.sum != sum(&last_sum, parsed.entry.get()) {
            return Err(format!("line {number} of {FILE} was changed, or the one before it was lost"));
        }
        let entry = serde_json::from_str(parsed.entry.get());
        ledger.replay(entry.map_err(|_| format!("line {number} of {FILE} has an unknown entry"))?);
        last_sum = parsed.sum;
    }
    Ok(last_sum)
}

fn sum(before: &str, entry: &str) -> String {
    let mut sum = sha256_hex(format!("{before}{entry}").as_bytes());
    sum.truncate(SUM_CHARS);
    sum
}

/// Lives on its own thread: a disk that hangs holds up nothing else.
struct Writer {
    file: File,
    length: u64,
    last_sum: String,
    broken: Option<String>,
}

impl Writer {
    fn run(mut self, waiting: &Receiver<Append>) {
        while let Ok(first) = waiting.recv() {
            let batch: Vec<Append> =
                std::iter::once(first).chain(waiting.try_iter().take(MAX_WAITING)).collect();
            let result = match &self.broken {
                Some(why) => Err(why.clone()),
                None => self.append(&batch).map_err(|error| format!("cannot write the tombstone: {error}")),
            };
            for append in batch {
                // Nobody waits any more when the patience has ended; the line is on disk all the same.
                let _ = append.done.send(result.clone());
            }
        }
    }

    fn append(&mut self, batch: &[Append]) -> io::Result<()> {
        let (mut bytes, mut last_sum) = (String::new(), self.last_sum.clone());
        for append in batch {
            last_sum = sum(&last_sum, &append.entry);
            bytes.push_str(&format!("{{\"sum\":\"{last_sum}\",\"entry\":{}}}\n", append.entry));
        }
        if let Err(error) = files::append_durable(&mut self.file, bytes.as_bytes()) {
            self.take_back();
            return Err(error);
        }
        self.length += bytes.len() as u64;
        self.last_sum = last_sum;
        Ok(())
    }

    /// Half a line must not stay in the middle of the file.
    fn take_back(&mut self) {
        let restored = self.file.set_len(self.length).and_then(|()| self.file.sync_all());
        if let Err(error) = restored {
            self.broken = Some(format!("the log could not be restored after a failed write: {error}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::protocol::Order;

    fn entry(id: &str, epoch: u64) -> Entry {
        let text = |text: &str| text.to_owned();
        let (scope, reason, actor) = (format!("team/{id}"), text("r"), text("a"));
        Entry::Stop(Order { id: text(id), scope, reason, actor, epoch, at_us: 1 })
    }

    async fn with_entries(dir: &Path, ids: &[&str]) {
        let log = open(dir).log.unwrap();
        for id in ids {
            log.append(&entry(id, 1)).await.unwrap();
        }
    }

    fn orders(opened: &Opened) -> Vec<String> {
        opened.ledger.in_force().into_iter().map(|stopped| stopped.order).collect()
    }

    #[tokio::test]
    async fn entries_come_back_and_can_be_added_to() {
        let dir = tempfile::tempdir().unwrap();
        with_entries(dir.path(), &["a", "b"]).await;
        with_entries(dir.path(), &["c"]).await;
        assert_eq!(orders(&open(dir.path())), ["a", "b", "c"]);
    }

    #[tokio::test]
    async fn a_torn_last_line_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        with_entries(dir.path(), &["a"]).await;
        let path = dir.path().join(FILE);
        let before = fs::read(&path).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"sum\":\"12").unwrap();
        let opened = open(dir.path());
        assert!(opened.log.is_ok());
        assert_eq!((orders(&opened), fs::read(&path).unwrap()), (vec!["a".to_owned()], before));
    }

    #[tokio::test]
    async fn a_changed_a_lost_or_an_unreadable_line_is_not_trusted() {
        let damages: [fn(&str) -> String; 4] = [
            |text| text.replacen("team/b", "team/x", 1),
            |text| text.lines().skip(1).map(|line| format!("{line}\n")).collect(),
            |text| format!("{text}nonsense\n"),
            |text| format!("\n{text}"),
        ];
        for (number, damage) in damages.into_iter().enumerate() {
            let dir = tempfile::tempdir().unwrap();
            with_entries(dir.path(), &["a", "b"]).await;
            let path = dir.path().join(FILE);
            let damaged = damage(&fs::read_to_string(&path).unwrap());
            fs::write(&path, &damaged).unwrap();
            let why = open(dir.path()).log.unwrap_err();
            assert!(why.contains("Nothing may start"), "damage {number}: {why}");
            assert_eq!(
                fs::read_to_string(&path).unwrap(),
                damaged,
                "damage {number}: the file is left alone"
            );
        }
    }

    #[tokio::test]
    async fn a_lost_file_is_not_a_first_start() {
        let dir = tempfile::tempdir().unwrap();
        with_entries(dir.path(), &[]).await;
        fs::remove_file(dir.path().join(FILE)).unwrap();
        assert!(open(dir.path()).log.unwrap_err().contains("is missing"));
    }

    #[tokio::test]
    async fn appends_that_wait_together_all_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let log = std::sync::Arc::new(open(dir.path()).log.unwrap());
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..50 {
            let log = std::sync::Arc::clone(&log);
            tasks.spawn(async move { log.append(&entry(&format!("{number:02}"), 1)).await });
        }
        assert!(tasks.join_all().await.iter().all(Result::is_ok));
        drop(log);
        assert_eq!(orders(&open(dir.path())).len(), 50);
    }
}
