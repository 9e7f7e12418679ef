//! One shell command: bounded in time and in output.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// What the model gets of an output: this much of its start and as much of its end, bytes. Codex gives its model
/// the same 10 kB.
const KEPT_EACH: usize = 5 * 1024;
/// A daemon may keep the output open after its shell has ended; what it writes later is nobody's.
const AFTER_EXIT: Duration = Duration::from_millis(200);

/// How a command ended.
pub(super) struct Ran {
    /// Its exit code; none when it was killed or could not start.
    pub exit: Option<i32>,
    pub ms: u64,
    /// Stdout and stderr as they came, the middle left out when long.
    pub output: String,
    pub note: Option<String>,
}

impl Ran {
    pub fn for_model(&self) -> String {
        let exit = self.exit.map_or("none".to_owned(), |code| code.to_string());
        let note = self.note.as_ref().map(|note| format!("{note}\n")).unwrap_or_default();
        format!("exit code: {exit}\n{note}output:\n{}", self.output)
    }
}

/// Runs `line` in a shell in `dir`. After `timeout` its whole process group is killed.
pub(super) async fn run(line: &str, dir: &Path, timeout: Duration) -> Ran {
    let started = Instant::now();
    let mut kept = HeadTail::default();
    let (exit, note) = match start(line, dir) {
        Ok(child) => watch(child, timeout, &mut kept).await,
        Err(error) => (None, Some(format!("the command could not be started: {error}"))),
    };
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ran { exit, ms, output: kept.text(), note }
}

fn start(line: &str, dir: &Path) -> std::io::Result<Child> {
    let shell = if Path::new("/bin/bash").exists() { "/bin/bash" } else { "/bin/sh" };
    let mut command = Command::new(shell);
    command.arg("-c").arg(line).current_dir(dir).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

async fn watch(mut child: Child, timeout: Duration, kept: &mut HeadTail) -> (Option<i32>, Option<String>) {
    let group = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let mut ends = tokio::time::Instant::now() + timeout;
    let (mut status, mut note) = (None, None);
    let (mut out, mut err) = (vec![0; 8192], vec![0; 8192]);
    loop {
        tokio::select! {
            read = some(&mut stdout, &mut out) => keep(read, &out, kept, &mut stdout),
            read = some(&mut stderr, &mut err) => keep(read, &err, kept, &mut stderr),
            ended = child.wait(), if status.is_none() => {
                status = Some(ended.ok().and_then(|status| status.code()));
                ends = tokio::time::Instant::now() + AFTER_EXIT;
            }
            () = tokio::time::sleep_until(ends) => {
                if status.is_none() {
                    note = Some(format!("killed after {} ms", timeout.as_millis()));
                    group.into_iter().for_each(|pid| _ = rustix::process::kill_process_group(pid, Signal::KILL));
                    // Out of a disk's sleep even a killed process may not wake at once; nobody waits for that.
                    let _ = tokio::time::timeout(AFTER_EXIT, child.wait()).await;
                }
                break;
            }
        }
        if status.is_some() && stdout.is_none() && stderr.is_none() {
            break;
        }
    }
    (status.flatten(), note)
}

async fn some<R: AsyncRead + Unpin>(from: &mut Option<R>, into: &mut [u8]) -> usize {
    match from {
        Some(from) => from.read(into).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

fn keep<R>(read: usize, buffer: &[u8], kept: &mut HeadTail, from: &mut Option<R>) {
    if read == 0 {
        *from = None;
    }
    kept.add(&buffer[..read]);
}

/// The start and the end of a long text.
#[derive(Default)]
struct HeadTail {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: usize,
}

impl HeadTail {
    fn add(&mut self, bytes: &[u8]) {
        let room = KEPT_EACH - self.head.len();
        let (head, rest) = bytes.split_at(bytes.len().min(room));
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let excess = self.tail.len().saturating_sub(KEPT_EACH);
        self.tail.drain(..excess);
        self.dropped += excess;
    }

    fn text(mut self) -> String {
        if self.dropped == 0 {
            self.head.extend(self.tail.make_contiguous().iter());
            return String::from_utf8_lossy(&self.head).into_owned();
        }
        let (head, tail) =
            (String::from_utf8_lossy(&self.head), String::from_utf8_lossy(self.tail.make_contiguous()));
        format!("{head}\n… {} bytes left out …\n{tail}", self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sh(line: &str, ms: u64) -> Ran {
        run(line, Path::new("/"), Duration::from_millis(ms)).await
    }

    #[tokio::test]
    async fn output_and_code_come_back() {
        let ran = sh("pwd; echo bad >&2; exit 3", 10_000).await;
        assert_eq!((ran.exit, ran.output.contains("/\n"), ran.output.contains("bad")), (Some(3), true, true));
    }

    #[tokio::test]
    async fn a_long_output_keeps_its_ends() {
        let ran = sh("echo start; head -c 1000000 /dev/zero | tr '\\0' x; echo end", 10_000).await;
        assert!(ran.output.starts_with("start\nxxx") && ran.output.ends_with("xend\n"));
        assert!(ran.output.len() < 2 * KEPT_EACH + 100 && ran.output.contains("bytes left out"));
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_killed_with_its_children() {
        let ran = sh("sleep 1000 & echo $!; wait", 300).await;
        assert_eq!((ran.exit, ran.note.as_deref()), (None, Some("killed after 300 ms")));
        let stat = format!("/proc/{}/stat", ran.output.trim());
        let dead = || {
            std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") Z"))
                || !Path::new(&stat).exists()
        };
        for _ in 0..1000 {
            if dead() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the child lives");
    }

    #[tokio::test]
    async fn a_daemon_does_not_hold_its_shell_open() {
        let ran = sh("sleep 3 & echo up", 60_000).await;
        assert!(ran.ms < 2_500 && ran.exit == Some(0) && ran.output == "up\n", "{} ms", ran.ms);
    }
}
