//! Submits inputs, performs effects, reconciles.
//!
//! The engine decides nothing: `domain` does. It loads facts, hands them to a pure decision, commits the
//! step in one transaction, and performs what the step owes. Invariants:
//! - nothing happens outside before it is owed in the store, and nothing owed is forgotten;
//! - an effect is held by one performer at a time, for as long as its engine is that of the database;
//! - no attempt starts before the tombstones were read and the kill plane answers.

mod attempt;
mod claims;
mod drivers;
mod facts;
mod failure;
mod key;
mod kill_plane;
pub mod order;
mod perform;
mod reconcile;
mod runs;
pub mod setup;
mod share;
mod start;
mod submit;
mod tenure;
mod wake;

pub use drivers::{Drivers, Installed, Wanted};
pub use kill_plane::KillPlane;
pub use setup::{Handoff, Outside, Preflight, Registered, Settled, Setup, Source, killd_dir, killd_socket};
pub use start::StartError;

use adapters::forge::git::GitForge;
use adapters::sandbox::Sandbox;
use adapters::tracker::webhook::WebhookError;
use attempt::LiveAttempts;
pub use attempt::{Repository, Telemetry};
use base::secret::Secret;
use base::tasks::Tasks;
use domain::{EffectId, OrderId, ProjectName, RunId, Timestamp};
use key::SigningKey;
use perform::Held;
use runs::Runs;
use share::Shares;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use store::Store;
use wake::Wake;

/// A running engine; clones share it.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

pub(crate) struct Inner {
    setup: Setup,
    /// The latest of what was registered.
    registered: RwLock<Arc<Registered>>,
    store: Store,
    sandbox: Sandbox,
    forge: GitForge,
    kill_plane: KillPlane,
    key: SigningKey,
    /// Names this engine as the holder of leases; another one each time it starts.
    owner: String,
    /// The lease of the database's one engine.
    tenure: tenure::Held,
    /// No other engine works on this store.
    only: bool,
    tasks: Tasks,
    live: LiveAttempts,
    /// The runs that are not over.
    runs: Runs,
    held: Held,
    /// Tokens that orders revoked, the latest last: a drill replays them to show that they are refused.
    revoked: Mutex<VecDeque<(OrderId, RunId, Secret)>>,
    /// Who may start what when slots are shared.
    shares: Shares,
    /// Something is owed that was not before.
    owed: Wake,
    /// A slot became free, or a wait is over.
    schedule: Wake,
    /// A run waits that did not before, or a slot for it became free.
    due: Wake,
    /// A person, or a webhook, wants the trackers read now.
    refresh: Wake,
    /// A refresh was asked for, and no reading has begun since.
    refresh_asked: AtomicBool,
    /// The rate limits that any agent told last.
    rate_limits: Mutex<Option<serde_json::Value>>,
    /// Deliveries of trackers that came lately.
    deliveries: adapters::tracker::webhook::Seen,
    /// How often each effect failed in this process.
    failures: Mutex<HashMap<EffectId, u32>>,
    /// What is wrong with a project's tracker, while it is.
    troubles: Mutex<BTreeMap<ProjectName, String>>,
}

impl Engine {
    /// Wakes the reconciler: trackers are read now, not at the next tick. True: that was asked for already, and the
    /// reading had not begun.
    pub fn refresh(&self) -> bool {
        let asked = self.0.refresh_asked.swap(true, Ordering::SeqCst);
        self.0.refresh.wake();
        asked
    }

    /// A tracker of `project` pushed something. What is signed, fresh and new has the tracker read now; nothing else that
    /// it says is believed.
    pub fn webhook(
        &self,
        project: &ProjectName,
        headers: &hyper::HeaderMap,
        body: &[u8],
    ) -> Result<(), WebhookError> {
        let registered = self.registered();
        let source = registered.source(project).ok_or(WebhookError::NotServed)?;
        let delivery = source.tracker.verify_webhook(headers, body, self.now())?;
        self.0.deliveries.first_time(&delivery, self.now())?;
        tracing::info!(%project, delivery = delivery.id, event = delivery.event, "the tracker says that something happened");
        self.refresh();
        Ok(())
    }

    /// Something changed that may let work start: the schedule is looked at anew.
    pub fn reschedule(&self) {
        self.0.schedule.wake();
        self.0.due.wake();
    }

    /// The rate limits that any agent told last.
    pub fn rate_limits(&self) -> Option<serde_json::Value> {
        self.0.rate_limits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces what is registered: from now on decisions and starts rest on it. Projects that were not there at
    /// start are looked at after the next one.
    pub fn register(&self, registered: Registered) {
        *self.0.registered.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(registered);
        self.0.refresh.wake();
        self.0.due.wake();
    }

    pub(crate) fn registered(&self) -> Arc<Registered> {
        self.0.registered.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The kill plane.
    pub fn kill_plane(&self) -> &KillPlane {
        &self.0.kill_plane
    }

    /// What each attempt that lives in this process reported so far.
    pub fn telemetry(&self) -> Vec<(RunId, Telemetry)> {
        self.0.live.telemetry()
    }

    /// The isolation that agents get here.
    pub fn sandbox(&self) -> &Sandbox {
        &self.0.sandbox
    }

    /// What is wrong with each project's tracker, if anything is.
    pub fn troubles(&self) -> BTreeMap<ProjectName, String> {
        self.0.troubles.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.0.setup.outside.clock.now_us())
    }
}
