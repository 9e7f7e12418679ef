//! One handed-off project in a temporary folder: a real store, kill plane and workspaces; issues in memory, simulated
//! agents.

use crate::agents::{Agents, Habits, Simulated, new_issue};
use crate::pacer::Pacer;
use adapters::tracker::memory::MemoryTracker;
use base::clock::{Clock, ManualClock};
use base::env::Env;
use base::ids::Ids;
use domain::fleet::{Agent, Delivery, Driver, Fleet, Limits, Project, Team};
use domain::{Millis, ProjectName};
use engine::{Engine, Handoff, Outside, Registered, Settled, Setup, Source};
use knowledge::workflow::{Hooks, Workflow};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::Store;

/// Longer than any benchmark.
const NEVER: Millis = Millis::seconds(30 * 24 * 3600);

/// What is to be simulated.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Issues to be worked on.
    pub issues: usize,
    /// Attempts that may live at once.
    pub slots: u32,
    /// Turns of one session.
    pub max_turns: u32,
    /// How agents live.
    pub habits: Habits,
}

/// The project, by name.
pub fn shop() -> ProjectName {
    "shop".into()
}

/// A world whose engine is not started yet.
pub struct World {
    pub store: Store,
    pub tracker: MemoryTracker,
    pub agents: Arc<Agents>,
    setup: Setup,
    hand: Option<ManualClock>,
}

impl World {
    /// A world whose time is moved by hand. Everything lies in `folder`.
    pub async fn paced(folder: &Path, size: Size) -> Self {
        // The store's clock is the machine's: a simulated one that stood elsewhere would make everything overdue.
        let (clock, hand) = Clock::manual(Clock::system().now_us());
        Self::with(folder, size, clock, Some(hand)).await
    }

    /// A world in real time; in a folder that has been used it finds what was left.
    pub async fn real(folder: &Path, size: Size) -> Self {
        Self::with(folder, size, Clock::system(), None).await
    }

    async fn with(folder: &Path, size: Size, clock: Clock, hand: Option<ManualClock>) -> Self {
        let issues = (0..size.issues).map(|n| new_issue(&format!("SHOP-{n}")));
        let tracker = MemoryTracker::new(issues);
        let agents = Arc::new(Agents::new(size.habits, tracker.clone()));
        let outside = Outside {
            clock,
            ids: Ids::random(),
            env: Env::process(),
            drivers: Arc::new(Simulated(agents.clone())),
        };
        let setup = setup(folder, size, tracker.clone(), outside);
        let url = format!("sqlite:{}", folder.join("seawall.db").display());
        let store = Store::open(&url).await.expect("a temporary folder holds a database");
        Self { store, tracker, agents, setup, hand }
    }

    /// Starts the kill plane and the engine.
    pub async fn start(&self) -> Engine {
        let (socket, dir) = (self.setup.killd_socket(), self.setup.killd_dir());
        let killd = killd::server::Config { socket: socket.clone(), dir, exit_when_alone: false };
        tokio::spawn(async move { killd::server::serve(killd).await.expect("the kill plane serves") });
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let started = Engine::start(self.setup.clone(), self.store.clone(), true).await;
        started.expect("an engine starts in a folder of its own")
    }

    /// Takes the time of a paced world over.
    pub fn pacer(&self) -> Pacer {
        let hand = self.hand.clone().expect("a paced world");
        Pacer::take_over(self.store.clone(), hand)
    }
}

fn setup(folder: &Path, size: Size, tracker: MemoryTracker, outside: Outside) -> Setup {
    let workflow = Workflow::parse("WORKFLOW.md", "Do {{ issue.title }}").expect("a template");
    let handoff = Handoff {
        root: folder.join("workspaces"),
        hooks: Hooks {
            after_create: None,
            before_run: None,
            after_run: None,
            before_remove: None,
            timeout_ms: 60_000,
        },
        max_turns: size.max_turns,
        settings: serde_json::json!({}),
        command: Some("simulated".to_owned()),
        names_model: false,
        turn_timeout: NEVER,
        read_timeout: NEVER,
        stall_timeout: None,
    };
    let source = Source {
        tracker: Arc::new(tracker),
        remote: String::new(),
        prompt: Arc::new(workflow.prompt),
        poll: Millis::seconds(30),
        handoff: Some(Arc::new(handoff)),
    };
    let team = Team { name: "pay".into(), budget: None, reviewer: None, knowledge: String::new() };
    let project = Project {
        slots: size.slots,
        delivery: Delivery::Handoff,
        ..Project::new(shop(), "pay".into(), "author".into())
    };
    let fleet = Fleet {
        teams: [("pay".into(), team)].into(),
        agents: [("author".into(), agent())].into(),
        projects: [(shop(), project)].into(),
    };
    Setup {
        registered: Registered { fleet, sources: BTreeMap::from([(shop(), source)]), slots: None },
        preflight: Arc::new(Settled),
        state_dir: folder.join("state"),
        gateway: ([127, 0, 0, 1], 9).into(),
        sandbox_floor: adapters::sandbox::Level::Bare,
        readable: vec![],
        path: vec![],
        agent_uid: 65_534,
        secret_names: vec![],
        program: PathBuf::from("/bin/false"),
        outside,
    }
}

fn agent() -> Agent {
    Agent {
        name: "author".into(),
        team: "pay".into(),
        driver: Driver::Command,
        command: Some("simulated".to_owned()),
        model: "large".into(),
        budget: None,
        max_turns: 0,
        attempt_timeout: NEVER,
        stall_timeout: NEVER,
        limits: Limits::default(),
    }
}
