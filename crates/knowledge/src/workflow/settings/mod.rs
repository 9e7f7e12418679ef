//! The keys of the front matter that we know, checked.

mod blocks;
mod keys;

use super::Error;
use domain::change::Landing;
use domain::fleet::Delivery;
use keys::Keys;
use serde_json::Value;
use std::collections::BTreeMap;

/// Settings with their defaults (Symphony's specification, 5.3). Paths and `$NAME`s are as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where issues are.
    pub tracker: Tracker,
    /// How often they are looked at.
    pub polling_interval_ms: u64,
    /// Where workspaces are made.
    pub workspace_root: Option<String>,
    /// Shell scripts around a workspace's life.
    pub hooks: Hooks,
    /// How agents are run.
    pub agent: Agent,
    /// The `codex` block as it is; an object.
    pub codex: Value,
    /// What of it the host needs itself.
    pub launch: Launch,
    /// `server`.
    pub server: Server,
    /// `observability`.
    pub observability: Observability,
    /// Our own block.
    pub seawall: Seawall,
}

/// `tracker`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tracker {
    /// Which adapter.
    pub kind: Option<String>,
    /// The adapter's own settings; an object.
    pub provider: Value,
    /// `provider.path`, for the adapter `files`: the folder.
    pub path: Option<String>,
    /// Labels that an issue must have, all of them.
    pub required_labels: Vec<String>,
    /// States in which work may start; `None` means the adapter's default.
    pub active_states: Option<Vec<String>>,
    /// States in which work is over; `None` means the adapter's default.
    pub terminal_states: Option<Vec<String>>,
}

/// `hooks`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Once, when a workspace was made; failure takes it back.
    pub after_create: Option<String>,
    /// Before each attempt; failure fails the attempt.
    pub before_run: Option<String>,
    /// After each attempt; failure is only logged.
    pub after_run: Option<String>,
    /// Before a workspace is removed; failure is only logged.
    pub before_remove: Option<String>,
    /// For each of them.
    pub timeout_ms: u64,
}

/// `codex`, as far as the host needs it (5.3.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The shell command, as written; `None`: the default.
    pub command: Option<String>,
    /// The longest silence within a turn.
    pub turn_timeout_ms: u64,
    /// The longest wait for an answer of the agent's protocol.
    pub read_timeout_ms: u64,
    /// The longest silence at all; `None`: any.
    pub stall_timeout_ms: Option<u64>,
}

/// `server` (13.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// The port of dashboard and API; 0 takes any free one.
    pub port: Option<u16>,
}

/// `observability`: our keys, and those of Symphony's reference that mean something here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observability {
    /// The folder of the log files, as written; `None`: no files.
    pub logs_root: Option<String>,
    /// What is logged, as the variable `SEAWALL_LOG` has it.
    pub log_level: Option<String>,
}

/// `agent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Slots.
    pub max_concurrent_agents: u32,
    /// Slots for issues in a state; the state normalised.
    pub max_concurrent_agents_by_state: BTreeMap<String, u32>,
    /// Turns of one attempt.
    pub max_turns: u32,
    /// The longest wait before a retry.
    pub max_retry_backoff_ms: u64,
}

/// `seawall`, the extension block. Unknown keys in it are errors: it is ours alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seawall {
    /// The repository: a path or URL.
    pub remote: Option<String>,
    /// The branch that changes land on.
    pub branch: Option<String>,
    /// The agent that does the work.
    pub author: Option<String>,
    /// Whether Seawall lands the work or the agent hands it on itself.
    pub delivery: Option<Delivery>,
    /// The agent for issues in a state, where it is another one; the state normalised.
    pub agents_by_state: BTreeMap<String, String>,
    /// The driver of the author, where no `seawall.toml` names it.
    pub driver: Option<String>,
    /// The model the author asks for, where no `seawall.toml` names it.
    pub model: Option<String>,
    /// How a change lands. `fast-forward` is another word for `rebase`.
    pub land: Landing,
    /// Review rounds before a person decides.
    pub max_rounds: Option<u32>,
    /// Attempts of one run.
    pub max_attempts: Option<u32>,
}

const POLLING_MS: u64 = 30_000;
const BACKOFF_MS: u64 = 300_000;
const CONCURRENT: u64 = 10;
const TURNS: u64 = 20;

impl Settings {
    pub(super) fn read(file: &str, yaml: &str, front: &Value) -> Result<Self, Error> {
        let keys = Keys { file, yaml, front };
        for block in [
            "tracker",
            "tracker.provider",
            "polling",
            "workspace",
            "hooks",
            "agent",
            "codex",
            "seawall",
            "server",
            "observability",
        ] {
            keys.object(block)?;
        }
        Ok(Self {
            tracker: keys.tracker()?,
            polling_interval_ms: keys.positive("polling.interval_ms")?.unwrap_or(POLLING_MS),
            workspace_root: keys.word("workspace.root")?,
            hooks: keys.hooks()?,
            agent: Agent {
                max_concurrent_agents: keys.count("agent.max_concurrent_agents", CONCURRENT)?,
                max_concurrent_agents_by_state: keys.slots_by_state()?,
                max_turns: keys.count("agent.max_turns", TURNS)?,
                max_retry_backoff_ms: keys.positive("agent.max_retry_backoff_ms")?.unwrap_or(BACKOFF_MS),
            },
            codex: keys.object("codex")?,
            launch: keys.launch()?,
            server: Server { port: keys.port("server.port")? },
            observability: Observability {
                logs_root: keys.word("observability.logs_root")?,
                log_level: keys.word("observability.log_level")?,
            },
            seawall: keys.seawall()?,
        })
    }
}
