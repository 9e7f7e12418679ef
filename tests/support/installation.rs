//! A real project in a folder of its own: git repository, bare remote, issues, configuration. The demo's own files,
//! unless a test says otherwise.

use super::git::git;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

macro_rules! demo {
    ($path:literal) => {
        ($path, include_str!(concat!("../../crates/seawall/src/demo/project/", $path)))
    };
}

const FILES: [(&str, &str); 8] = [
    demo!("README.md"),
    demo!("CODEOWNERS"),
    demo!("payments/charge.sh"),
    demo!("web/receipt.sh"),
    demo!("tests/bank.sh"),
    demo!("tests/run.sh"),
    demo!("teams/payments/incidents/2026-03-double-charge.md"),
    demo!("teams/web/incidents/2026-05-receipt-cents.md"),
];
const CONFIG: &str = include_str!("../../crates/seawall/src/demo/seawall.toml");
const WORKFLOW: &str = include_str!("../../crates/seawall/src/demo/WORKFLOW.md");
const SCENARIO: &str = include_str!("../../crates/seawall/src/demo/rehearsal.toml");
const FIRST_ISSUE: &str = include_str!("../../crates/seawall/src/demo/issues/SHOP-1.md");

const HANDOFF: &str = "---
tracker: {kind: files, required_labels: []}
polling: {interval_ms: 100}
workspace: {root: ws}
hooks: {}
agent:
  max_turns: 20
  max_retry_backoff_ms: 300000
  max_concurrent_agents_by_state: {}
---
Work on {{ issue.identifier }}: {{ issue.title }}.
";

/// What to write.
#[derive(Clone, Debug)]
pub struct Plan {
    config: String,
    workflow: String,
    scenario: String,
    project: BTreeMap<String, String>,
    /// Files beside the configuration, issues included.
    beside: BTreeMap<String, String>,
}

impl Plan {
    /// The demo's project, scenario and first issue; free ports, and no long waits.
    pub fn demo() -> Self {
        let own = |(path, text): (&str, &str)| (path.to_owned(), text.to_owned());
        let plan = Self {
            config: CONFIG.to_owned(),
            workflow: WORKFLOW.to_owned(),
            scenario: SCENARIO.to_owned(),
            project: FILES.into_iter().map(own).collect(),
            beside: [own(("issues/SHOP-1.md", FIRST_ISSUE))].into(),
        };
        plan.config("127.0.0.1:7700", "127.0.0.1:0")
            .config("127.0.0.1:7701", "127.0.0.1:0")
            .config("author = \"author\"", "author = \"author\"\nretry_first = \"100ms\"")
            .workflow("interval_ms: 2000", "interval_ms: 100")
    }

    /// The same project with another scenario and no issue yet.
    pub fn playing(scenario: impl Into<String>) -> Self {
        let mut plan = Self { scenario: scenario.into(), ..Self::demo() };
        plan.beside.clear();
        plan
    }

    /// The project handed off instead of landed: workspaces in `ws`, the built-in agent, and no issue yet.
    pub fn handing_off(scenario: impl Into<String>) -> Self {
        let plan =
            Self::playing(scenario).config("[projects.shop]", "[projects.shop]\ndelivery = \"handoff\"");
        Self { workflow: HANDOFF.to_owned(), ..plan }
    }

    /// A second project that hands off, in the folder `name`, with a share of `weight`.
    pub fn with_second_project(self, name: &str, weight: u32) -> Self {
        self.beside(&format!("{name}/WORKFLOW.md"), HANDOFF).config_too(&format!(
            "[projects.{name}]\nworkflow = \"{name}/WORKFLOW.md\"\nteam = \"web\"\ndelivery = \"handoff\"\n\
             weight = {weight}\n"
        ))
    }

    /// Another scenario.
    pub fn scenario(mut self, text: impl Into<String>) -> Self {
        self.scenario = text.into();
        self
    }

    /// Edits seawall.toml: `from`, which must be there, becomes `to`.
    pub fn config(mut self, from: &str, to: &str) -> Self {
        self.config = edited(&self.config, from, to);
        self
    }

    /// Adds `text` to the end of seawall.toml.
    pub fn config_too(mut self, text: &str) -> Self {
        self.config.push('\n');
        self.config.push_str(text);
        self
    }

    /// Edits WORKFLOW.md.
    pub fn workflow(mut self, from: &str, to: &str) -> Self {
        self.workflow = edited(&self.workflow, from, to);
        self
    }

    /// A file of the project, in its first commit.
    pub fn project_file(mut self, path: &str, text: impl Into<String>) -> Self {
        self.project.insert(path.to_owned(), text.into());
        self
    }

    /// A file beside the configuration.
    pub fn beside(mut self, path: &str, text: impl Into<String>) -> Self {
        self.beside.insert(path.to_owned(), text.into());
        self
    }

    /// An issue in state Todo.
    pub fn issue(self, id: &str) -> Self {
        let text = issue(id, "");
        self.beside(&format!("issues/{id}.md"), text)
    }

    /// Many of them: `PREFIX-1` to `PREFIX-COUNT`.
    pub fn issues(self, prefix: &str, count: usize) -> Self {
        (1..=count).fold(self, |plan, n| plan.issue(&format!("{prefix}-{n}")))
    }

    /// A second project `calm` over the same repository, whose author is the built-in agent: what must not suffer
    /// when agents of the first one misbehave. Its issue is `CALM-1`.
    pub fn with_calm_project(self) -> Self {
        let workflow = self.workflow.replace("remote: shop.git", "remote: ../shop.git");
        self.beside("calm/WORKFLOW.md", workflow)
            .beside("calm/issues/CALM-1.md", issue("CALM-1", ""))
            .config_too(
                "[agents.calm]\nteam = \"web\"\ndriver = \"builtin\"\nmodel = \"large\"\n\n\
             [projects.calm]\nworkflow = \"calm/WORKFLOW.md\"\nteam = \"web\"\nauthor = \"calm\"\n",
            )
    }

    /// Writes everything into a new folder.
    pub fn write(self) -> Installation {
        let dir = tempfile::Builder::new().prefix("sw").tempdir().unwrap();
        let at = dir.path();
        for (path, text) in &self.project {
            write(&at.join("shop").join(path), text);
        }
        for (path, text) in &self.beside {
            write(&at.join(path), text);
        }
        std::fs::create_dir_all(at.join("issues")).unwrap();
        write(&at.join("seawall.toml"), &self.config);
        write(&at.join("WORKFLOW.md"), &self.workflow);
        write(&at.join("rehearsal.toml"), &self.scenario);
        let seed = repository(at);
        Installation { dir, seed }
    }
}

/// The text of an issue file; `more` goes into its front matter, each line with its end.
pub fn issue(id: &str, more: &str) -> String {
    format!("---\nid: {id}\ntitle: A note for {id}\nstate: Todo\n{more}---\n\nAdd a note.\n")
}

/// A written project; its folder goes with it.
#[derive(Debug)]
pub struct Installation {
    dir: tempfile::TempDir,
    /// The commit that the project starts with.
    pub seed: String,
}

impl Installation {
    /// The folder of the configuration.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The bare remote.
    pub fn remote(&self) -> PathBuf {
        self.dir().join("shop.git")
    }

    /// A person's checkout of it.
    pub fn checkout(&self) -> PathBuf {
        self.dir().join("shop")
    }

    /// Where Seawall keeps its state.
    pub fn state(&self) -> PathBuf {
        self.dir().join(".seawall")
    }

    /// Git in the bare remote.
    pub fn git(&self, args: &[&str]) -> String {
        git(&self.remote(), args)
    }

    /// The remote's main.
    pub fn main(&self) -> String {
        self.git(&["rev-parse", "refs/heads/main"])
    }

    /// Reads a file of the folder.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.dir().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Writes a file of the folder at once, as an editor that saves by renaming.
    pub fn write(&self, path: &str, text: &str) {
        let (path, new) = (self.dir().join(path), self.dir().join(".new"));
        write(&new, text);
        std::fs::rename(new, path).unwrap();
    }

    /// Writes an issue in state Todo.
    pub fn issue(&self, id: &str) {
        self.write(&format!("issues/{id}.md"), &issue(id, ""));
    }

    /// The state that an issue file tells.
    pub fn issue_state(&self, id: &str) -> String {
        let text = self.read(&format!("issues/{id}.md"));
        let line = text.lines().find_map(|line| line.strip_prefix("state: "));
        line.unwrap_or_else(|| panic!("{id} tells no state: {text}")).to_owned()
    }

    /// Replaces `from` in an issue file by `to`, as a person would.
    pub fn edit_issue(&self, id: &str, from: &str, to: &str) {
        let path = format!("issues/{id}.md");
        self.write(&path, &edited(&self.read(&path), from, to));
    }

    /// A person pushes a change of one file to main; answers with the new commit.
    pub fn push(&self, path: &str, text: &str) -> String {
        let checkout = self.checkout();
        git(&checkout, &["pull", "--quiet", "--ff-only", &self.remote().display().to_string(), "main"]);
        write(&checkout.join(path), text);
        git(&checkout, &["add", "."]);
        git(&checkout, &["commit", "--quiet", "--message=A person's change"]);
        git(&checkout, &["push", "--quiet", &self.remote().display().to_string(), "main"]);
        git(&checkout, &["rev-parse", "HEAD"])
    }
}

fn repository(at: &Path) -> String {
    let (checkout, remote) = (at.join("shop"), at.join("shop.git"));
    git(at, &["init", "--quiet", "--bare", "--initial-branch=main", &remote.display().to_string()]);
    git(&checkout, &["init", "--quiet", "--initial-branch=main"]);
    git(&checkout, &["add", "."]);
    git(&checkout, &["commit", "--quiet", "--message=A shop small enough to read in a minute"]);
    git(&checkout, &["push", "--quiet", &remote.display().to_string(), "main"]);
    git(&checkout, &["rev-parse", "HEAD"])
}

fn write(path: &Path, text: &str) {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).unwrap();
    }
    std::fs::write(path, text).unwrap();
    if text.starts_with("#!") {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn edited(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "`{from}` is not in:\n{text}");
    text.replacen(from, to, 1)
}
