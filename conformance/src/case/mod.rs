//! Cases as data: what is given, what is done, what must be seen.
//!
//! Invariants: a case says which section of the specification it belongs to and what that section asks for, in our own
//! words. A file with a mistake is an error before anything runs, with the case's name.

mod bundled;
pub(crate) mod step;
pub(crate) mod workflow;

pub(crate) use bundled::load;

use crate::agent::script::Run;
use crate::linear::{Issue, Setup};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use step::Step;

/// Capabilities that a case may need and an implementation may lack. The core of the specification is not among them:
/// nobody may lack that.
pub(crate) const CAPABILITIES: [(&str, &str); 13] = [
    ("http_api", "the HTTP extension of section 13.7"),
    ("dashboard", "a page for people at / (13.7.1)"),
    ("server_port_key", "the front matter key server.port starts the HTTP extension (13.7)"),
    ("linear_graphql", "a dynamic tool linear_graphql with the arguments query and variables (10.5)"),
    ("linear_blockers", "an issue in Todo with a blocker that is not terminal is not dispatchable (11.2)"),
    ("linear_assignee", "tracker.provider.assignee limits what is dispatchable (11.2)"),
    ("auto_approval", "approval_policy never accepts every command and file change for the session (10.5)"),
    ("blocked_state", "what asks for a person is shown as blocked, and not tried again meanwhile"),
    (
        "policy_passthrough",
        "codex.approval_policy and the sandbox keys reach the app-server as they are (5.3.6)",
    ),
    ("thread_titles", "issue and title go with the turn or the thread (10.2)"),
    ("wrapped_events", "usage and limits are also found in the wrapper events of older app-servers (13.5)"),
    ("persisted_retries", "retries survive a restart (18.2)"),
    ("kills_descendants", "nothing that an agent started outlives it"),
];

/// Milliseconds that a case may take when it does not say.
const DEADLINE_MS: u64 = 60_000;

/// One case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// The section of the test matrix, or of the extension, in whose row it is counted.
    pub(crate) section: String,
    /// What the specification asks for, in our own words.
    pub(crate) spec: String,
    /// Sections that say more.
    #[serde(default)]
    pub(crate) see: Option<String>,
    #[serde(default)]
    pub(crate) needs: Vec<String>,
    #[serde(default = "deadline")]
    pub(crate) deadline_ms: u64,
    /// Laid over the usual front matter; null takes a key away.
    #[serde(default)]
    pub(crate) workflow: Map<String, Value>,
    /// The body of the workflow.
    #[serde(default)]
    pub(crate) prompt: Option<String>,
    /// The whole file as it is, instead of both.
    #[serde(default)]
    pub(crate) workflow_text: Option<String>,
    /// There is no workflow file.
    #[serde(default)]
    pub(crate) no_workflow: bool,
    #[serde(default)]
    pub(crate) issues: Vec<Issue>,
    #[serde(default)]
    pub(crate) tracker: Setup,
    #[serde(default)]
    pub(crate) agents: BTreeMap<String, Vec<Run>>,
    /// Environment of the implementation; null takes a variable away.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, Option<String>>,
    /// Variables of the agent whose values are recorded.
    #[serde(default)]
    pub(crate) report_env: Vec<String>,
    /// Whether the implementation is told its workflow and its port.
    #[serde(default)]
    pub(crate) launch: Launch,
    /// Further folders in which an agent may turn up, although it must not.
    #[serde(default)]
    pub(crate) watch: Vec<String>,
    /// Done before the implementation starts.
    #[serde(default)]
    pub(crate) before: Vec<Step>,
    pub(crate) steps: Vec<Step>,
    /// Rules of every case that this one breaks on purpose: `two_agents`, `violations`, `exit`, `cwd`.
    #[serde(default)]
    pub(crate) except: Vec<String>,
    /// As it was read, to be filled in for each run.
    #[serde(skip)]
    pub(crate) raw: Value,
}

/// What of the command line is left away.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Launch {
    pub(crate) workflow_argument: bool,
    pub(crate) port_argument: bool,
    /// The working directory, instead of the folder of the workflow.
    pub(crate) cwd: Option<String>,
    /// Where the workflow lies, instead of the usual place.
    pub(crate) workflow: Option<String>,
}

impl Default for Launch {
    fn default() -> Self {
        Self { workflow_argument: true, port_argument: true, cwd: None, workflow: None }
    }
}

fn deadline() -> u64 {
    DEADLINE_MS
}

/// Rules that hold in every case unless it says otherwise.
pub(crate) const RULES: [&str; 4] = ["two_agents", "violations", "exit", "cwd"];

impl Case {
    pub(crate) fn from_raw(raw: Value) -> Result<Self, serde_json::Error> {
        let mut case: Self = serde_json::from_value(raw.clone())?;
        case.raw = raw;
        Ok(case)
    }

    /// What is wrong with it as it is written.
    fn problem(&self) -> Option<String> {
        let unknown =
            |known: &[&str], all: &[String]| all.iter().find(|n| !known.contains(&n.as_str())).cloned();
        let capabilities = CAPABILITIES.map(|(name, _)| name);
        if let Some(name) = unknown(&capabilities, &self.needs) {
            return Some(format!("needs {name:?}, which is no capability"));
        }
        if let Some(name) = unknown(&RULES, &self.except) {
            return Some(format!("excepts {name:?}, which is no rule"));
        }
        if self.spec.trim().is_empty() || self.steps.is_empty() {
            return Some("needs a spec and steps".to_owned());
        }
        let names: Vec<&str> = self.issues.iter().map(|issue| issue.identifier.as_str()).collect();
        if let Some(change) =
            self.tracker.changes.iter().find(|change| !names.contains(&change.issue.as_str()))
        {
            return Some(format!("changes {}, which is no issue of it", change.issue));
        }
        let steps = self.before.iter().chain(&self.steps).enumerate();
        steps.filter_map(|(n, step)| step.problem().map(|why| format!("step {}: {why}", n + 1))).next()
    }
}
