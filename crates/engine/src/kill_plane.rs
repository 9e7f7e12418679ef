//! The engine's side of the kill plane: keeps `killd` running, stays its supervisor, registers attempts.
//!
//! Invariants: nothing starts while the kill plane is not answering; every live attempt is registered, and
//! registered again when `killd` had to be started anew; when this process dies, `killd` kills what it
//! registered, because the connection that registered it is gone.

use base::tasks::Tasks;
use killd::client::Client;
use killd::protocol::{Lift, Order, Receipt, Registration, Status};
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How long a started `killd` may take until it answers: it reads its tombstones first.
const START_PATIENCE: Duration = Duration::from_secs(10);
/// The wait between two tries to reach it.
const TRY_AGAIN: Duration = Duration::from_millis(20);
/// The wait before it is started again after it could not be.
const START_AGAIN: Duration = Duration::from_secs(1);

/// A handle; clones share it.
#[derive(Clone)]
pub struct KillPlane(Arc<Shared>);

struct Shared {
    socket: PathBuf,
    dir: PathBuf,
    program: PathBuf,
    name: String,
    state: watch::Sender<State>,
    registered: Mutex<HashMap<String, Registration>>,
}

#[derive(Clone)]
enum State {
    Down(String),
    Up { client: Client, deny_all: Option<String> },
}

/// Why the kill plane did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It does not answer.
    #[error("the kill plane does not answer ({0}); nothing starts until it does")]
    Down(String),
    /// It answered no, by a rule.
    #[error("the kill plane refused: {why}")]
    Refused {
        /// The order that forbids it, if one does.
        order: Option<String>,
        /// Why, and what to do.
        why: String,
    },
}

impl KillPlane {
    /// Starts keeping `killd` alive, with its files in `dir`, and waits until it answers or cannot be started.
    pub async fn start(program: PathBuf, dir: PathBuf, socket: PathBuf, name: String, tasks: &Tasks) -> Self {
        let (state, mut seen) = watch::channel(State::Down("starting".to_owned()));
        let plane =
            Self(Arc::new(Shared { socket, dir, program, name, state, registered: Mutex::default() }));
        let keeper = plane.clone();
        let over = tasks.token();
        tasks.spawn("kill plane keeper", async move { keeper.keep(over).await });
        let _ = tokio::time::timeout(START_PATIENCE, seen.wait_for(|s| matches!(s, State::Up { .. }))).await;
        plane
    }

    /// Whether runs may start; the text says what is missing.
    pub fn ready(&self) -> Result<(), String> {
        match &*self.0.state.borrow() {
            State::Up { deny_all: None, .. } => Ok(()),
            State::Up { deny_all: Some(why), .. } => Err(format!("the kill plane denies every start: {why}")),
            State::Down(why) => Err(format!("the kill plane does not answer: {why}")),
        }
    }

    /// Puts an attempt under the kill plane.
    pub async fn register(&self, registration: Registration) -> Result<(), Error> {
        let client = self.client()?;
        let (run, fence) = (registration.run.clone(), registration.fence);
        // Before it is asked: a `killd` that dies right after its answer is followed by one that is told everything
        // on this list, and nothing else.
        self.registered().insert(run.clone(), registration.clone());
        let Err(error) = client.register(registration).await else { return Ok(()) };
        self.registered().retain(|_, r| !(r.run == run && r.fence == fence));
        let error = Error::from(error);
        if let Error::Refused { order: None, .. } = &error {
            self.look_again(&client).await;
        }
        Err(error)
    }

    /// `killd` may have begun to deny every start since it was connected, when a tombstone found no room on the disk.
    /// Known, it keeps runs waiting; unknown, each of them would use up its attempts.
    async fn look_again(&self, client: &Client) {
        let Ok(status) = client.status().await else { return };
        self.0.state.send_if_modified(|state| match state {
            State::Up { deny_all, .. } if *deny_all != status.deny_all => {
                *deny_all = status.deny_all;
                true
            }
            State::Up { .. } | State::Down(_) => false,
        });
    }

    /// Takes an attempt off the kill plane once its processes are gone.
    pub async fn release(&self, run: &str, fence: u64) {
        self.registered().retain(|_, r| !(r.run == run && r.fence == fence));
        if let Ok(client) = self.client()
            && let Err(error) = client.release(run, fence).await
        {
            tracing::warn!(run, error = base::error::chain(&error), "could not release a run");
        }
    }

    /// Kills one attempt, without a tombstone, and says what was proven.
    pub async fn kill_run(&self, run: &str, fence: u64, why: &str) -> Result<Receipt, Error> {
        Ok(self.client()?.kill_run(run, fence, why).await?)
    }

    /// Stops a scope for good: tombstone, freeze, kill, proof.
    pub async fn stop(&self, order: Order) -> Result<Receipt, Error> {
        Ok(self.client()?.stop(order).await?)
    }

    /// The runs that a stop of `order`'s scope would reach now.
    pub async fn would_reach(&self, order: Order) -> Result<Vec<String>, Error> {
        Ok(self.client()?.dry_run(order).await?)
    }

    /// Ends the stop of a scope.
    pub async fn lift(&self, lift: Lift) -> Result<(), Error> {
        Ok(self.client()?.lift(lift).await?)
    }

    /// What is stopped and registered.
    pub async fn status(&self) -> Result<Status, Error> {
        Ok(self.client()?.status().await?)
    }

    fn client(&self) -> Result<Client, Error> {
        match &*self.0.state.borrow() {
            State::Up { client, .. } => Ok(client.clone()),
            State::Down(why) => Err(Error::Down(why.clone())),
        }
    }

    fn registered(&self) -> std::sync::MutexGuard<'_, HashMap<String, Registration>> {
        self.0.registered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects, or starts it and connects; stays until the connection is lost; begins anew.
    async fn keep(&self, over: tokio_util::sync::CancellationToken) {
        let mut child = None;
        while !over.is_cancelled() {
            match self.connect(&mut child).await {
                Ok(client) => {
                    tokio::select! {
                        () = client.closed() => self.down("its connection was lost"),
                        () = over.cancelled() => break,
                    }
                }
                Err(why) => {
                    tracing::error!(why, "the kill plane cannot be reached");
                    self.down(&why);
                    tokio::select! {
                        () = tokio::time::sleep(START_AGAIN) => {}
                        () = over.cancelled() => break,
                    }
                }
            }
        }
        self.down("shut down");
    }

    fn down(&self, why: &str) {
        self.0.state.send_replace(State::Down(why.to_owned()));
    }

    async fn connect(&self, child: &mut Option<tokio::process::Child>) -> Result<Client, String> {
        if let Ok(client) = Client::connect(&self.0.socket).await {
            return self.take_charge(client).await;
        }
        *child = Some(self.spawn()?);
        let deadline = tokio::time::Instant::now() + START_PATIENCE;
        loop {
            match Client::connect(&self.0.socket).await {
                Ok(client) => return self.take_charge(client).await,
                Err(error) if tokio::time::Instant::now() >= deadline => {
                    return Err(base::error::chain(&error));
                }
                Err(_) => {}
            }
            if let Some(Ok(Some(status))) = child.as_mut().map(tokio::process::Child::try_wait) {
                return Err(format!("killd ended at once ({status}); its log is {}", self.log().display()));
            }
            tokio::time::sleep(TRY_AGAIN).await;
        }
    }

    /// Becomes supervisor and registers again what still lives.
    async fn take_charge(&self, client: Client) -> Result<Client, String> {
        let failed = |e: &dyn std::error::Error| base::error::chain(e);
        client.supervise(&self.0.name).await.map_err(|e| failed(&e))?;
        let living: Vec<_> = self.registered().values().cloned().collect();
        for registration in living {
            let run = registration.run.clone();
            if let Err(error) = client.register(registration).await {
                // Its supervisor finds the process killed, or kills it; the run decides what follows.
                tracing::warn!(run, error = failed(&error), "could not register a living run again");
            }
        }
        let status = client.status().await.map_err(|e| failed(&e))?;
        self.0.state.send_replace(State::Up { client: client.clone(), deny_all: status.deny_all });
        Ok(client)
    }

    fn log(&self) -> PathBuf {
        self.0.dir.join("killd.log")
    }

    fn spawn(&self) -> Result<tokio::process::Child, String> {
        base::files::private_dir(&self.0.dir).map_err(|e| format!("{}: {e}", self.0.dir.display()))?;
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log());
        let log = log.map_err(|e| format!("{}: {e}", self.log().display()))?;
        tokio::process::Command::new(&self.0.program)
            .arg("killd")
            .arg("--socket")
            .arg(&self.0.socket)
            .arg("--dir")
            .arg(&self.0.dir)
            .arg("--exit-when-alone")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            // A signal to the daemon's group (Ctrl-C) must not reach what is there when the daemon is gone.
            .process_group(0)
            .spawn()
            .map_err(|e| format!("cannot start {} killd: {e}", self.0.program.display()))
    }
}

impl From<killd::client::Error> for Error {
    fn from(error: killd::client::Error) -> Self {
        match error {
            killd::client::Error::Refused { order, why } => Self::Refused { order, why },
            other @ (killd::client::Error::Connect { .. }
            | killd::client::Error::Closed
            | killd::client::Error::TimedOut { .. }
            | killd::client::Error::TooLong { .. }
            | killd::client::Error::Failed { .. }
            | killd::client::Error::Unexpected { .. }) => Self::Down(base::error::chain(&other)),
        }
    }
}
