//! What an engine is told at start: the fleet, where projects live, and where it may write.

use crate::drivers::Drivers;
use adapters::sandbox::Level;
use adapters::tracker::Tracker;
use adapters::workspace::Root;
use base::clock::Clock;
use base::env::Env;
use base::ids::Ids;
use domain::fleet::{Agent, Fleet, Project, RetryPolicy, Team};
use domain::{AgentName, Millis, ProjectName, TeamName};
use futures_util::future::BoxFuture;
use knowledge::workflow::{Hooks, Template};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Everything an engine is made from. Checked by the configuration before it gets here.
#[derive(Clone)]
pub struct Setup {
    /// What is registered at start; [`crate::Engine::register`] replaces it.
    pub registered: Registered,
    /// Says whether what is registered is still what its files say.
    pub preflight: Arc<dyn Preflight>,
    /// Everything Seawall writes lies below it; readable by its own user only.
    pub state_dir: PathBuf,
    /// Where the gateway listens, for the runs' tunnels.
    pub gateway: std::net::SocketAddr,
    /// The weakest isolation that agents may run in.
    pub sandbox_floor: Level,
    /// Folders of this machine that agents may read, toolchains for one.
    pub readable: Vec<PathBuf>,
    /// The agents' PATH, in front of the system's own.
    pub path: Vec<PathBuf>,
    /// The user that agents run as when Seawall runs as root.
    pub agent_uid: u32,
    /// Environment variables that hold keys of providers: no hook inherits them.
    pub secret_names: Vec<String>,
    /// This program, for the helpers that it starts as processes of their own.
    pub program: PathBuf,
    /// The outside, injected.
    pub outside: Outside,
}

/// Teams, agents and projects, with where the projects are. Replaced as a whole when a file of the configuration
/// changes; what was begun under an older one goes on with what it took from it.
#[derive(Clone)]
pub struct Registered {
    /// Teams, agents, projects.
    pub fleet: Fleet,
    /// Where each project's issues and code are; one entry for each of the fleet's.
    pub sources: BTreeMap<ProjectName, Source>,
    /// Attempts of all projects that may live at once; `None`: each project's own slots are all that counts.
    pub slots: Option<u32>,
}

/// Asked before work is started: the files of the configuration may have changed since they were watched last.
pub trait Preflight: Send + Sync {
    /// What is wrong with the project's workflow as it stands on disk, if anything is.
    fn check<'a>(&'a self, project: &'a ProjectName) -> BoxFuture<'a, Result<(), String>>;
}

/// The configuration is what it was at start.
#[derive(Clone, Copy, Debug)]
pub struct Settled;

impl Preflight for Settled {
    fn check<'a>(&'a self, _project: &'a ProjectName) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What a test replaces.
#[derive(Clone)]
pub struct Outside {
    /// The time.
    pub clock: Clock,
    /// Names for new things.
    pub ids: Ids,
    /// The environment.
    pub env: Env,
    /// The programs that agents are.
    pub drivers: Arc<dyn Drivers>,
}

/// Where a project's issues and code are.
#[derive(Clone)]
pub struct Source {
    /// Its issues.
    pub tracker: Arc<dyn Tracker>,
    /// Its repository: a path or an address that git understands.
    pub remote: String,
    /// What its author agent is told, as a template over the issue.
    pub prompt: Arc<Template>,
    /// How often the tracker is read.
    pub poll: Millis,
    /// How work is handed off, where the project's delivery says so.
    pub handoff: Option<Arc<Handoff>>,
}

/// How a project's agents work when they hand their work on themselves: Symphony's own settings.
#[derive(Clone, Debug)]
pub struct Handoff {
    /// The folder of the issues' workspaces.
    pub root: PathBuf,
    /// What runs around their lives.
    pub hooks: Hooks,
    /// Turns of one worker, at most.
    pub max_turns: u32,
    /// The workflow's own block for the agent's driver; an object.
    pub settings: serde_json::Value,
    /// The shell command that starts the agent, where its driver takes one.
    pub command: Option<String>,
    /// The workflow, or the agent, names the model; otherwise the agent's own command chooses.
    pub names_model: bool,
    /// The longest silence within a turn.
    pub turn_timeout: Millis,
    /// The longest wait for an answer of the agent's protocol.
    pub read_timeout: Millis,
    /// The longest silence at all; `None`: any.
    pub stall_timeout: Option<Millis>,
}

impl Setup {
    /// The folder of all workspaces.
    pub fn workspaces(&self) -> PathBuf {
        self.state_dir.join("workspaces")
    }

    /// The workspaces of handed-off issues below `root`.
    pub(crate) fn root(&self, root: &Path) -> Root {
        Root::new(root, self.state_dir.join("unfinished"))
    }

    /// The folder of the kill plane: its socket and its tombstones.
    pub fn killd_dir(&self) -> PathBuf {
        killd_dir(&self.state_dir)
    }

    /// The kill plane's socket.
    pub fn killd_socket(&self) -> PathBuf {
        killd_socket(&self.state_dir)
    }
}

impl Registered {
    pub(crate) fn source(&self, name: &ProjectName) -> Option<&Source> {
        self.sources.get(name)
    }

    pub(crate) fn project(&self, name: &ProjectName) -> Option<&Project> {
        self.fleet.projects.get(name)
    }

    pub(crate) fn agent(&self, name: &AgentName) -> Option<&Agent> {
        self.fleet.agents.get(name)
    }

    pub(crate) fn team(&self, name: &TeamName) -> Option<&Team> {
        self.fleet.teams.get(name)
    }

    /// The project a run was claimed for, or one that only lets it end: the configuration may have lost it.
    pub(crate) fn project_or_last_rites(&self, name: &ProjectName) -> Project {
        self.project(name).cloned().unwrap_or_else(|| Project {
            slots: 0,
            retry: RetryPolicy { max_attempts: 0, ..RetryPolicy::default() },
            max_rounds: 0,
            ..Project::new(name.clone(), TeamName::new(""), AgentName::new(""))
        })
    }
}

/// The folder of the kill plane below `state_dir`.
pub fn killd_dir(state_dir: &Path) -> PathBuf {
    state_dir.join("killd")
}

/// The kill plane's socket below `state_dir`.
pub fn killd_socket(state_dir: &Path) -> PathBuf {
    killd_dir(state_dir).join("killd.sock")
}
