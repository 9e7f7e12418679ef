//! The release build of the daemon, started, watched and ended from outside.

use super::process::{Process, descendants};
use super::root;
use std::fs::{File, read_to_string};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a daemon may take to start, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running daemon.
pub(super) struct Daemon {
    child: Child,
    log: PathBuf,
    /// From exec to the first answers of both doors.
    pub(super) took: Duration,
}

/// What its log says at the end: transactions made durable, batches in them, batches refused.
#[derive(Clone, Copy)]
pub(super) struct Store {
    pub(super) commits: u64,
    pub(super) batches: u64,
    pub(super) conflicts: u64,
}

impl Daemon {
    /// Starts it over the configuration in `dir` and waits until both doors answer.
    pub(super) fn start(dir: &Path, doors: Doors) -> io::Result<Self> {
        let log = dir.join("daemon.log");
        let mut command = Command::new(program());
        command.args(["up", "--config"]).arg(dir.join("seawall.toml")).current_dir(dir);
        command.env("SEAWALL_LOG", "warn,seawall::daemon=info").env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
        let began = Instant::now();
        let mut child = command.spawn()?;
        for door in [doors.control, doors.gateway] {
            while !answers(door) {
                if let Some(status) = child.try_wait()? {
                    let said = read_to_string(&log)?;
                    return Err(io::Error::other(format!("the daemon ended ({status}): {said}")));
                }
                if began.elapsed() > PATIENCE {
                    let _ = child.kill();
                    return Err(io::Error::other("the daemon does not answer"));
                }
                std::thread::sleep(Duration::from_micros(500));
            }
        }
        Ok(Self { child, log, took: began.elapsed() })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its kill plane's process.
    pub(super) fn killd(&self) -> Option<u32> {
        descendants(self.pid()).iter().find(|p| is_killd(p)).map(|p| p.pid)
    }

    /// Ends it in order.
    pub(super) fn drain(mut self) -> io::Result<Option<Store>> {
        // std knows no signal but KILL; the shell is everywhere.
        Command::new("sh").args(["-c", &format!("kill -TERM {}", self.pid())]).status()?;
        let began = Instant::now();
        while self.child.try_wait()?.is_none() {
            if began.elapsed() > PATIENCE {
                return Err(io::Error::other("the daemon does not end"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(counters(&read_to_string(&self.log)?))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Already ended and waited for, as a rule; after an error nothing is left running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn is_killd(process: &Process) -> bool {
    process.command.split(' ').nth(1) == Some("killd")
}

/// Where the doors will listen.
#[derive(Clone, Copy)]
pub(super) struct Doors {
    pub(super) control: SocketAddr,
    pub(super) gateway: SocketAddr,
}

impl Doors {
    /// Two ports that are free right now.
    pub(super) fn free() -> io::Result<Self> {
        let (one, two) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
        Ok(Self { control: one.local_addr()?, gateway: two.local_addr()? })
    }
}

/// The binary under test.
pub(super) fn program() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join("release/seawall")
}

/// Whether something speaks HTTP there, whatever it says.
fn answers(door: SocketAddr) -> bool {
    let ask = || -> io::Result<bool> {
        let mut stream = TcpStream::connect(door)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let request = format!("GET /healthz HTTP/1.1\r\nhost: {door}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut head = [0; 5];
        stream.read_exact(&mut head)?;
        Ok(&head == b"HTTP/")
    };
    ask().unwrap_or(false)
}

/// Reads `… drained commits=1 batches=2 conflicts=3` from the log.
fn counters(log: &str) -> Option<Store> {
    let line = log.lines().rev().find(|line| line.contains("drained"))?;
    let number = |key: &str| line.split_whitespace().find_map(|word| word.strip_prefix(key)?.parse().ok());
    Some(Store {
        commits: number("commits=")?,
        batches: number("batches=")?,
        conflicts: number("conflicts=")?,
    })
}
