//! What every handler shares.

use std::path::PathBuf;
use std::sync::Arc;

use base::clock::Clock;
use base::secret::Secret;
use domain::Timestamp;
use domain::fleet::Fleet;
use store::Store;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::control::SharedControl;
use crate::door::delivery::Deliveries;
use crate::door::session::Sessions;
use crate::live::MAX_FEEDS;
use crate::records::Records;

/// What a server is made of.
#[derive(Clone)]
pub struct State {
    /// What it reads.
    pub store: Store,
    /// What it may ask of the engine.
    pub control: SharedControl,
    /// The time.
    pub clock: Clock,
    /// What opens the door.
    pub secret: Secret,
    /// Leaves the door open for whoever reaches the loopback address.
    pub insecure_loopback: bool,
    /// What the configuration registers.
    pub fleet: Fleet,
    /// Names beside loopback under which this server is addressed, without ports.
    pub hosts: Vec<String>,
    /// Where the gateway keeps the bodies of calls.
    pub blobs: PathBuf,
}

/// Shared by the handlers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

pub(crate) struct Inner {
    pub records: Records,
    pub control: SharedControl,
    pub clock: Clock,
    pub secret: Secret,
    pub insecure_loopback: bool,
    pub fleet: Arc<Fleet>,
    pub hosts: Vec<String>,
    pub blobs: PathBuf,
    pub sessions: Sessions,
    pub feeds: Arc<Semaphore>,
    pub deliveries: Deliveries,
    /// Cancelled when the server ends, so that feeds do not hold the drain up.
    pub ending: CancellationToken,
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl App {
    pub fn new(state: State) -> Self {
        let fleet = Arc::new(state.fleet);
        Self(Arc::new(Inner {
            records: Records::new(state.store, Arc::clone(&fleet)),
            control: state.control,
            clock: state.clock,
            secret: state.secret,
            insecure_loopback: state.insecure_loopback,
            fleet,
            hosts: state.hosts.iter().map(|h| h.to_ascii_lowercase()).collect(),
            blobs: state.blobs,
            sessions: Sessions::default(),
            feeds: Arc::new(Semaphore::new(MAX_FEEDS)),
            deliveries: Deliveries::default(),
            ending: CancellationToken::new(),
        }))
    }

    pub fn now(&self) -> Timestamp {
        Timestamp(self.clock.now_us())
    }
}
