//! The other end of the socket.
//!
//! Invariants: one connection; answers find their caller by id, in any order; when the connection is lost every
//! waiting call fails at once and none waits forever. When the last clone of a supervising client is dropped, the
//! connection ends and its runs die.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::lines::{BoundedLines, Line};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::protocol::{
    Answer, Lift, MAX_ANSWER_BYTES, MAX_REQUEST_BYTES, Op, Order, Receipt, Registration, Reply, Request,
    Status, Stopped,
};

/// How long a call waits unless told otherwise. A stop is answered within some three and a half seconds.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Requests waiting to be written.
const MAX_QUEUED: usize = 64;

/// A connection to the kill plane. Clones share it.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
    requests: mpsc::Sender<Vec<u8>>,
    timeout: Duration,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<HashMap<u64, oneshot::Sender<Reply>>>,
    last_id: AtomicU64,
    closed: CancellationToken,
}

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No kill plane answers there.
    #[error("no kill plane at {}; start it, or look at its log", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The connection was lost, before or during the call. What was asked may have been done.
    #[error("the connection to the kill plane is lost; connect again, and register again what still runs")]
    Closed,
    /// No answer in time. What was asked may have been done.
    #[error("the kill plane did not answer {op} within {} s; ask for its status, then try again", after.as_secs())]
    TimedOut {
        /// What was asked.
        op: &'static str,
        /// How long it waited.
        after: Duration,
    },
    /// A rule forbids it.
    #[error("refused: {why}")]
    Refused {
        /// The order that forbids it, if one does.
        order: Option<String>,
        /// Why, and what to do.
        why: String,
    },
    /// The request is longer than a line may be.
    #[error("the request has {bytes} bytes, at most {MAX_REQUEST_BYTES} are possible; shorten its texts")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The kill plane could not do it.
    #[error("the kill plane failed: {why}")]
    Failed {
        /// Why, and what to do.
        why: String,
    },
    /// An answer that does not fit the request.
    #[error("the kill plane gave an answer that does not fit {op}; run the same version of both")]
    Unexpected {
        /// What was asked.
        op: &'static str,
    },
}

impl Client {
    /// Connects to the socket at `path`. Errors: `Connect`, `TimedOut`.
    pub async fn connect(path: &Path) -> Result<Client, Error> {
        let connecting = tokio::time::timeout(CALL_TIMEOUT, UnixStream::connect(path)).await;
        let stream = connecting.map_err(|_| Error::TimedOut { op: "connect", after: CALL_TIMEOUT })?;
        let stream = stream.map_err(|source| Error::Connect { path: path.to_owned(), source })?;
        let (reader, writer) = stream.into_split();
        let (requests, queue) = mpsc::channel(MAX_QUEUED);
        let shared = Arc::new(Shared::default());
        tokio::spawn(read(reader, Arc::clone(&shared)));
        tokio::spawn(write(queue, writer, shared.closed.clone()));
        Ok(Client { shared, requests, timeout: CALL_TIMEOUT })
    }

    /// The same connection, whose calls wait for `timeout`.
    pub fn with_timeout(&self, timeout: Duration) -> Client {
        Client { timeout, ..self.clone() }
    }

    /// Resolves when the connection is lost: from then on nothing that was registered is under the kill plane.
    pub async fn closed(&self) {
        self.shared.closed.cancelled().await;
    }

    /// Makes this connection a supervisor called `name`: what it registers dies with it.
    pub async fn supervise(&self, name: &str) -> Result<(), Error> {
        self.done("supervise", Op::Supervise { name: name.to_owned() }).await
    }

    /// Puts a run under the kill plane; after [`Client::supervise`]. Errors: `Refused` when a stop covers it, when
    /// nothing may start, or when the registration is wrong: then the run must not go on.
    pub async fn register(&self, registration: Registration) -> Result<(), Error> {
        self.done("register", Op::Register(registration)).await
    }

    /// Takes a run off the kill plane. It is not killed.
    pub async fn release(&self, run: &str, fence: u64) -> Result<(), Error> {
        self.done("release", Op::Release { run: run.to_owned(), fence }).await
    }

    /// Stops a scope until it is lifted. Errors: `Refused` when this very order was lifted since.
    pub async fn stop(&self, order: Order) -> Result<Receipt, Error> {
        self.receipt("stop", Op::Stop { order, tombstone: true, dry_run: false }).await
    }

    /// Kills what a scope covers now; it may be started again.
    pub async fn stop_once(&self, order: Order) -> Result<Receipt, Error> {
        self.receipt("stop", Op::Stop { order, tombstone: false, dry_run: false }).await
    }

    /// The ids of the runs that a stop would reach.
    pub async fn dry_run(&self, order: Order) -> Result<Vec<String>, Error> {
        const OP: &str = "dry run";
        let reply = self.call(OP, Op::Stop { order, tombstone: false, dry_run: true }).await?;
        if let Reply::WouldReach { runs } = reply { Ok(runs) } else { Err(misfit(OP, reply)) }
    }

    /// Kills one run. Errors: `Refused` when it is not registered.
    pub async fn kill_run(&self, run: &str, fence: u64, why: &str) -> Result<Receipt, Error> {
        self.receipt("kill run", Op::KillRun { run: run.to_owned(), fence, why: why.to_owned() }).await
    }

    /// Lifts the stop of a scope. Errors: `Refused` when nothing is stopped or the epoch is not greater.
    pub async fn lift(&self, lift: Lift) -> Result<(), Error> {
        self.done("lift", Op::Lift(lift)).await
    }

    /// What is stopped and what is registered.
    pub async fn status(&self) -> Result<Status, Error> {
        const OP: &str = "status";
        let reply = self.call(OP, Op::Status).await?;
        if let Reply::Status(status) = reply { Ok(status) } else { Err(misfit(OP, reply)) }
    }

    /// The stop that covers any of `labels`. Deny-all is not a stop: see [`Status::deny_all`].
    pub async fn check(&self, labels: &[String]) -> Result<Option<Stopped>, Error> {
        const OP: &str = "check";
        let reply = self.call(OP, Op::Check { labels: labels.to_vec() }).await?;
        if let Reply::Checked { stopped } = reply { Ok(stopped) } else { Err(misfit(OP, reply)) }
    }

    async fn done(&self, name: &'static str, op: Op) -> Result<(), Error> {
        let reply = self.call(name, op).await?;
        if let Reply::Ok = reply { Ok(()) } else { Err(misfit(name, reply)) }
    }

    async fn receipt(&self, name: &'static str, op: Op) -> Result<Receipt, Error> {
        let reply = self.call(name, op).await?;
        if let Reply::Receipt(receipt) = reply { Ok(receipt) } else { Err(misfit(name, reply)) }
    }

    async fn call(&self, name: &'static str, op: Op) -> Result<Reply, Error> {
        let id = self.shared.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let mut line = serde_json::to_vec(&Request { id, op })
            .map_err(|error| Error::Failed { why: format!("the request cannot be written: {error}") })?;
        if line.len() > MAX_REQUEST_BYTES {
            return Err(Error::TooLong { bytes: line.len() });
        }
        line.push(b'\n');
        let waiting = Waiting::new(&self.shared, id);
        let answered = async {
            self.requests.send(line).await.map_err(|_| Error::Closed)?;
            waiting.answer().await.ok_or(Error::Closed)
        };
        let timeout = Err(Error::TimedOut { op: name, after: self.timeout });
        tokio::time::timeout(self.timeout, answered).await.unwrap_or(timeout)
    }
}

/// A place in the table of waiting calls, given up when the call ends in whatever way.
struct Waiting<'a> {
    shared: &'a Shared,
    id: u64,
    answer: oneshot::Receiver<Reply>,
}

impl<'a> Waiting<'a> {
    fn new(shared: &'a Shared, id: u64) -> Waiting<'a> {
        let (sender, answer) = oneshot::channel();
        shared.waiting().insert(id, sender);
        Waiting { shared, id, answer }
    }

    async fn answer(mut self) -> Option<Reply> {
        tokio::select! {
            // An answer that came before the end still counts.
            biased;
            reply = &mut self.answer => reply.ok(),
            () = self.shared.closed.cancelled() => None,
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shared.waiting().remove(&self.id);
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Reply>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(reader: OwnedReadHalf, shared: Arc<Shared>) {
    let _closed = shared.closed.clone().drop_guard();
    let mut lines = BoundedLines::new(reader, MAX_ANSWER_BYTES);
    while let Ok(Some(Line::Whole(line))) = lines.next().await {
        let Ok(answer) = serde_json::from_slice::<Answer>(&line) else {
            tracing::warn!("the kill plane sent a line that is no answer");
            return;
        };
        let waiting = shared.waiting().remove(&answer.id);
        if let Some(waiting) = waiting {
            // Its caller may have given up.
            let _ = waiting.send(answer.reply);
        }
    }
}

async fn write(mut queue: mpsc::Receiver<Vec<u8>>, mut writer: OwnedWriteHalf, closed: CancellationToken) {
    loop {
        let line = tokio::select! {
            line = queue.recv() => line,
            () = closed.cancelled() => return,
        };
        // Without clients the write half is dropped, which tells the kill plane that we are gone.
        let Some(line) = line else { return };
        if writer.write_all(&line).await.is_err() {
            closed.cancel();
            return;
        }
    }
}

fn misfit(op: &'static str, reply: Reply) -> Error {
    match reply {
        Reply::Refused { order, why } => Error::Refused { order, why },
        Reply::Error { why } => Error::Failed { why },
        Reply::Ok
        | Reply::Receipt(_)
        | Reply::WouldReach { .. }
        | Reply::Status(_)
        | Reply::Checked { .. } => Error::Unexpected { op },
    }
}
