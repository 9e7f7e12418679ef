//! One project `shop` in a temporary folder.

use base::clock::Clock;
use base::env::Env;
use base::ids::Ids;
use domain::fleet::{Agent, Driver, Fleet, Limits, Project, Team};
use domain::issue::{Issue, IssueRef, States};
use domain::run::{Phase, Run};
use domain::step::Step;
use domain::{AgentName, Fence, Millis, ProjectName, TeamName, Timestamp};
use engine::{Engine, Installed, Outside, Registered, Settled, Setup, Source};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use store::run::Base;
use store::step::Commit;

/// A slow machine still gets there.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct World {
    pub setup: Setup,
    pub store: Store,
    folder: tempfile::TempDir,
}

impl World {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A world whose project is not quite the usual one.
    pub async fn with(change: impl FnOnce(&mut Project)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("issues")).unwrap();
        git_remote(&folder.path().join("shop.git"));
        let mut project = project();
        change(&mut project);
        let setup = setup(folder.path(), project);
        let url = format!("sqlite:{}", folder.path().join("seawall.db").display());
        let store = Store::open(&url).await.unwrap();
        let killd = killd::server::Config {
            socket: setup.killd_socket(),
            dir: setup.killd_dir(),
            exit_when_alone: false,
        };
        tokio::spawn(async move { killd::server::serve(killd).await.unwrap() });
        Self { setup, store, folder }
    }

    /// An engine that has the store for itself.
    pub async fn start(&self) -> Engine {
        self.started(true).await
    }

    /// An engine that shares the store.
    pub async fn start_beside_others(&self) -> Engine {
        self.started(false).await
    }

    async fn started(&self, only: bool) -> Engine {
        eventually("the kill plane listens", || async { listening_at(&self.setup.killd_socket()) }).await;
        Engine::start(self.setup.clone(), self.store.clone(), only).await.unwrap()
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn issue_file(&self, id: &str) -> PathBuf {
        self.path().join("issues").join(format!("{id}.md"))
    }

    /// Writes the issue `id` in `state`.
    pub fn write_issue(&self, id: &str, state: &str) {
        let text = format!("---\ntitle: Issue {id}\nstate: {state}\n---\nDo it.\n");
        std::fs::write(self.issue_file(id), text).unwrap();
    }

    pub fn read_issue(&self, id: &str) -> String {
        std::fs::read_to_string(self.issue_file(id)).unwrap()
    }

    /// The issue's version as the tracker tells it.
    pub async fn version(&self, id: &str) -> String {
        let tracker = &self.setup.registered.sources[&ProjectName::from("shop")].tracker;
        tracker.fetch_by_ids(&[id.into()]).await.unwrap()[0].version.clone()
    }

    /// An author run for issue `id` in `phase`, in the store, with what it owes.
    pub async fn insert(&self, run: Run, effects: Vec<domain::effect::Effect>) {
        let step = Step { run, events: vec![], effects };
        let commit = Commit { step: &step, base: Base::New, guards: None, effect: None, now: self.now() };
        self.store.commit_step(commit).await.unwrap();
    }

    pub async fn author_run(&self, name: &str, issue: &str, phase: Phase) -> Run {
        let version = self.version(issue).await;
        let read = Issue { version, ..Issue::new(issue.into(), issue, &format!("Issue {issue}"), "Todo") };
        let reference = IssueRef::of("shop".into(), &read);
        Run {
            fence: Fence(1),
            attempts: 1,
            phase,
            ..Run::new(name.into(), reference, "author".into(), "pay".into(), self.now())
        }
    }

    pub async fn phase(&self, run: &str) -> Phase {
        self.store.run(&run.into()).await.unwrap().unwrap().run.phase
    }

    /// Why the issue is not being worked on, as `seawall why` says it.
    pub async fn refusal(&self, issue: &str) -> Option<domain::run::Refusal> {
        self.store.decision(&"shop".into(), &issue.into()).await.unwrap().map(|decision| decision.refusal)
    }

    pub fn now(&self) -> Timestamp {
        Timestamp(self.setup.outside.clock.now_us())
    }
}

/// Waits until `seen` is true; fails with `what` when it never is.
pub async fn eventually<F: Future<Output = bool>>(what: &str, seen: impl Fn() -> F) {
    let waiting = async {
        while !seen().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "never came: {what}");
}

fn listening_at(socket: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(socket).is_ok()
}

pub fn project() -> Project {
    Project { slots: 2, ..Project::new("shop".into(), "pay".into(), "author".into()) }
}

/// Its program does not exist: a start is refused, and says so.
fn agent(name: &str) -> Agent {
    Agent {
        name: name.into(),
        team: "pay".into(),
        driver: Driver::Codex,
        command: Some("no-such-agent".to_owned()),
        model: "large".into(),
        budget: None,
        max_turns: 10,
        attempt_timeout: Millis::seconds(60),
        stall_timeout: Millis::seconds(60),
        limits: Limits::default(),
    }
}

fn setup(folder: &Path, project: Project) -> Setup {
    let team = Team {
        name: "pay".into(),
        budget: None,
        reviewer: Some("reviewer".into()),
        knowledge: "teams/pay".to_owned(),
    };
    let agents = ["author", "reviewer"].map(|name| (AgentName::from(name), agent(name)));
    let workflow = knowledge::workflow::Workflow::parse("WORKFLOW.md", "Do {{ issue.title }}").unwrap();
    let source = Source {
        tracker: Arc::new(adapters::tracker::files::FilesTracker::new(
            folder.join("issues"),
            &States::default().terminal,
        )),
        remote: folder.join("shop.git").display().to_string(),
        prompt: Arc::new(workflow.prompt),
        poll: Millis(50),
        handoff: None,
    };
    Setup {
        registered: Registered {
            fleet: Fleet {
                teams: [(TeamName::from("pay"), team)].into(),
                agents: agents.into(),
                projects: [(project.name.clone(), project)].into(),
            },
            sources: BTreeMap::from([(ProjectName::from("shop"), source)]),
            slots: None,
        },
        preflight: Arc::new(Settled),
        secret_names: vec![],
        state_dir: folder.join("state"),
        gateway: ([127, 0, 0, 1], 9).into(),
        sandbox_floor: adapters::sandbox::Level::Bare,
        readable: vec![],
        path: vec![],
        agent_uid: 65_534,
        program: PathBuf::from("/bin/false"),
        outside: Outside {
            clock: Clock::system(),
            ids: Ids::random(),
            env: Env::process(),
            drivers: Arc::new(Installed),
        },
    }
}

fn git_remote(path: &Path) {
    let parent = path.parent().unwrap();
    git(parent, &["init", "--quiet", "--bare", "--initial-branch=main", "shop.git"]);
    git(parent, &["clone", "--quiet", "shop.git", "seed"]);
    let seed = parent.join("seed");
    std::fs::write(seed.join("README.md"), "shop\n").unwrap();
    git(&seed, &["add", "."]);
    git(&seed, &["commit", "--quiet", "-m", "begin"]);
    git(&seed, &["push", "--quiet", "origin", "HEAD:main"]);
}

/// Runs git in `dir` and answers with its first line.
pub fn git(dir: &Path, args: &[&str]) -> String {
    let identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"];
    let output =
        std::process::Command::new("git").current_dir(dir).args(identity).args(args).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned()
}
