//! What an engine is told at start: the fleet, where projects live, and where it may write.

use adapters::sandbox::Level;
use adapters::tracker::Tracker;
use base::clock::Clock;
use base::env::Env;
use base::ids::Ids;
use domain::fleet::{Agent, Fleet, Project, RetryPolicy, Team};
use domain::{AgentName, Millis, ProjectName, TeamName};
use knowledge::workflow::Template;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Everything an engine is made from. Checked by the configuration before it gets here.
#[derive(Clone)]
pub struct Setup {
    /// Teams, agents, projects.
    pub fleet: Fleet,
    /// Where each project's issues and code are; one entry for each of the fleet's.
    pub sources: BTreeMap<ProjectName, Source>,
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
    /// This program, for the helpers that it starts as processes of their own.
    pub program: PathBuf,
    /// The outside, injected.
    pub outside: Outside,
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
}

impl Setup {
    /// The folder of all workspaces.
    pub fn workspaces(&self) -> PathBuf {
        self.state_dir.join("workspaces")
    }

    /// The folder of the kill plane: its socket and its tombstones.
    pub fn killd_dir(&self) -> PathBuf {
        killd_dir(&self.state_dir)
    }

    /// The kill plane's socket.
    pub fn killd_socket(&self) -> PathBuf {
        killd_socket(&self.state_dir)
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
