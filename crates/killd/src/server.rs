//! The process: its socket, its lock, its signals, its end.
//!
//! Invariants: one kill plane per directory (a lock says so); only its own user and root are heard; when it ends in
//! order, everything that was registered was killed first.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::files::{self, Lock, LockError};
use base::tasks::Tasks;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, watch};

use crate::plane::Plane;
use crate::protocol::MAX_CONNECTIONS;

mod connection;
mod process;

/// How long it lives without supervisors when started with `exit_when_alone`: a supervisor that restarts quickly
/// finds it again.
const ALONE_PATIENCE: Duration = Duration::from_secs(10);
/// How long connections may take to end when it ends.
const DRAIN_PATIENCE: Duration = Duration::from_secs(1);
/// Pause after a failed accept (out of descriptors), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Attempts to kill everything at the end.
const LAST_ATTEMPTS: u32 = 3;

/// Where the kill plane lives.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its socket; the directory it is in must be private (0700) and is made when missing.
    pub socket: PathBuf,
    /// Its directory: tombstones and lock; private too.
    pub dir: PathBuf,
    /// End after 10 seconds without a supervisor.
    pub exit_when_alone: bool,
}

/// Why the kill plane cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A directory could not be made, or is open to others.
    #[error("the kill plane needs a private directory {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another kill plane uses the directory.
    #[error("another kill plane may be running")]
    Lock(#[from] LockError),
    /// The socket could not be made.
    #[error("cannot listen on {}; its path must be free and shorter than 108 bytes", path.display())]
    Listen {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Signals cannot be received.
    #[error("cannot receive signals; start it in a process of its own")]
    Signals(#[source] io::Error),
}

/// Runs the kill plane until SIGTERM, SIGINT, or until it is alone (see [`Config`]). Then it kills everything that
/// is registered and returns. Errors: only at start.
pub async fn serve(config: Config) -> Result<(), Error> {
    private(&config.dir)?;
    private(config.socket.parent().unwrap_or(Path::new(".")))?;
    let _lock = Lock::acquire(&config.dir.join("killd.lock"))?;
    process::prepare();
    let mut signals = Signals::new().map_err(Error::Signals)?;
    let tasks = Tasks::new();
    let plane = Arc::new(Plane::open(&config.dir, tasks.clone()));
    let listener =
        listen(&config.socket).map_err(|source| Error::Listen { path: config.socket.clone(), source })?;
    tracing::info!(socket = %config.socket.display(), "kill plane ready");
    tokio::select! {
        () = accept(&listener, &plane, &tasks) => {}
        name = signals.next(config.exit_when_alone) => tracing::warn!(signal = name, "ending"),
        () = alone(plane.supervisors(), ALONE_PATIENCE), if config.exit_when_alone => {
            tracing::info!("no supervisor is left; ending");
        }
    }
    drop(listener);
    let _ = std::fs::remove_file(&config.socket);
    end(&plane).await;
    tasks.drain(DRAIN_PATIENCE).await;
    // A run may have been registered while the others were dying.
    end(&plane).await;
    Ok(())
}

async fn accept(listener: &UnixListener, plane: &Arc<Plane>, tasks: &Tasks) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    for number in 1.. {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if !is_trusted(&stream) {
            tracing::warn!("refused a connection of another user");
            continue;
        }
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            tracing::warn!("refused a connection: {MAX_CONNECTIONS} are open");
            continue;
        };
        let connection = connection::serve(Arc::clone(plane), tasks.clone(), stream, number);
        tasks.spawn("connection", async move {
            connection.await;
            drop(place);
        });
    }
}

/// Resolves once there was no supervisor for `patience` without a break.
async fn alone(mut supervisors: watch::Receiver<usize>, patience: Duration) {
    loop {
        if supervisors.wait_for(|count| *count == 0).await.is_err() {
            return;
        }
        let company = supervisors.wait_for(|count| *count > 0);
        if tokio::time::timeout(patience, company).await.is_err() {
            return;
        }
    }
}

async fn end(plane: &Plane) {
    for _ in 0..LAST_ATTEMPTS {
        let receipts = plane.kill_everything().await;
        let alive: Vec<_> = receipts.iter().filter(|one| one.dead_us.is_none()).map(|one| &one.run).collect();
        if alive.is_empty() {
            return;
        }
        tracing::error!(runs = ?alive, "not proved dead");
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Signals { terminate, interrupt, hang_up: signal(SignalKind::hangup())? })
    }

    /// The signal that ends it. With `supervised`, Ctrl-C is the supervisor's business: it ends its runs in order
    /// and then leaves us alone.
    async fn next(&mut self, supervised: bool) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => if !supervised { return "SIGINT" },
                // A closed terminal must not end what stops processes.
                _ = self.hang_up.recv() => {}
            }
        }
    }
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    // The lock is ours, so a socket that is still there is nobody's.
    if std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn is_trusted(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

fn private(path: &Path) -> Result<(), Error> {
    files::private_dir(path).map_err(|source| Error::Directory { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn alone_means_no_supervisor_for_the_whole_time() {
        let count = watch::Sender::new(1);
        let start = tokio::time::Instant::now();
        let waiting = tokio::spawn(alone(count.subscribe(), Duration::from_secs(10)));
        for (after_s, now) in [(20, 0), (9, 1), (30, 0)] {
            tokio::time::sleep(Duration::from_secs(after_s)).await;
            count.send_replace(now);
        }
        waiting.await.unwrap();
        assert_eq!(start.elapsed().as_secs(), 69);
    }
}
