//! `[projects.X]`: repositories with their trackers. What the file leaves out, the project's WORKFLOW.md may say.

use super::problem::Problem;
use super::section::{Given, Reader, Section};
use super::units::duration;
use super::workflow::{self, Front};
use super::{remote, trackers};
use adapters::tracker::Tracker;
use base::env::Env;
use domain::change::Landing;
use domain::fleet::{DEFAULT_MAX_ROUNDS, DEFAULT_SLOTS, Delivery, Project, RetryPolicy};
use domain::{AgentName, Millis, ProjectName, TeamName};
use engine::Handoff;
use knowledge::workflow::Template;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How often a tracker is read unless somebody says otherwise (Symphony 5.3.2).
pub const DEFAULT_POLL: Millis = Millis::seconds(30);

/// Where a project's parts are, all paths absolute.
#[derive(Clone)]
pub struct Source {
    /// Its WORKFLOW.md.
    pub workflow: PathBuf,
    /// Its tracker.
    pub tracker: Arc<dyn Tracker>,
    /// Its repository: an absolute path or an address that git understands.
    pub remote: String,
    /// What its author is told.
    pub prompt: Arc<Template>,
    /// How often the tracker is read.
    pub poll: Millis,
    /// How work is handed off, where it is.
    pub handoff: Option<Arc<Handoff>>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.tracker.kind();
        f.debug_struct("Source")
            .field("workflow", &self.workflow)
            .field("tracker", &kind)
            .finish_non_exhaustive()
    }
}

/// A project with where its parts stand.
#[derive(Clone, Debug)]
pub struct Stated {
    /// The project.
    pub project: Project,
    /// Where its parts are.
    pub source: Source,
    /// Its team, where it is named.
    pub team: Given<String>,
    /// Its author, where it is named, or the project itself.
    pub author: Given<String>,
    /// What its WORKFLOW.md says about its author's work.
    pub front: Front,
}

/// Every project.
pub type Projects = BTreeMap<ProjectName, Stated>;

/// Reads all projects and their WORKFLOW.md files.
pub fn read(root: &Section<'_>, reader: &Reader<'_>) -> Projects {
    let mut projects = Projects::new();
    for (name, section) in root.named("projects") {
        let stated = one(&name, &section, reader);
        section.finish();
        if let Some(stated) = stated {
            projects.insert(stated.project.name.clone(), stated);
        }
    }
    projects
}

fn one(name: &Given<String>, section: &Section<'_>, reader: &Reader<'_>) -> Option<Stated> {
    let (workflow, team) = (section.text("workflow"), section.text("team"));
    let author = section.text("author");
    let says = Says::read(section);
    let tracker = trackers::read(section, reader);
    if team.is_none() {
        section.missing("team", "name the team that owns it, like team = \"payments\"");
    }
    let Some(workflow) = workflow else {
        section.missing("workflow", "name its WORKFLOW.md, like workflow = \"shop/WORKFLOW.md\"");
        return None;
    };
    let file = reader.source.dir().join(&workflow.value);
    let (front, prompt) = match workflow::read(&file, reader.env) {
        Ok(read) => read,
        Err(problems) => {
            problems.into_iter().for_each(|problem| reader.report.add(problem));
            return None;
        }
    };
    let merged = Merge { reader, front: &front };
    let delivery = merged.pick(says.delivery.as_ref(), front.delivery).unwrap_or_default();
    front.problems(delivery).into_iter().for_each(|problem| reader.report.add(problem));
    let chosen = merged.pick(author.as_ref(), front.author.clone()).unwrap_or_else(|| "author".to_owned());
    let author = author.unwrap_or_else(|| name.with(chosen));
    let policy = says.policy(&merged);
    let remote = match delivery {
        Delivery::Land => merged.remote(says.remote.as_ref(), &file, section)?,
        // Hooks bring the code, and say by it where it is pushed to, unless somebody says it here.
        Delivery::Handoff => merged.said_remote(says.remote.as_ref(), &file).unwrap_or_default(),
    };
    let (tracker, states) = tracker.with(&merged, &file)?;
    let branch = merged.pick(says.branch.as_ref(), front.branch.clone()).or_else(|| branch_of(&remote));
    let source = Source {
        workflow: file,
        tracker,
        remote,
        prompt: Arc::new(prompt),
        poll: says.poll_or(&merged),
        handoff: front.handoff.clone().filter(|_| delivery == Delivery::Handoff),
    };
    let project = Project {
        delivery,
        slots: policy.slots,
        slots_by_state: front.slots_by_state.clone(),
        agents_by_state: front.agents_by_state.clone(),
        required_labels: front.required_labels.clone(),
        weight: says.weight.as_ref().and_then(|given| u32::try_from(given.value).ok()).unwrap_or(1),
        states,
        branch: branch.unwrap_or_else(|| "main".to_owned()),
        landing: merged.pick(says.landing.as_ref(), front.landing).unwrap_or_default(),
        retry: policy.retry,
        max_rounds: policy.max_rounds,
        ..Project::new(
            ProjectName::new(&name.value),
            TeamName::new(&team.as_ref()?.value),
            AgentName::new(&author.value),
        )
    };
    Some(Stated { project, source, team: team?, author, front })
}

/// The keys of a project that WORKFLOW.md may give as well, and those that go with them.
struct Says {
    delivery: Option<Given<Delivery>>,
    weight: Option<Given<u64>>,
    slots: Option<Given<u64>>,
    remote: Option<Given<String>>,
    branch: Option<Given<String>>,
    landing: Option<Given<Landing>>,
    max_rounds: Option<Given<u64>>,
    max_attempts: Option<Given<u64>>,
    poll: Option<Given<Millis>>,
    retry_first: Option<Given<Millis>>,
    retry_longest: Option<Given<Millis>>,
}

struct Policy {
    slots: u32,
    max_rounds: u32,
    retry: RetryPolicy,
}

impl Says {
    fn read(section: &Section<'_>) -> Self {
        Self {
            delivery: section.parsed("delivery", delivery),
            weight: section.integer("weight", 1..=1_000),
            slots: section.integer("slots", 1..=10_000),
            remote: section.text("remote"),
            branch: section.parsed("branch", branch_name),
            landing: section.parsed("land", landing),
            max_rounds: section.integer("max_rounds", 1..=100),
            max_attempts: section.integer("max_attempts", 1..=1_000),
            poll: section.parsed("poll", duration),
            retry_first: section.parsed("retry_first", duration),
            retry_longest: section.parsed("retry_longest", duration),
        }
    }

    fn policy(&self, merged: &Merge<'_>) -> Policy {
        let front = merged.front;
        let small =
            |given: Option<u64>, default: u32| given.and_then(|n| u32::try_from(n).ok()).unwrap_or(default);
        let default = RetryPolicy::default();
        let longest =
            merged.pick(self.retry_longest.as_ref(), front.retry_longest).unwrap_or(default.longest);
        let first = self.retry_first.as_ref().map_or(default.first.min(longest), |given| given.value);
        if let Some(given) = self.retry_first.as_ref().filter(|given| given.value > longest) {
            let mend = "make retry_first the shorter one";
            merged.reader.problem(given, "retry_first is longer than retry_longest", mend);
        }
        let max_attempts = merged.pick(self.max_attempts.as_ref(), front.max_attempts);
        Policy {
            slots: small(merged.pick(self.slots.as_ref(), front.slots), DEFAULT_SLOTS),
            max_rounds: small(merged.pick(self.max_rounds.as_ref(), front.max_rounds), DEFAULT_MAX_ROUNDS),
            retry: RetryPolicy {
                max_attempts: small(max_attempts, most_attempts(merged.front, self)),
                first,
                longest,
                ..default
            },
        }
    }

    fn poll_or(&self, merged: &Merge<'_>) -> Millis {
        merged.pick(self.poll.as_ref(), merged.front.poll).unwrap_or(DEFAULT_POLL)
    }
}

/// Chooses between what the file says and what WORKFLOW.md says.
pub struct Merge<'a> {
    /// The file.
    pub reader: &'a Reader<'a>,
    /// WORKFLOW.md.
    pub front: &'a Front,
}

impl Merge<'_> {
    /// The file's value, else WORKFLOW.md's. Two that differ are noted.
    pub fn pick<T: Clone + PartialEq>(&self, file: Option<&Given<T>>, front: Option<T>) -> Option<T> {
        let Some(given) = file else { return front };
        if front.is_some_and(|other| other != given.value) {
            let what = format!("`{}` is said differently in {}", given.key, self.front.file.display());
            self.reader.warning(given, what, "this file wins; take one of the two out");
        }
        Some(given.value.clone())
    }

    fn remote(&self, file: Option<&Given<String>>, workflow: &Path, section: &Section<'_>) -> Option<String> {
        let dir = workflow.parent().unwrap_or(Path::new("/"));
        let found = self.said_remote(file, workflow).or_else(|| {
            let root = remote::repository(dir)?;
            Some(
                remote::origin(&root).map_or_else(|| root.display().to_string(), |url| absolute(&url, &root)),
            )
        });
        if found.is_none() {
            let mend = "name its repository, like remote = \"https://github.com/you/shop.git\" or a path";
            section.missing("remote", mend);
        }
        found
    }

    fn said_remote(&self, file: Option<&Given<String>>, workflow: &Path) -> Option<String> {
        if let Some(given) = file {
            return Some(absolute(&given.value, self.reader.source.dir()));
        }
        let dir = workflow.parent().unwrap_or(Path::new("/"));
        self.front.remote.as_ref().map(|text| absolute(text, dir))
    }
}

/// The project that a lone WORKFLOW.md makes, or what is wrong with it.
pub fn lone(
    file: &Path,
    env: &Env,
    team: &str,
    author: &str,
) -> Result<(Project, Source, Front), Vec<Problem>> {
    let (front, prompt) = workflow::read(file, env)?;
    let dir = file.parent().unwrap_or(Path::new("/"));
    // What Symphony's users have says nothing of Seawall, and hands its work off.
    let delivery = front.delivery.unwrap_or(if front.is_ours { Delivery::Land } else { Delivery::Handoff });
    let root = match (remote::repository(dir), delivery) {
        (Some(root), _) => root,
        (None, Delivery::Handoff) => dir.to_owned(),
        (None, Delivery::Land) => {
            let mend =
                "run it in a git repository, or write a seawall.toml that names the remote (`seawall init`)";
            return Err(vec![Problem::of_file(file, "WORKFLOW.md does not lie in a git repository", mend)]);
        }
    };
    let (tracker, states) = trackers::lone(&front, dir, env).map_err(|problem| vec![*problem])?;
    let said = front.remote.as_ref().map(|text| absolute(text, dir));
    let remote = said.unwrap_or_else(|| match (delivery, remote::origin(&root)) {
        // The workspaces' own: `after_create` may bring another repository than the one that the file lies in.
        (Delivery::Handoff, _) => String::new(),
        (Delivery::Land, Some(origin)) => absolute(&origin, dir),
        (Delivery::Land, None) => root.display().to_string(),
    });
    let small =
        |given: Option<u64>, default: u32| given.and_then(|n| u32::try_from(n).ok()).unwrap_or(default);
    let default = RetryPolicy::default();
    let longest = front.retry_longest.unwrap_or(default.longest);
    let source = Source {
        workflow: file.to_owned(),
        tracker,
        remote,
        prompt: Arc::new(prompt),
        poll: front.poll.unwrap_or(DEFAULT_POLL),
        handoff: front.handoff.clone().filter(|_| delivery == Delivery::Handoff),
    };
    let project = Project {
        delivery,
        slots: small(front.slots, DEFAULT_SLOTS),
        slots_by_state: front.slots_by_state.clone(),
        agents_by_state: front.agents_by_state.clone(),
        required_labels: front.required_labels.clone(),
        states,
        branch: front
            .branch
            .clone()
            .or_else(|| remote::default_branch(&root))
            .unwrap_or_else(|| "main".into()),
        landing: front.landing.unwrap_or_default(),
        retry: RetryPolicy {
            max_attempts: small(front.max_attempts, attempts_of(delivery)),
            first: default.first.min(longest),
            longest,
            ..default
        },
        max_rounds: small(front.max_rounds, DEFAULT_MAX_ROUNDS),
        ..Project::new(ProjectName::new(project_name(&root)), TeamName::new(team), AgentName::new(author))
    };
    Ok((project, source, front))
}

/// Attempts of one run unless somebody says otherwise. What is handed off is tried until its issue leaves: budgets and
/// growing waits bound it.
fn attempts_of(delivery: Delivery) -> u32 {
    match delivery {
        Delivery::Land => RetryPolicy::default().max_attempts,
        Delivery::Handoff => u32::MAX,
    }
}

fn most_attempts(front: &Front, says: &Says) -> u32 {
    attempts_of(says.delivery.as_ref().map(|given| given.value).or(front.delivery).unwrap_or_default())
}

/// The repository folder's name, made fit to be one.
pub fn project_name(root: &Path) -> String {
    let name = root.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let fit: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
        .take(48)
        .collect();
    if super::names::is_name(&fit) { fit } else { "project".to_owned() }
}

/// An address as it is, a path made absolute.
fn absolute(remote: &str, dir: &Path) -> String {
    if remote::is_address(remote) { remote.to_owned() } else { dir.join(remote).display().to_string() }
}

fn branch_of(remote: &str) -> Option<String> {
    remote::default_branch(Path::new(remote))
}

fn landing(text: &str) -> Result<Landing, &'static str> {
    match text {
        "merge" => Ok(Landing::Merge),
        "rebase" => Ok(Landing::Rebase),
        _ => Err("a change lands in one of two ways; write \"merge\" or \"rebase\""),
    }
}

fn delivery(text: &str) -> Result<Delivery, &'static str> {
    match text {
        "land" => Ok(Delivery::Land),
        "handoff" => Ok(Delivery::Handoff),
        _ => Err("work is delivered in one of two ways; write \"land\" or \"handoff\""),
    }
}

fn branch_name(text: &str) -> Result<String, &'static str> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
    if text.is_empty() || text.starts_with('-') || text.contains("..") || text.contains(odd) {
        return Err("git cannot have a branch of this name; write it like \"main\"");
    }
    Ok(text.to_owned())
}
