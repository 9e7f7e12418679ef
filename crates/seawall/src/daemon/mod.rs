//! The daemon: store, gateway, engine and control door of one machine, wired together.
//!
//! Invariants: one daemon for each state folder, held by a lock; the doors listen only when everything behind
//! them works; a drain goes from the outside in: doors, engine, gateway, store.

mod control;
mod lost_calls;
mod watch;
mod wiring;
mod workflows;

use crate::config::Config;
use adapters::sandbox::Level;
use base::files::{Lock, LockError};
use base::secret::Secret;
use base::tasks::Tasks;
use engine::{Engine, Outside};
use gateway::{Door, Gateway};
use server::Server;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use workflows::Workflows;

/// Below the state directory: held by the daemon that works in it.
pub const LOCK_FILE: &str = "seawall.lock";
/// How long what a killed daemon left behind may keep its lock, and how often it is tried.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);
const LOCK_RETRY: Duration = Duration::from_millis(20);
/// How long the gateway may take to settle what is open when the daemon ends.
const GATEWAY_PATIENCE: Duration = Duration::from_secs(10);

/// What the command line says besides the configuration.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Leaves the control door open for whoever reaches the loopback address.
    pub insecure_loopback: bool,
}

/// A running daemon.
pub struct Daemon {
    /// Performs and reconciles.
    pub engine: Engine,
    /// Remembers.
    pub store: Store,
    /// Where the control door listens.
    pub control: SocketAddr,
    /// Where the gateway listens.
    pub gateway: SocketAddr,
    /// What opens the control door.
    pub secret: Secret,
    gateway_tasks: Tasks,
    doors: Tasks,
    stop_doors: CancellationToken,
    _lock: Lock,
}

/// Why a daemon did not start. Nothing is left running.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another daemon works in the same folder.
    #[error(transparent)]
    Running(#[from] LockError),
    /// A file or folder.
    #[error("cannot use {}; check its permissions and space", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// An address is taken.
    #[error(
        "cannot listen on {address} for the {door} door; another program may have it: choose another port"
    )]
    Listen {
        /// `control` or `gateway`.
        door: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database.
    #[error("cannot open the store; check [store] url")]
    Store(#[from] store::Error),
    /// The gateway.
    #[error(transparent)]
    Gateway(#[from] gateway::Error),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] engine::StartError),
}

impl Error {
    /// Whether policy forbids to start here (exit code 4), rather than something being broken.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Engine(engine::StartError::BelowFloor { .. }))
    }
}

impl Daemon {
    /// Starts everything that `config` names.
    pub async fn start(config: Config, options: Options, outside: Outside) -> Result<Self, Error> {
        let file = |path: &std::path::Path| {
            let path = path.to_owned();
            move |source| Error::File { path, source }
        };
        base::files::private_dir(&config.state_dir).map_err(file(&config.state_dir))?;
        let lock = lock(&config.state_dir.join(LOCK_FILE)).await?;
        let secret = wiring::control_secret(&config).map_err(file(&config.control_secret_file()))?;
        let store = Store::open(&wiring::store_url(&config)).await?;
        let gateway_listener = listen("gateway", config.gateway).await?;
        let control_listener = listen("control", config.control).await?;
        let local = |listener: &TcpListener, asked: SocketAddr| listener.local_addr().unwrap_or(asked);
        let (gateway_addr, control_addr) =
            (local(&gateway_listener, config.gateway), local(&control_listener, config.control));

        let only = matches!(config.store, crate::config::StoreUrl::Sqlite(_));
        lost_calls::settle_at_start(&store, &outside.clock, only).await?;
        let gateway_tasks = Tasks::new();
        let gateway = Gateway::new(
            wiring::gateway(&config),
            Arc::new(store.clone()),
            outside.clock.clone(),
            outside.ids.clone(),
            gateway_tasks.clone(),
        )
        .await?;
        lost_calls::watch(store.clone(), outside.clock.clone(), &gateway_tasks);
        let workflows = Arc::new(Workflows::new(&config, outside.env.clone()));
        let setup = wiring::setup(&config, gateway_addr, outside.clone(), workflows.clone())
            .map_err(file(&config.state_dir))?;
        let engine = match Engine::start(setup, store.clone(), only).await {
            Ok(engine) => engine,
            Err(error) => {
                gateway_tasks.drain(GATEWAY_PATIENCE).await;
                return Err(error.into());
            }
        };
        let told = engine.clone();
        workflows.apply_with(move |registered| told.register(registered));
        let server = Server::new(server::State {
            store: store.clone(),
            control: Arc::new(control::EngineControl::new(engine.clone())),
            clock: outside.clock,
            secret: secret.clone(),
            insecure_loopback: options.insecure_loopback,
            fleet: config.fleet.clone(),
            hosts: vec![],
            blobs: wiring::blobs(&config),
        });
        let (doors, stop_doors) = (Tasks::new(), CancellationToken::new());
        let stop = stop_doors.clone();
        let serving = gateway.clone();
        // The gateway's door outlives the control door: attempts that end may still settle a call.
        gateway_tasks.spawn("gateway door", async move {
            serving.serve(gateway_listener, Door::AnyRun, CancellationToken::new()).await;
        });
        let stop_watch = stop_doors.clone();
        doors.spawn("workflow watch", async move { workflows.watch(stop_watch).await });
        doors.spawn("control door", async move { server.serve(control_listener, stop).await });
        let told = config.state_dir.join(crate::cli::context::ADDRESS_FILE);
        base::files::write_atomic(&told, control_addr.to_string().as_bytes(), 0o600).map_err(file(&told))?;
        Ok(Self {
            engine,
            store,
            control: control_addr,
            gateway: gateway_addr,
            secret,
            gateway_tasks,
            doors,
            stop_doors,
            _lock: lock,
        })
    }

    /// The dashboard's address.
    pub fn dashboard(&self) -> String {
        format!("http://{}/", self.control)
    }

    /// The isolation that agents get.
    pub fn isolation(&self) -> Level {
        self.engine.sandbox().level()
    }

    /// Ends everything in order: attempts are ended and retried after the next start, open calls are settled.
    pub async fn drain(self) {
        self.stop_doors.cancel();
        self.engine.drain().await;
        self.gateway_tasks.drain(GATEWAY_PATIENCE).await;
        self.doors.drain(Duration::from_secs(5)).await;
        let store::Stats { commits, batches, conflicts, under_way: _ } = self.store.stats();
        // What a run costs the disk; `cargo xtask bench issues` reads this line.
        tracing::info!(commits, batches, conflicts, "drained");
    }
}

/// Takes the lock of the state folder; what a daemon that was killed left behind is waited for, a living one is not.
async fn lock(path: &Path) -> Result<Lock, LockError> {
    let deadline = tokio::time::Instant::now() + LOCK_PATIENCE;
    loop {
        match Lock::acquire(path) {
            Err(LockError::Held { .. })
                if !base::files::lock_taker_lives(path) && tokio::time::Instant::now() < deadline =>
            {
                tokio::time::sleep(LOCK_RETRY).await;
            }
            other => return other,
        }
    }
}

async fn listen(door: &'static str, address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Listen { door, address, source })
}
