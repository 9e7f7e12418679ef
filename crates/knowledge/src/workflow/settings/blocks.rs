//! Reads the blocks of the front matter.

use super::keys::Keys;
use super::{Error, Hooks, Launch, Seawall, Tracker};
use domain::change::Landing;
use domain::fleet::Delivery;
use domain::issue::normal;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const SEAWALL_KEYS: [&str; 10] = [
    "remote",
    "branch",
    "author",
    "delivery",
    "agents_by_state",
    "driver",
    "model",
    "land",
    "max_rounds",
    "max_attempts",
];
/// The trackers' settings that older workflows have directly below `tracker`.
const FLAT: [&str; 4] = ["endpoint", "api_key", "project_slug", "assignee"];
const TURN_TIMEOUT_MS: u64 = 3_600_000;
const READ_TIMEOUT_MS: u64 = 5_000;
const STALL_TIMEOUT_MS: u64 = 300_000;
/// The most states that have slots or agents of their own.
const MAX_STATES: usize = 200;
const HOOK_TIMEOUT_MS: u64 = 60_000;

impl Keys<'_> {
    pub(super) fn tracker(&self) -> Result<Tracker, Error> {
        Ok(Tracker {
            kind: self.word("tracker.kind")?,
            provider: self.provider()?,
            required_labels: self.labels("tracker.required_labels")?,
            path: self.word("tracker.provider.path")?,
            active_states: self.words("tracker.active_states")?,
            terminal_states: self.words("tracker.terminal_states")?,
        })
    }

    pub(super) fn hooks(&self) -> Result<Hooks, Error> {
        Ok(Hooks {
            after_create: self.script("hooks.after_create")?,
            before_run: self.script("hooks.before_run")?,
            after_run: self.script("hooks.after_run")?,
            before_remove: self.script("hooks.before_remove")?,
            timeout_ms: self.positive("hooks.timeout_ms")?.unwrap_or(HOOK_TIMEOUT_MS),
        })
    }

    pub(super) fn seawall(&self) -> Result<Seawall, Error> {
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
            delivery: self.delivery()?,
            agents_by_state: self.agents_by_state()?,
            driver: self.word("seawall.driver")?,
            model: self.word("seawall.model")?,
            land,
            max_rounds: self.small("seawall.max_rounds")?,
            max_attempts: self.small("seawall.max_attempts")?,
        })
    }

    /// `tracker.provider`, with what older workflows have beside it.
    pub(super) fn provider(&self) -> Result<Value, Error> {
        let mut provider = self.object("tracker.provider")?;
        if let Value::Object(map) = &mut provider {
            for key in FLAT {
                if let Some(value) = self.get(&format!("tracker.{key}")) {
                    map.entry(key).or_insert_with(|| value.clone());
                }
            }
        }
        Ok(provider)
    }

    pub(super) fn launch(&self) -> Result<Launch, Error> {
        let command = match self.get("codex.command") {
            None => None,
            Some(Value::String(command)) if !command.trim().is_empty() => Some(command.clone()),
            Some(_) => {
                return Err(self.bad("codex.command", "can't be blank; leave it out for `codex app-server`"));
            }
        };
        for key in ["codex.approval_policy", "codex.thread_sandbox"] {
            if self.get(key).is_some_and(|value| !value.is_string() && !value.is_object()) {
                return Err(self.bad(key, "must be text or a map, as the agent's own protocol has it"));
            }
        }
        self.object("codex.turn_sandbox_policy")?;
        Ok(Launch {
            command,
            turn_timeout_ms: self.positive("codex.turn_timeout_ms")?.unwrap_or(TURN_TIMEOUT_MS),
            read_timeout_ms: self.positive("codex.read_timeout_ms")?.unwrap_or(READ_TIMEOUT_MS),
            stall_timeout_ms: match self.get("codex.stall_timeout_ms") {
                None => Some(STALL_TIMEOUT_MS),
                Some(value) => match value.as_i64() {
                    Some(ms) => u64::try_from(ms).ok().filter(|ms| *ms > 0),
                    None => return Err(self.bad("codex.stall_timeout_ms", "must be a whole number")),
                },
            },
        })
    }

    /// Entries that are no slots are left out, as the specification says (5.3.5).
    pub(super) fn slots_by_state(&self) -> Result<BTreeMap<String, u32>, Error> {
        const KEY: &str = "agent.max_concurrent_agents_by_state";
        let map = self.object(KEY)?;
        let entries = map.as_object().into_iter().flatten();
        let slots = entries.filter_map(|(state, slots)| {
            let slots =
                slots.as_u64().and_then(|slots| u32::try_from(slots).ok()).filter(|slots| *slots > 0)?;
            Some((normal(state), slots)).filter(|(state, _)| !state.is_empty())
        });
        Ok(slots.take(MAX_STATES).collect())
    }

    pub(super) fn agents_by_state(&self) -> Result<BTreeMap<String, String>, Error> {
        const KEY: &str = "seawall.agents_by_state";
        let map = self.object(KEY)?;
        let mut agents = BTreeMap::new();
        for (state, agent) in map.as_object().into_iter().flatten().take(MAX_STATES) {
            let agent = agent.as_str().map(str::trim).filter(|agent| !agent.is_empty());
            let agent = agent.ok_or_else(|| self.bad(KEY, "must map states to names of agents"))?;
            agents.insert(normal(state), agent.to_owned());
        }
        Ok(agents)
    }

    pub(super) fn delivery(&self) -> Result<Option<Delivery>, Error> {
        match self.word("seawall.delivery")?.as_deref() {
            None => Ok(None),
            Some("land") => Ok(Some(Delivery::Land)),
            Some("handoff") => Ok(Some(Delivery::Handoff)),
            Some(_) => Err(self.bad("seawall.delivery", "must be land or handoff")),
        }
    }
}
