//! The keys of the front matter that we know, checked.

use super::Error;
use crate::front;
use domain::change::Landing;
use serde_json::{Map, Value};

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

/// `agent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Slots.
    pub max_concurrent_agents: u32,
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
    /// How a change lands. `fast-forward` is another word for `rebase`.
    pub land: Landing,
    /// Review rounds before a person decides.
    pub max_rounds: Option<u32>,
    /// Attempts of one run.
    pub max_attempts: Option<u32>,
}

const SEAWALL_KEYS: [&str; 6] = ["remote", "branch", "author", "land", "max_rounds", "max_attempts"];
const POLLING_MS: u64 = 30_000;
const HOOK_TIMEOUT_MS: u64 = 60_000;
const BACKOFF_MS: u64 = 300_000;
const CONCURRENT: u64 = 10;
const TURNS: u64 = 20;

impl Settings {
    pub(super) fn read(file: &str, yaml: &str, front: &Value) -> Result<Self, Error> {
        let keys = Keys { file, yaml, front };
        for block in
            ["tracker", "tracker.provider", "polling", "workspace", "hooks", "agent", "codex", "seawall"]
        {
            keys.object(block)?;
        }
        if let Some(command) = keys.get("codex.command")
            && command.as_str().is_none_or(|c| c.trim().is_empty())
        {
            return Err(keys.bad("codex.command", "can't be blank; leave it out for `codex app-server`"));
        }
        Ok(Self {
            tracker: keys.tracker()?,
            polling_interval_ms: keys.positive("polling.interval_ms")?.unwrap_or(POLLING_MS),
            workspace_root: keys.word("workspace.root")?,
            hooks: keys.hooks()?,
            agent: Agent {
                max_concurrent_agents: keys.count("agent.max_concurrent_agents", CONCURRENT)?,
                max_turns: keys.count("agent.max_turns", TURNS)?,
                max_retry_backoff_ms: keys.positive("agent.max_retry_backoff_ms")?.unwrap_or(BACKOFF_MS),
            },
            codex: keys.object("codex")?,
            seawall: keys.seawall()?,
        })
    }
}

/// Reads values by dotted key. A key that is missing or null has its default.
struct Keys<'a> {
    file: &'a str,
    yaml: &'a str,
    front: &'a Value,
}

impl Keys<'_> {
    fn tracker(&self) -> Result<Tracker, Error> {
        Ok(Tracker {
            kind: self.word("tracker.kind")?,
            provider: self.object("tracker.provider")?,
            path: self.word("tracker.provider.path")?,
            active_states: self.words("tracker.active_states")?,
            terminal_states: self.words("tracker.terminal_states")?,
        })
    }

    fn hooks(&self) -> Result<Hooks, Error> {
        Ok(Hooks {
            after_create: self.word("hooks.after_create")?,
            before_run: self.word("hooks.before_run")?,
            after_run: self.word("hooks.after_run")?,
            before_remove: self.word("hooks.before_remove")?,
            timeout_ms: self.positive("hooks.timeout_ms")?.unwrap_or(HOOK_TIMEOUT_MS),
        })
    }

    fn seawall(&self) -> Result<Seawall, Error> {
        let block = self.object("seawall")?;
        let unknown =
            block.as_object().into_iter().flat_map(Map::keys).find(|k| !SEAWALL_KEYS.contains(&k.as_str()));
        if let Some(key) = unknown {
            let what = format!("is not a key of this block; known: {}", SEAWALL_KEYS.join(", "));
            return Err(self.bad(&format!("seawall.{key}"), &what));
        }
        let land = match self.word("seawall.land")?.as_deref() {
            None | Some("merge") => Landing::Merge,
            Some("rebase" | "fast-forward") => Landing::Rebase,
            Some(_) => return Err(self.bad("seawall.land", "must be merge, rebase or fast-forward")),
        };
        Ok(Seawall {
            remote: self.word("seawall.remote")?,
            branch: self.word("seawall.branch")?,
            author: self.word("seawall.author")?,
            land,
            max_rounds: self.small("seawall.max_rounds")?,
            max_attempts: self.small("seawall.max_attempts")?,
        })
    }

    fn get(&self, key: &str) -> Option<&Value> {
        let mut value = self.front;
        for part in key.split('.') {
            value = value.get(part)?;
        }
        (!value.is_null()).then_some(value)
    }

    fn object(&self, key: &str) -> Result<Value, Error> {
        match self.get(key) {
            None => Ok(Value::Object(Map::new())),
            Some(Value::Object(map)) => Ok(Value::Object(map.clone())),
            Some(_) => Err(self.bad(key, "must be a map of keys to values")),
        }
    }

    fn word(&self, key: &str) -> Result<Option<String>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Err(self.bad(key, "can't be blank")),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.bad(key, "must be text")),
        }
    }

    fn words(&self, key: &str) -> Result<Option<Vec<String>>, Error> {
        let bad = || self.bad(key, "must be a list of names, such as [Todo, In Progress]");
        match self.get(key) {
            None => Ok(None),
            Some(Value::Array(items)) => {
                let word = |v: &Value| v.as_str().map(str::to_owned).filter(|t| !t.trim().is_empty());
                items.iter().map(|v| word(v).ok_or_else(bad)).collect::<Result<_, _>>().map(Some)
            }
            Some(_) => Err(bad()),
        }
    }

    fn positive(&self, key: &str) -> Result<Option<u64>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(number) if number > 0 => Ok(Some(number)),
                Some(_) | None => Err(self.bad(key, "must be a whole number above 0")),
            },
        }
    }

    fn small(&self, key: &str) -> Result<Option<u32>, Error> {
        let Some(number) = self.positive(key)? else { return Ok(None) };
        u32::try_from(number).map(Some).map_err(|_| self.bad(key, "is too large"))
    }

    fn count(&self, key: &str, default: u64) -> Result<u32, Error> {
        let number = self.positive(key)?.unwrap_or(default);
        u32::try_from(number).map_err(|_| self.bad(key, "is too large"))
    }

    fn bad(&self, key: &str, what: &str) -> Error {
        let line = front::line_of(self.yaml, key);
        Error::BadValue { file: self.file.to_owned(), line, key: key.to_owned(), what: what.to_owned() }
    }
}
