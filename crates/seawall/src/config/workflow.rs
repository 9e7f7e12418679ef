//! What a project's WORKFLOW.md says about the project, in the words of the configuration.

use super::agents::{Agents, Says};
use super::environment::inject;
use super::problem::Problem;
use super::projects::Projects;
use base::env::Env;
use domain::change::Landing;
use domain::fleet::{Agent, Delivery};
use domain::issue::{Blocker, Issue};
use domain::{AgentName, Millis, Timestamp};
use engine::Handoff;
use knowledge::workflow::{Error, Template, Workflow, issue_view};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Symphony's keys that have no meaning where Seawall lands the work: key, what that means, what to do meanwhile.
const UNSERVED: [(&str, &str, &str); 2] = [
    (
        "/hooks",
        "hooks are not run where Seawall makes the workspace and lands the work",
        "prepare the workspace in the prompt, or write `seawall: {delivery: handoff}`",
    ),
    (
        "/workspace/root",
        "workspaces lie below the state folder where Seawall lands the work",
        "set `state_dir` in seawall.toml, or write `seawall: {delivery: handoff}`",
    ),
];
/// The folder of workspaces in the system's temporary one unless the file says otherwise (Symphony 5.3.3).
const WORKSPACES: &str = "symphony_workspaces";
const LOGS_ROOT: &str = "observability.logs_root";
const DAY_MS: u64 = 24 * 3_600_000;

/// What the front matter says; everything may be left out.
#[derive(Clone, Debug, Default)]
pub struct Front {
    /// The file.
    pub file: PathBuf,
    /// Attempts that may live at once.
    pub slots: Option<u64>,
    /// Review rounds before a person must decide.
    pub max_rounds: Option<u64>,
    /// Attempts of one run.
    pub max_attempts: Option<u64>,
    /// How often the tracker is read.
    pub poll: Option<Millis>,
    /// The longest wait before another attempt.
    pub retry_longest: Option<Millis>,
    /// Which tracker.
    pub tracker_kind: Option<String>,
    /// Active states.
    pub active: Option<Vec<String>>,
    /// Terminal states.
    pub terminal: Option<Vec<String>>,
    /// The repository.
    pub remote: Option<String>,
    /// The branch that changes land on.
    pub branch: Option<String>,
    /// How they land.
    pub landing: Option<Landing>,
    /// The agent that does the work.
    pub author: Option<String>,
    /// The model the author asks for.
    pub model: Option<String>,
    /// The program of the author's driver.
    pub command: Option<String>,
    /// The most turns of an attempt.
    pub max_turns: Option<u64>,
    /// The longest attempt.
    pub attempt_timeout: Option<Millis>,
    /// The longest silence.
    pub stall_timeout: Option<Millis>,
    /// What the file asks for and has no meaning where Seawall lands the work: nothing is left out in silence.
    pub unserved: Vec<Problem>,
    /// Labels that an issue must have.
    pub required_labels: Vec<String>,
    /// Slots by state.
    pub slots_by_state: BTreeMap<String, u32>,
    /// Agents by state.
    pub agents_by_state: BTreeMap<String, AgentName>,
    /// How the work reaches people, where the file says so.
    pub delivery: Option<Delivery>,
    /// Whether the file has a block of Seawall's own.
    pub is_ours: bool,
    /// The author's driver, for a lone file.
    pub driver: Option<String>,
    /// The tracker's own settings; an object.
    pub provider: Value,
    /// How work is handed off.
    pub handoff: Option<Arc<Handoff>>,
    /// The port of dashboard and API.
    pub port: Option<u16>,
    /// Where log files are kept.
    pub logs_root: Option<PathBuf>,
    /// What is logged.
    pub log_level: Option<String>,
    /// What is wrong with the command where Seawall starts the program itself.
    command_problem: Option<Box<Problem>>,
    /// What is wrong with the prompt.
    template: Option<Box<Problem>>,
}

impl Front {
    /// Gives `agent` what the file leaves to WORKFLOW.md.
    pub fn apply(&self, agent: &mut Agent, says: Says, delivery: Delivery) {
        if let (Some(command), false) = (&self.command, says.command) {
            agent.command = Some(command.clone());
        }
        // Where work is handed off, the file counts turns of the conversation, and those are the host's business.
        if let (Some(turns), false, Delivery::Land) = (self.max_turns, says.max_turns, delivery) {
            agent.max_turns = u32::try_from(turns).unwrap_or(u32::MAX);
        }
        match delivery {
            Delivery::Land => {
                if let (Some(timeout), false) = (self.attempt_timeout, says.attempt_timeout) {
                    agent.attempt_timeout = timeout;
                }
                if let (Some(timeout), false) = (self.stall_timeout, says.stall_timeout) {
                    agent.stall_timeout = timeout;
                }
            }
            // A worker has as much time as its turns take; that the token ends with it, bounds it all the same.
            Delivery::Handoff if !says.attempt_timeout => agent.attempt_timeout = Millis(DAY_MS),
            Delivery::Handoff => {}
        }
    }
}

impl Front {
    /// What is wrong, or has no meaning, when the work is delivered so.
    pub fn problems(&self, delivery: Delivery) -> Vec<Problem> {
        match delivery {
            Delivery::Land => {
                let faults = [&self.command_problem, &self.template];
                let faults = faults.into_iter().flatten().map(|problem| (**problem).clone());
                self.unserved.iter().cloned().chain(faults).collect()
            }
            // A prompt with a fault fails the attempts that need it (5.5); it is good to know at once.
            Delivery::Handoff => self.template.iter().map(|problem| (**problem).clone().warning()).collect(),
        }
    }
}

/// Gives each project's author what the file leaves to the project's WORKFLOW.md.
pub fn apply(projects: &Projects, agents: &mut Agents) {
    for stated in projects.values() {
        if let Some(author) = agents.get_mut(&stated.project.author) {
            stated.front.apply(&mut author.agent, author.says, stated.project.delivery);
        }
    }
}

/// Reads WORKFLOW.md: what it says, and the prompt of the author.
pub fn read(file: &Path, env: &Env) -> Result<(Front, Template), Vec<Problem>> {
    let shown = file.display().to_string();
    let told = |error: Error| vec![problem(file, &error)];
    let workflow = Workflow::load(file, &shown).map_err(told)?;
    let mut problems = vec![];
    // Filled in once with an issue that has everything: a variable that no issue has is found here, not at night.
    let tried = workflow.check().and_then(|()| workflow.render(&sample(), Some(2)).map(drop));
    let template = tried.err().map(|error| Box::new(problem(file, &error)));
    let front = Front { template, ..Reading { file, env, workflow: &workflow }.front(&mut problems) };
    if problems.is_empty() { Ok((front, workflow.prompt)) } else { Err(problems) }
}

/// An issue with every field that an agent's prompt may name.
fn sample() -> Value {
    let blocker = Blocker {
        id: Some("SAMPLE-0".into()),
        identifier: Some("SAMPLE-0".to_owned()),
        state: Some("Todo".to_owned()),
    };
    issue_view(&Issue {
        description: Some("A description".to_owned()),
        priority: Some(1),
        labels: vec!["a label".to_owned()],
        blocked_by: vec![blocker],
        branch_name: Some("sample-1".to_owned()),
        assignee_id: Some("somebody".to_owned()),
        native_ref: Some(serde_json::json!({})),
        url: Some("https://example.invalid/1".to_owned()),
        created_at: Some(Timestamp(0)),
        updated_at: Some(Timestamp(0)),
        ..Issue::new("SAMPLE-1".into(), "SAMPLE-1", "A title", "Todo")
    })
}

struct Reading<'a> {
    file: &'a Path,
    env: &'a Env,
    workflow: &'a Workflow,
}

impl Reading<'_> {
    fn front(&self, problems: &mut Vec<Problem>) -> Front {
        let settings = &self.workflow.settings;
        let (agent, own) = (&settings.agent, &settings.seawall);
        let said = |key: &str| self.said(key).is_some();
        let number = |key: &str| self.said(key).and_then(Value::as_u64);
        let text = |key: &str| self.said(key).and_then(Value::as_str).map(str::to_owned);
        let mut told = vec![];
        let command = self.command(text("/codex/command"), &mut told);
        let command_problem = told.pop().map(Box::new);
        Front {
            file: self.file.to_owned(),
            slots: said("/agent/max_concurrent_agents").then_some(agent.max_concurrent_agents.into()),
            max_rounds: own.max_rounds.map(u64::from),
            max_attempts: own.max_attempts.map(u64::from),
            poll: said("/polling/interval_ms").then_some(Millis(settings.polling_interval_ms)),
            retry_longest: said("/agent/max_retry_backoff_ms").then_some(Millis(agent.max_retry_backoff_ms)),
            tracker_kind: settings.tracker.kind.clone(),
            active: settings.tracker.active_states.clone(),
            terminal: settings.tracker.terminal_states.clone(),
            remote: self.injected(own.remote.as_ref(), "seawall.remote", problems),
            branch: own.branch.clone(),
            landing: said("/seawall/land").then_some(own.land),
            author: own.author.clone(),
            model: own.model.clone().or_else(|| text("/codex/model")),
            command,
            max_turns: said("/agent/max_turns").then_some(agent.max_turns.into()),
            // A silence within a turn, where work is handed off; where it is landed, all the time that an attempt has.
            attempt_timeout: number("/codex/turn_timeout_ms").filter(|ms| *ms > 0).map(Millis),
            // Symphony's 0 means never; a day without a sign of life is as good.
            stall_timeout: number("/codex/stall_timeout_ms")
                .map(|ms| Millis(if ms == 0 { DAY_MS } else { ms })),
            unserved: self.unserved(),
            required_labels: settings.tracker.required_labels.clone(),
            slots_by_state: agent.max_concurrent_agents_by_state.clone(),
            agents_by_state: own
                .agents_by_state
                .iter()
                .map(|(s, a)| (s.clone(), AgentName::new(a)))
                .collect(),
            delivery: own.delivery,
            is_ours: said("/seawall"),
            driver: own.driver.clone(),
            provider: settings.tracker.provider.clone(),
            handoff: Some(Arc::new(self.handoff(problems))),
            port: settings.server.port,
            logs_root: settings
                .observability
                .logs_root
                .as_deref()
                .map(|root| self.path(root, problems, LOGS_ROOT)),
            log_level: settings.observability.log_level.clone(),
            command_problem,
            template: None,
        }
    }

    /// Symphony's own settings, for work that is handed off.
    fn handoff(&self, problems: &mut Vec<Problem>) -> Handoff {
        let settings = &self.workflow.settings;
        let launch = &settings.launch;
        let root = settings.workspace_root.as_deref().map(|root| self.path(root, problems, "workspace.root"));
        let command = launch.command.clone();
        let names_model = settings.seawall.model.is_some()
            || self.said("/codex/model").is_some()
            || command.as_deref().is_none_or(|command| !command.contains("model"));
        Handoff {
            root: root.unwrap_or_else(|| std::env::temp_dir().join(WORKSPACES)),
            hooks: settings.hooks.clone(),
            max_turns: settings.agent.max_turns,
            settings: settings.codex.clone(),
            command,
            names_model,
            turn_timeout: Millis(launch.turn_timeout_ms),
            read_timeout: Millis(launch.read_timeout_ms),
            stall_timeout: launch.stall_timeout_ms.map(Millis),
        }
    }

    /// A path of the file: `~` and `$NAME` are read, and what is relative starts at the file.
    fn path(&self, raw: &str, problems: &mut Vec<Problem>, key: &str) -> PathBuf {
        let raw = raw.to_owned();
        let text = self.injected(Some(&raw), key, problems).unwrap_or_default();
        let home = || self.env.get("HOME").unwrap_or_default();
        let text = match text.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{}{rest}", home()),
            Some(_) | None => text,
        };
        self.file.parent().unwrap_or(Path::new("/")).join(text)
    }

    fn unserved(&self) -> Vec<Problem> {
        let asked = UNSERVED.iter().filter(|(pointer, ..)| self.said(pointer).is_some());
        let warn = |(pointer, what, mend): &(&str, &str, &str)| {
            let key = pointer.trim_start_matches('/').replace('/', ".");
            Problem::of_file(self.file, "", "").saying(&key, *what, *mend).warning()
        };
        asked.map(warn).collect()
    }

    fn said(&self, pointer: &str) -> Option<&Value> {
        self.workflow.front.pointer(pointer).filter(|value| !value.is_null())
    }

    fn injected(&self, raw: Option<&String>, key: &str, problems: &mut Vec<Problem>) -> Option<String> {
        match inject(raw?, self.env) {
            Ok((value, _)) => Some(value),
            Err(name) => {
                let what = format!("the environment variable `{name}` is not set");
                let about = Problem::of_file(self.file, "", "");
                problems.push(about.saying(key, what, format!("export {name} before starting")));
                None
            }
        }
    }

    /// Symphony's `codex.command` is a shell command; we start a program. `codex app-server` and a path in its
    /// place mean the same here.
    fn command(&self, command: Option<String>, problems: &mut Vec<Problem>) -> Option<String> {
        let command = command?;
        let program = command.trim().strip_suffix("app-server").unwrap_or(&command).trim();
        if program == "codex" {
            return None;
        }
        if program.is_empty() || program.contains(char::is_whitespace) {
            let mend = "write the program's path alone, or leave it out and set `command` in [agents.X]";
            let what = "`codex.command` must be a program and `app-server`, without other arguments";
            problems.push(Problem::of_file(self.file, "", "").saying("codex.command", what, mend));
            return None;
        }
        Some(program.to_owned())
    }
}

fn problem(file: &Path, error: &Error) -> Problem {
    let at = |line: &u32, what: &str| Problem::told(file, usize::try_from(*line).unwrap_or(usize::MAX), what);
    match error {
        Error::MissingFile { source, .. } => {
            let what = format!("the workflow cannot be read: {source}");
            Problem::of_file(file, what, "create it with `seawall init`, or name another file")
        }
        Error::Parse { line, what, .. } => at(line, what),
        Error::NotAMap { .. } => {
            at(&2, "the front matter must be a map; write keys with their values, like `agent:`")
        }
        Error::BadValue { line, key, what, .. } => at(line, &format!("`{key}` {what}")),
        Error::TemplateParse { line, what, .. } => at(line, &format!("the prompt cannot be read: {what}")),
        Error::TemplateRender { line, what, .. } => {
            at(line, &format!("the prompt cannot be filled in: {what}"))
        }
    }
}
