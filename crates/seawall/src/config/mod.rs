//! The configuration: `seawall.toml`, or a lone `WORKFLOW.md`, read once and checked as a whole.
//!
//! Invariants: every problem is told, with file, line and mend, before anything starts; every path in a
//! [`Config`] is absolute; every name that is used in it is registered in it. Nothing here starts or writes.

mod agents;
mod check;
mod doors;
mod environment;
mod keys;
mod lone;
mod models;
mod names;
pub mod problem;
mod projects;
mod providers;
pub mod remote;
mod sandbox;
mod section;
mod source;
mod spoken;
mod teams;
mod trackers;
mod units;
mod workflow;

pub use doors::StoreUrl;
pub use keys::Key;
pub use models::Models;
pub use problem::{Problem, Severity};
pub use projects::{Source as ProjectSource, project_name};
pub use sandbox::Sandbox;

use base::env::Env;
use base::secret::Secret;
use domain::fleet::Fleet;
use domain::{ProjectName, TeamName};
use gateway::Provider;
use problem::{Report, Show};
use section::{Reader, Section};
use source::Source;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// The file that is looked for first.
pub const FILE: &str = "seawall.toml";
/// The file that is enough.
pub const WORKFLOW: &str = "WORKFLOW.md";

/// Everything the program is told, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from.
    pub file: PathBuf,
    /// Where state is kept.
    pub store: StoreUrl,
    /// Where the control door listens.
    pub control: SocketAddr,
    /// Where the gateway door listens.
    pub gateway: SocketAddr,
    /// Attempts of all projects that may live at once; `None`: each project's own slots are all that counts.
    pub slots: Option<u32>,
    /// Where log files are kept, if they are.
    pub logs_root: Option<PathBuf>,
    /// What is logged, where the environment does not say it.
    pub log_level: Option<String>,
    /// Everything that is written lies below it.
    pub state_dir: PathBuf,
    /// The walls around agents.
    pub sandbox: Sandbox,
    /// Whether bodies of model calls are kept.
    pub trace_bodies: bool,
    /// Who answers model calls, by name; each priced for every model that is routed to it.
    pub providers: BTreeMap<String, Provider>,
    /// Where model names lead.
    pub models: Models,
    /// Clients of the gateway that are not runs.
    pub keys: BTreeMap<String, Key>,
    /// Teams, agents, projects.
    pub fleet: Fleet,
    /// Where teams are told, if anywhere.
    pub notify: BTreeMap<TeamName, Secret>,
    /// Where each project's parts are; one entry for each of the fleet's.
    pub projects: BTreeMap<ProjectName, ProjectSource>,
}

impl Config {
    /// The file that holds the control door's secret.
    pub fn control_secret_file(&self) -> PathBuf {
        self.state_dir.join("control.secret")
    }

    /// The kill plane's socket.
    pub fn killd_socket(&self) -> PathBuf {
        engine::setup::killd_socket(&self.state_dir)
    }
}

/// What a command needs to reach a running Seawall. Known also when other parts of the configuration are wrong:
/// stopping must not wait for a mended file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Where the control door listens.
    pub control: SocketAddr,
    /// Where state is kept.
    pub state_dir: PathBuf,
}

impl Reach {
    /// Where everything is when `file` says nothing else.
    pub fn default_of(file: &Path) -> Self {
        let dir = file.parent().unwrap_or(Path::new("/"));
        Self { control: doors::loopback(doors::CONTROL), state_dir: dir.join(doors::STATE_DIR) }
    }

    fn of(config: &Config) -> Self {
        Self { control: config.control, state_dir: config.state_dir.clone() }
    }
}

/// What reading came to.
#[derive(Debug)]
pub struct Read {
    /// Where a running Seawall is reached; absent when the file could not be read far enough to tell.
    pub reach: Option<Reach>,
    /// The configuration, if no problem is an error.
    pub config: Option<Config>,
    /// Every problem: errors first, then by place.
    pub problems: Vec<Problem>,
    /// Every key the reader knows, names people chose replaced by `*`.
    pub known_keys: BTreeSet<String>,
}

/// The file to read: the one named, else `seawall.toml`, else `WORKFLOW.md` in `dir`.
pub fn find(named: Option<&Path>, dir: &Path) -> Result<PathBuf, Box<Problem>> {
    if let Some(named) = named {
        return Ok(dir.join(named));
    }
    let candidates = [dir.join(FILE), dir.join(WORKFLOW)];
    candidates.into_iter().find(|file| file.is_file()).ok_or_else(|| {
        let what = format!("there is neither {FILE} nor {WORKFLOW} in {}", dir.display());
        Box::new(Problem::of_file(
            &dir.join(FILE),
            what,
            "write them with `seawall init`, or name one with --config FILE",
        ))
    })
}

/// Reads `file`, a `.md` as a lone WORKFLOW.md, anything else as `seawall.toml`.
pub fn read(file: &Path, env: &Env) -> Read {
    if file.extension().is_some_and(|e| e.eq_ignore_ascii_case("md")) {
        return lone::read(file, env);
    }
    match Source::read(file) {
        Ok(source) => of_source(&source, env),
        Err(error) => {
            let what = format!("cannot read it: {error}");
            let problem =
                Problem::of_file(file, what, "check the path, or write the file with `seawall init`");
            Read { reach: None, config: None, problems: vec![problem], known_keys: BTreeSet::new() }
        }
    }
}

fn of_source(source: &Source, env: &Env) -> Read {
    let report = Report::default();
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        let about = Problem::at(source, &span, Show::NameOnly);
        let what = format!("this is not TOML: {}", error.message());
        report.add(about.saying("", what, "see https://toml.io for how texts, lists and tables are written"));
    }
    let reader = Reader { source, env, report: &report, known: Default::default() };
    // After an error of syntax the rest may be misread: say what is certain first.
    let config = errors.is_empty().then(|| of_table(&reader.root(&table), &reader)).flatten();
    let known_keys = reader.known.take();
    let problems = report.into_problems();
    let failed = problems.iter().any(|p| p.severity == Severity::Error);
    let reach = config.as_ref().map(Reach::of);
    Read { reach, config: config.filter(|_| !failed), problems, known_keys }
}

fn of_table(root: &Section<'_>, reader: &Reader<'_>) -> Option<Config> {
    let store = doors::store(root, reader);
    let state_dir = doors::state_dir(root, reader);
    let control = doors::listen(root, reader, "control", doors::CONTROL);
    let gateway = doors::listen(root, reader, "gateway", doors::GATEWAY);
    let mut providers = providers::read(root, reader);
    let models = models::read(root, reader, &mut providers);
    let providers: BTreeMap<String, Provider> =
        providers.into_iter().map(|(name, (_, provider))| (name, provider)).collect();
    let teams = teams::read(root, reader);
    let mut agents = agents::read(root, reader);
    let projects = projects::read(root, reader);
    let keys = keys::read(root, reader);
    let sandbox = sandbox::read(root, reader);
    let trace_bodies = sandbox::read_trace(root);
    let slots = scheduler_slots(root);
    let logs_root = doors::logs_root(root, reader);
    root.finish();
    check::all(
        &check::Parts {
            teams: &teams,
            agents: &agents,
            providers: &providers,
            models: &models,
            projects: &projects,
            keys: &keys,
        },
        reader,
    );
    workflow::apply(&projects, &mut agents);
    let (control, gateway) = (control?, gateway?);
    doors::check(&control, &gateway, reader);
    let notify = teams.iter().filter_map(|(name, t)| Some((name.clone(), t.notify.clone()?))).collect();
    let sources = projects.iter().map(|(name, p)| (name.clone(), p.source.clone())).collect();
    Some(Config {
        file: reader.source.path.clone(),
        store,
        control: control.value,
        gateway: gateway.value,
        slots,
        logs_root,
        log_level: None,
        state_dir,
        sandbox,
        trace_bodies,
        providers,
        models,
        keys,
        fleet: Fleet {
            teams: teams.into_iter().map(|(name, t)| (name, t.team)).collect(),
            agents: agents.into_iter().map(|(name, a)| (name, a.agent)).collect(),
            projects: projects.into_iter().map(|(name, p)| (name, p.project)).collect(),
        },
        notify,
        projects: sources,
    })
}

/// `[scheduler] slots`.
fn scheduler_slots(root: &Section<'_>) -> Option<u32> {
    let section = root.section("scheduler")?;
    let slots = section.integer("slots", 1..=100_000).and_then(|given| u32::try_from(given.value).ok());
    section.finish();
    slots
}

#[cfg(test)]
mod tests;
