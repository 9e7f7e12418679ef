//! One process of the program: fed with the prompt, watched to its end.

use std::collections::VecDeque;
use std::io;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use crate::sandbox::running::code_of;

/// The end of the output that is kept, bytes.
const TAIL_BYTES: usize = 8 * 1024;
/// Of the output, how often and how much is told as a sign of life.
const TELL_EVERY: Duration = Duration::from_millis(500);
const TOLD_LINE: usize = 200;
/// A daemon may keep the output open after its program has ended; what it writes later is nobody's.
const AFTER_EXIT: Duration = Duration::from_millis(200);

/// How it ended.
pub(super) struct Ended {
    /// As a shell reports it.
    pub code: i32,
    pub ms: u64,
    pub tail: String,
}

/// A running program; dropped, its group is killed.
pub(super) struct Process {
    child: Child,
    group: Option<Pid>,
    started: Instant,
    tail: VecDeque<u8>,
    told: Instant,
}

impl Process {
    pub fn start(mut command: Command, prompt: String) -> io::Result<Process> {
        command.process_group(0).kill_on_drop(true);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let group = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(mut stdin) = child.stdin.take() {
            // A program that takes the prompt from its file need not read it here.
            tokio::spawn(async move { stdin.write_all(prompt.as_bytes()).await });
        }
        let now = Instant::now();
        Ok(Process { child, group, started: now, tail: VecDeque::new(), told: now - TELL_EVERY })
    }

    /// Waits for its end; `tell` is given a line of its output now and then.
    pub async fn watch(&mut self, mut tell: impl AsyncFnMut(String) -> io::Result<()>) -> io::Result<Ended> {
        let (mut stdout, mut stderr) = (self.child.stdout.take(), self.child.stderr.take());
        let (mut out, mut err) = (vec![0; 8192], vec![0; 8192]);
        let (mut status, mut ends) = (None, None);
        while status.is_none() || stdout.is_some() || stderr.is_some() {
            let late = async {
                match ends {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let (read, bytes) = tokio::select! {
                read = some(&mut stdout, &mut out) => (read, &out),
                read = some(&mut stderr, &mut err) => (read, &err),
                ended = self.child.wait(), if status.is_none() => {
                    status = Some(code_of(ended?));
                    ends = Some(tokio::time::Instant::now() + AFTER_EXIT);
                    continue;
                }
                () = late => break,
            };
            self.keep(&bytes[..read]);
            if read > 0 && self.told.elapsed() >= TELL_EVERY {
                self.told = Instant::now();
                tell(self.last_line()).await?;
            }
        }
        self.signal(Signal::KILL);
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let tail = String::from_utf8_lossy(self.tail.make_contiguous()).into_owned();
        Ok(Ended { code: status.unwrap_or_default(), ms, tail })
    }

    /// Signals everything that stayed in the program's group.
    pub fn signal(&self, signal: Signal) {
        // Gone is as good as told.
        self.group.into_iter().for_each(|group| _ = rustix::process::kill_process_group(group, signal));
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.tail.extend(bytes);
        let excess = self.tail.len().saturating_sub(TAIL_BYTES);
        self.tail.drain(..excess);
    }

    fn last_line(&mut self) -> String {
        let text = String::from_utf8_lossy(self.tail.make_contiguous());
        let line = text.trim_end().rsplit('\n').next().unwrap_or_default();
        line.chars().take(TOLD_LINE).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.id().is_some() {
            self.signal(Signal::KILL);
        }
    }
}

async fn some<R: AsyncRead + Unpin>(from: &mut Option<R>, into: &mut [u8]) -> usize {
    let Some(open) = from else { return std::future::pending().await };
    let read = open.read(into).await.unwrap_or(0);
    if read == 0 {
        *from = None;
    }
    read
}
