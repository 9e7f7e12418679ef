//! What the configuration registers: teams, agents, projects. Read once at start, checked as a whole.

use crate::budget::Limit;
use crate::change::Landing;
use crate::issue::{States, normal};
use crate::{AgentName, Millis, ModelName, ProjectName, TeamName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Attempts of a project that may live at once unless somebody says otherwise (Symphony 5.3.5).
pub const DEFAULT_SLOTS: u32 = 10;
/// Review rounds before a person must decide unless somebody says otherwise.
pub const DEFAULT_MAX_ROUNDS: u32 = 3;

/// Model turns of an attempt unless the agent says otherwise: a long task, not a loop.
pub const DEFAULT_MAX_TURNS: u32 = 100;
/// An attempt's time unless the agent says otherwise (Symphony 5.3.6 gives a turn one hour).
pub const DEFAULT_ATTEMPT_TIMEOUT: Millis = Millis::seconds(3600);
/// Silence that counts as stalled unless the agent says otherwise (Symphony 5.3.6).
pub const DEFAULT_STALL_TIMEOUT: Millis = Millis::seconds(300);

/// Everything that is registered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    /// By name.
    pub teams: BTreeMap<TeamName, Team>,
    /// By name.
    pub agents: BTreeMap<AgentName, Agent>,
    /// By name.
    pub projects: BTreeMap<ProjectName, Project>,
}

/// Owns agents and code, pays for runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Team {
    /// Its name.
    pub name: TeamName,
    /// The most its agents may spend together.
    pub budget: Option<Limit>,
    /// The agent that reviews for it.
    pub reviewer: Option<AgentName>,
    /// Folder of its knowledge, relative to a project's repository; `teams/NAME` unless set.
    pub knowledge: String,
}

/// Which program drives the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// Seawall's own small tool loop.
    Builtin,
    /// The Codex CLI's app-server.
    Codex,
    /// The Claude Code CLI.
    Claude,
    /// Any program, started once for each turn.
    Command,
}

/// A registered kind of worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Its name.
    pub name: AgentName,
    /// The team that owns it and pays for it.
    pub team: TeamName,
    /// What runs it.
    pub driver: Driver,
    /// The program to start, when it is not the driver's own name on the PATH.
    pub command: Option<String>,
    /// The model it asks for.
    pub model: ModelName,
    /// The most one run (or a day of runs) may spend.
    pub budget: Option<Limit>,
    /// The most model turns of one attempt.
    pub max_turns: u32,
    /// An attempt that lasts longer has timed out.
    pub attempt_timeout: Millis,
    /// An attempt without activity for longer has stalled.
    pub stall_timeout: Millis,
    /// What one attempt may use of this machine.
    pub limits: Limits,
}

impl Agent {
    /// An agent that says nothing more.
    pub fn new(name: AgentName, team: TeamName, driver: Driver, model: ModelName) -> Self {
        Self {
            name,
            team,
            driver,
            command: None,
            model,
            budget: None,
            max_turns: DEFAULT_MAX_TURNS,
            attempt_timeout: DEFAULT_ATTEMPT_TIMEOUT,
            stall_timeout: DEFAULT_STALL_TIMEOUT,
            limits: Limits::default(),
        }
    }
}

/// What one attempt may use of the machine it runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Processes and threads.
    pub pids: u32,
    /// Percent of one processor; 200 is two of them.
    pub cpu_percent: u32,
    /// Bytes the workspace may hold.
    pub workspace_bytes: u64,
}

impl Default for Limits {
    /// Fits a test suite of an ordinary project: 2 GiB, 512 processes, two processors, 4 GiB of files.
    fn default() -> Self {
        Self { memory_bytes: 2 << 30, pids: 512, cpu_percent: 200, workspace_bytes: 4 << 30 }
    }
}

/// How a project's work reaches people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Seawall takes the change, has its owners review it, and lands it.
    #[default]
    Land,
    /// As Symphony's specification has it: the agent works in a workspace of the issue's own until the tracker's state
    /// says that it is over, and hands its work on itself.
    Handoff,
}

/// A repository with its tracker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its name.
    pub name: ProjectName,
    /// The team that owns what CODEOWNERS gives to nobody.
    pub team: TeamName,
    /// The agent that works on its issues.
    pub author: AgentName,
    /// How its work reaches people.
    pub delivery: Delivery,
    /// Attempts that may live at once, reviews included.
    pub slots: u32,
    /// Attempts that may live at once for issues in a state; the state normalised (see [`crate::issue::normal`]).
    pub slots_by_state: BTreeMap<String, u32>,
    /// The agent for issues in a state, where it is another one than `author`; the state normalised.
    pub agents_by_state: BTreeMap<String, AgentName>,
    /// Its share of what all projects may do at once, against the other projects' shares.
    pub weight: u32,
    /// What its tracker's states mean.
    pub states: States,
    /// Labels that an issue must have, all of them, to be worked on.
    pub required_labels: Vec<String>,
    /// The branch that changes land on.
    pub branch: String,
    /// How they land.
    pub landing: Landing,
    /// When to try again, and when to give up.
    pub retry: RetryPolicy,
    /// Review rounds before a person must decide.
    pub max_rounds: u32,
}

impl Project {
    /// A project that says nothing more: Symphony's defaults (5.3), and what is landed is reviewed.
    pub fn new(name: ProjectName, team: TeamName, author: AgentName) -> Self {
        Self {
            name,
            team,
            author,
            delivery: Delivery::default(),
            slots: DEFAULT_SLOTS,
            slots_by_state: BTreeMap::new(),
            agents_by_state: BTreeMap::new(),
            weight: 1,
            states: States::default(),
            required_labels: vec![],
            branch: "main".to_owned(),
            landing: Landing::default(),
            retry: RetryPolicy::default(),
            max_rounds: DEFAULT_MAX_ROUNDS,
        }
    }

    /// The agent for an issue in `state`.
    pub fn agent_for(&self, state: &str) -> &AgentName {
        self.agents_by_state.get(&normal(state)).unwrap_or(&self.author)
    }
}

/// When to try again, and when to give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts of one run, those lost in a crash included.
    pub max_attempts: u32,
    /// The wait after work that was lost through no fault of its own.
    pub soon: Millis,
    /// The wait after the first failure; doubles with each further one.
    pub first: Millis,
    /// The longest wait.
    pub longest: Millis,
}

impl Default for RetryPolicy {
    /// Symphony 8.4: 1 s to continue, 10 s doubled up to 5 min. The bound on attempts is ours.
    fn default() -> Self {
        Self {
            max_attempts: 10,
            soon: Millis::seconds(1),
            first: Millis::seconds(10),
            longest: Millis::seconds(300),
        }
    }
}

impl RetryPolicy {
    /// The wait before the attempt that follows failure number `failures` (from 1).
    pub fn backoff(&self, failures: u32) -> Millis {
        let doublings = failures.saturating_sub(1).min(20);
        Millis(self.first.0.saturating_mul(1 << doublings).min(self.longest.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_the_longest() {
        let policy = RetryPolicy::default();
        let waits: Vec<u64> = [1, 2, 3, 6, 7, 400].map(|n| policy.backoff(n).0).to_vec();
        assert_eq!(waits, [10_000, 20_000, 40_000, 300_000, 300_000, 300_000]);
    }
}
