//! Start and drain, in the one order in which nothing comes back that was stopped.
//!
//! 1. the lease of the database's one engine; others stand by;
//! 2. the kill plane;
//! 3. its tombstones, taken over before anything is scheduled;
//! 4. the key that signs run tokens, published;
//! 5. what an earlier process left behind;
//! 6. the loops.
//!
//! The caller holds the lock of the state folder: one daemon for each.

use crate::attempt::LiveAttempts;
use crate::key::{self, SigningKey};
use crate::kill_plane::KillPlane;
use crate::perform::Held;
use crate::runs::Runs;
use crate::setup::Setup;
use crate::share::Shares;
use crate::wake::Wake;
use crate::{Engine, Inner, order, tenure};
use adapters::forge::git::GitForge;
use adapters::sandbox::{Level, Sandbox};
use base::tasks::Tasks;
use domain::Timestamp;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;
use store::Store;

/// How long the kill plane may still be ending what an earlier process left.
const SWEEP_PATIENCE: Duration = Duration::from_secs(10);
/// How long attempts have to end when the engine is drained.
const DRAIN_PATIENCE: Duration = Duration::from_secs(20);

/// Why an engine did not start. Nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A folder or file that Seawall needs.
    #[error("cannot use {path}; check its permissions and space")]
    Folder {
        /// Which.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The isolation is below the configured floor.
    #[error(
        "agents must run {floor} here (`sandbox.require`), and this machine offers {level}; \
         `seawall doctor` says what is missing"
    )]
    BelowFloor {
        /// What is required.
        floor: &'static str,
        /// What there is.
        level: &'static str,
    },
    /// git is missing.
    #[error(transparent)]
    Forge(#[from] adapters::forge::git::Error),
    /// The kill plane does not answer, or cannot trust its tombstones.
    #[error("the kill plane is not ready: {0}")]
    KillPlane(String),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// A tombstone could not be taken over.
    #[error("orders given while Seawall was down could not be taken over")]
    Orders(#[from] order::Error),
}

impl Engine {
    /// Starts an engine. `only` says that no other engine can work on this store (a SQLite file, whose
    /// folder's lock the caller holds): what was left behind is then taken up at once.
    pub async fn start(setup: Setup, store: Store, only: bool) -> Result<Self, StartError> {
        let tasks = Tasks::new();
        let dir = &setup.state_dir;
        let folder = |source| StartError::Folder { path: dir.display().to_string(), source };
        let probe = dir.join("probe");
        std::fs::create_dir_all(&probe).map_err(folder)?;
        let found = Sandbox::discover(&setup.outside.env, &probe, &setup.program, setup.agent_uid).await;
        let sandbox = found.map_err(folder)?;
        at_floor(sandbox.level(), setup.sandbox_floor)?;
        let limits = adapters::forge::git::Limits::default();
        let forge = GitForge::open(dir.join("mirrors"), &setup.outside.env, limits)?;
        let owner = setup.outside.ids.next();
        let holder = tenure::holder(&setup.state_dir, || setup.outside.ids.next()).map_err(folder)?;
        let tenure = tenure::acquire(&store, holder).await?;
        let store = store.under(tenure.fence());
        let kill_plane = KillPlane::start(
            setup.program.clone(),
            setup.killd_dir(),
            setup.killd_socket(),
            format!("engine {owner}"),
            &tasks,
        )
        .await;
        kill_plane.ready().map_err(StartError::KillPlane)?;
        let engine = Self(Arc::new(Inner {
            registered: RwLock::new(Arc::new(setup.registered.clone())),
            setup,
            store,
            sandbox,
            forge,
            kill_plane,
            key: SigningKey::unknown(),
            owner,
            tenure,
            only,
            tasks,
            live: LiveAttempts::default(),
            runs: Runs::default(),
            held: Held::default(),
            shares: Shares::default(),
            refresh_asked: AtomicBool::new(false),
            deliveries: adapters::tracker::webhook::Seen::default(),
            rate_limits: Mutex::default(),
            owed: Wake::new(),
            schedule: Wake::new(),
            due: Wake::new(),
            refresh: Wake::new(),
            revoked: Mutex::default(),
            failures: Mutex::default(),
            troubles: Mutex::new(BTreeMap::new()),
        }));
        let keeper = engine.clone();
        engine.0.tasks.spawn("keep tenure", async move { keeper.keep_tenure().await });
        engine.begin(only).await?;
        Ok(engine)
    }

    async fn begin(&self, only: bool) -> Result<(), StartError> {
        self.adopt_tombstones(Timestamp(i64::MAX)).await?;
        self.0.key.renew(&self.0.store, self.now()).await?;
        self.swept().await;
        if only {
            self.0.store.end_all_leases().await?;
        }
        self.0.runs.load(self.0.store.open_runs().await?);
        // Whoever gave an order may have been killed before every run it covers heard of it.
        self.stop_contained().await?;
        self.spawn_loops();
        Ok(())
    }

    async fn renew_key_forever(&self) {
        let over = self.0.tasks.token();
        let mut wait = key::RENEWAL;
        loop {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = over.cancelled() => return,
            }
            wait = match self.0.key.renew(&self.0.store, self.now()).await {
                Ok(()) => key::RENEWAL,
                Err(error) => {
                    tracing::error!(error = base::error::chain(&error), "cannot renew the key of run tokens");
                    key::RETRY
                }
            };
        }
    }

    /// Waits until the kill plane has ended what an earlier supervisor had registered.
    async fn swept(&self) {
        let deadline = tokio::time::Instant::now() + SWEEP_PATIENCE;
        while tokio::time::Instant::now() < deadline {
            match self.0.kill_plane.status().await {
                Ok(status) if status.runs.iter().any(|run| run.alive) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn spawn_loops(&self) {
        let tasks = &self.0.tasks;
        let engine = self.clone();
        tasks.spawn("perform", async move { engine.perform_forever().await });
        let engine = self.clone();
        tasks.spawn("reconcile runs", async move { engine.reconcile_runs_forever().await });
        let engine = self.clone();
        tasks.spawn("reconcile orders", async move { engine.reconcile_orders_forever().await });
        let engine = self.clone();
        tasks.spawn("renew key", async move { engine.renew_key_forever().await });
        let registered = self.registered();
        registered.fleet.projects.keys().for_each(|project| self.0.shares.expect(project));
        for project in registered.fleet.projects.keys() {
            let (engine, project) = (self.clone(), project.clone());
            tasks.spawn("reconcile issues", async move { engine.reconcile_issues_forever(project).await });
        }
    }

    /// Stops taking up work, ends the attempts (they are lost, and retried after the next start), and waits
    /// for what is being performed.
    pub async fn drain(&self) {
        let drained = self.0.tasks.drain(DRAIN_PATIENCE).await;
        if drained.abandoned > 0 {
            tracing::warn!(
                abandoned = drained.abandoned,
                "tasks did not end in time; their work is taken up later"
            );
        }
        self.end_tenure().await;
    }

    /// How many attempts live in this process.
    pub fn live_attempts(&self) -> usize {
        self.0.live.len()
    }
}

fn at_floor(level: Level, floor: Level) -> Result<(), StartError> {
    if level >= floor {
        return Ok(());
    }
    Err(StartError::BelowFloor { floor: floor.as_str(), level: level.as_str() })
}
