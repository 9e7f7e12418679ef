//! `[agents.X]`: registered kinds of workers.

use super::section::{Given, Reader, Section};
use super::units::{duration, processors, size};
use domain::budget::Limit;
use domain::fleet::{
    Agent, DEFAULT_ATTEMPT_TIMEOUT, DEFAULT_MAX_TURNS, DEFAULT_STALL_TIMEOUT, Driver, Limits,
};
use domain::{AgentName, ModelName, TeamName};
use std::collections::BTreeMap;

/// An agent with where its parts stand.
#[derive(Clone, Debug)]
pub struct Stated {
    /// The agent.
    pub agent: Agent,
    /// Its name, where it stands.
    pub name: Given<String>,
    /// Its team, where it is named.
    pub team: Option<Given<String>>,
    /// Its model, where it is named.
    pub model: Option<Given<String>>,
    /// Whether the file says its `max_turns`, `stall_timeout` and `attempt_timeout`, so that a WORKFLOW.md may not.
    pub says: Says,
}

/// Which of the keys that WORKFLOW.md may give as well are said here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Says {
    /// `command`.
    pub command: bool,
    /// `max_turns`.
    pub max_turns: bool,
    /// `attempt_timeout`.
    pub attempt_timeout: bool,
    /// `stall_timeout`.
    pub stall_timeout: bool,
}

/// Every agent.
pub type Agents = BTreeMap<AgentName, Stated>;

/// Reads all agents.
pub fn read(root: &Section<'_>, reader: &Reader<'_>) -> Agents {
    let mut agents = Agents::new();
    for (name, section) in root.named("agents") {
        let (team, model) = (required(&section, "team", "payments"), required(&section, "model", "large"));
        let driver = driver(&section, reader);
        let budget = section.parsed("budget", Limit::parse).map(|given| given.value);
        let command = section.text("command").map(|given| given.value);
        if driver == Driver::Command && command.is_none() {
            section.missing("command", "write the shell command to run, like command = \"./agent.sh\"");
        }
        let max_turns = section.integer("max_turns", 1..=10_000).and_then(|g| u32::try_from(g.value).ok());
        let attempt_timeout = section.parsed("attempt_timeout", duration).map(|given| given.value);
        let stall_timeout = section.parsed("stall_timeout", duration).map(|given| given.value);
        let limits = limits(&section);
        section.finish();
        let says = Says {
            command: command.is_some(),
            max_turns: max_turns.is_some(),
            attempt_timeout: attempt_timeout.is_some(),
            stall_timeout: stall_timeout.is_some(),
        };
        let text = |given: &Option<Given<String>>| given.as_ref().map_or("", |g| &g.value).to_owned();
        let agent = Agent {
            name: AgentName::new(&name.value),
            team: TeamName::new(text(&team)),
            driver,
            command,
            model: ModelName::new(text(&model)),
            budget,
            max_turns: max_turns.unwrap_or(DEFAULT_MAX_TURNS),
            attempt_timeout: attempt_timeout.unwrap_or(DEFAULT_ATTEMPT_TIMEOUT),
            stall_timeout: stall_timeout.unwrap_or(DEFAULT_STALL_TIMEOUT),
            limits,
        };
        agents.insert(agent.name.clone(), Stated { agent, name, team, model, says });
    }
    agents
}

fn required(section: &Section<'_>, key: &'static str, example: &str) -> Option<Given<String>> {
    let given = section.text(key);
    if given.is_none() {
        section.missing(key, format!("write it like {key} = \"{example}\""));
    }
    given
}

const KNOWN: &str = "write driver = \"codex\", \"claude\", \"command\" or \"builtin\"";

fn driver(section: &Section<'_>, reader: &Reader<'_>) -> Driver {
    let Some(given) = section.text("driver") else {
        section.missing("driver", KNOWN);
        return Driver::Builtin;
    };
    driver_named(&given.value).unwrap_or_else(|| {
        reader.problem(&given, "this driver is not known", KNOWN);
        Driver::Builtin
    })
}

/// The driver that people call `name`.
pub fn driver_named(name: &str) -> Option<Driver> {
    let all = [Driver::Builtin, Driver::Codex, Driver::Claude, Driver::Command];
    all.into_iter().find(|driver| driver_name(*driver) == name)
}

/// What people call `driver`.
pub fn driver_name(driver: Driver) -> &'static str {
    match driver {
        Driver::Builtin => "builtin",
        Driver::Codex => "codex",
        Driver::Claude => "claude",
        Driver::Command => "command",
    }
}

fn limits(section: &Section<'_>) -> Limits {
    let default = Limits::default();
    let cpu = section.number("cpu").and_then(|given| match processors(given.value) {
        Ok(percent) => Some(percent),
        Err(error) => {
            section.unfit(&given.with(String::new()), &error);
            None
        }
    });
    Limits {
        memory_bytes: section.parsed("memory", size).map_or(default.memory_bytes, |g| g.value),
        pids: section
            .integer("pids", 1..=1_000_000)
            .and_then(|g| u32::try_from(g.value).ok())
            .unwrap_or(default.pids),
        cpu_percent: cpu.unwrap_or(default.cpu_percent),
        workspace_bytes: section.parsed("disk", size).map_or(default.workspace_bytes, |g| g.value),
    }
}
