//! What a case tells the fake app-server to do. It travels inside `codex.command`, so that the fake needs to read no
//! file that a sandbox might hide.
//!
//! Invariant: a key that nobody knows is refused when the case is read, not ignored while it runs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// How long a fake lives at most when nobody ends it: longer than any case, short enough to leave no litter.
const LIFE_S: u64 = 150;

/// Everything one fake app-server needs to know.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Script {
    /// Names the case in the process table, so that what it left behind can be found.
    pub(crate) nonce: String,
    /// By name, the hash of each secret that must not be in the environment (see [`super::record::hash`]).
    #[serde(default)]
    pub(crate) secrets: BTreeMap<String, u64>,
    /// Environment variables whose values are recorded.
    #[serde(default)]
    pub(crate) report_env: Vec<String>,
    /// By workspace name (`*` at the end is any ending): what each process start in that workspace does. The last one
    /// repeats.
    #[serde(default)]
    pub(crate) agents: BTreeMap<String, Vec<Run>>,
    /// Seconds after which it ends by itself.
    #[serde(default = "life_s")]
    pub(crate) life_s: u64,
}

fn life_s() -> u64 {
    LIFE_S
}

/// One process start.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Run {
    /// How requests are answered.
    pub(crate) initialize: Answer,
    pub(crate) thread_start: Answer,
    pub(crate) turn_start: Answer,
    /// What happens before the first message is read.
    pub(crate) on_start: Vec<Action>,
    /// What each turn does; the last one repeats. A turn that ends nothing completes.
    pub(crate) turns: Vec<Vec<Action>>,
    pub(crate) on_eof: Ending,
    pub(crate) on_term: Ending,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    #[default]
    Yes,
    Never,
    Error,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ending {
    #[default]
    Exit,
    Ignore,
}

/// One thing the fake does inside a turn. `{thread}`, `{turn}` and `{cwd}` in texts are filled in.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Action {
    /// The turn ends well.
    Complete,
    /// The turn ends with status `failed`.
    Fail(String),
    /// The turn ends with status `interrupted`.
    Interrupted,
    /// The turn is over and nothing is said about it, because a raw line has said so.
    Over,
    /// The process ends with this code, without a word.
    Exit(i32),
    /// Nothing more is said.
    Hang,
    /// A message of the agent.
    Say(String),
    /// Any notification.
    Send {
        method: String,
        params: Value,
    },
    /// A line as it is.
    Raw(String),
    /// A line that comes in pieces, with a pause between them.
    Pieces(Vec<String>),
    /// One protocol line of so many megabytes.
    BigMb(usize),
    /// A line on stderr.
    Stderr(String),
    /// Waits until the case releases this name.
    WaitFor(String),
    PauseMs(u64),
    /// A server request; its answer is awaited.
    Ask(Ask),
    /// A call of a dynamic tool.
    Tool {
        name: String,
        arguments: Value,
    },
    /// Token usage, as absolute totals of the thread.
    Usage(Usage),
    /// A process that outlives its parent.
    Child(Child),
    /// A file in the workspace.
    Write {
        path: String,
        text: String,
    },
    /// Progress, so many times.
    Tick {
        every_ms: u64,
        times: u64,
    },
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    pub(crate) method: String,
    #[serde(default)]
    pub(crate) params: Value,
    /// The request's id; else a number of its own.
    #[serde(default)]
    pub(crate) id: Option<Value>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Usage {
    pub(crate) input: u64,
    pub(crate) output: u64,
    /// What the last model call alone used; totals must not be built from it.
    pub(crate) last_input: u64,
    pub(crate) last_output: u64,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Child {
    /// In a session of its own, so that its parent's process group does not reach it.
    pub(crate) setsid: bool,
    pub(crate) ignore_term: bool,
    /// Whether it keeps its parent's stdout open.
    pub(crate) hold_stdout: bool,
}

impl Script {
    /// As one word for a command line.
    pub(crate) fn encode(&self) -> Result<String, serde_json::Error> {
        Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(self)?))
    }

    pub(crate) fn decode(word: &str) -> Result<Self, String> {
        let bytes = URL_SAFE_NO_PAD.decode(word).map_err(|error| format!("not base64url: {error}"))?;
        serde_json::from_slice(&bytes).map_err(|error| format!("not a script: {error}"))
    }

    /// What is to be done in the workspace of this name at its `start`-th process, and under which name it is
    /// recorded. An exact name goes before a pattern, a long pattern before a short one.
    pub(crate) fn part(&self, workspace: &str, start: usize) -> (String, Run) {
        let fits = |key: &&String| match key.strip_suffix('*') {
            Some(prefix) => workspace.starts_with(prefix),
            None => *key == workspace,
        };
        let key = self.agents.keys().filter(fits).max_by_key(|key| (!key.ends_with('*'), key.len()));
        let runs = key.and_then(|key| self.agents.get(key)).map_or(&[][..], Vec::as_slice);
        let run = runs.get(start.min(runs.len().saturating_sub(1))).cloned().unwrap_or_default();
        let who = key.map(|key| key.trim_end_matches('*')).filter(|key| !key.is_empty()).unwrap_or(workspace);
        (who.to_owned(), run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(agents: &str) -> Script {
        let text = format!("{{\"nonce\": \"n\", \"agents\": {agents}}}");
        Script::decode(&Script::encode(&serde_json::from_str(&text).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn the_last_run_and_the_best_name_win() {
        let script =
            script(r#"{"A-1": [{"on_eof": "ignore"}, {}], "A*": [{"initialize": "never"}], "*": []}"#);
        assert_eq!(script.part("A-1", 0).1.on_eof, Ending::Ignore);
        assert_eq!(script.part("A-1", 7).1.on_eof, Ending::Exit);
        let (who, run) = script.part("A-2", 0);
        assert_eq!((who.as_str(), run.initialize), ("A", Answer::Never));
        assert_eq!(script.part("B-1", 0).0, "B-1");
    }

    #[test]
    fn an_action_nobody_knows_is_refused() {
        let wrong = r#"{"nonce": "n", "agents": {"*": [{"turns": [["compleet"]]}]}}"#;
        assert!(serde_json::from_str::<Script>(wrong).is_err());
    }
}
