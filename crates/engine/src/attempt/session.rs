//! Everything an attempt needs before its agent starts: workspace, prompt, token, tools, walls.

use super::prompt::{self, ReviewMaterial};
use super::tools::{AuthorTools, ReviewTools};
use crate::Engine;
use crate::perform::forge_failure;
use crate::setup::Source as ProjectSource;
use adapters::agent::{MAX_GARBAGE_BYTES, MAX_LINE_BYTES, Session, SessionLimits, ToolHost, ToolSpec};
use adapters::forge::git::{Commit, Identity, Source, Workspace};
use adapters::sandbox::{Limits, Spec};
use base::secret::Secret;
use domain::effect::Task;
use domain::failure::{Failure, FailureKind};
use domain::fleet::{Agent, Driver};
use domain::issue::Issue;
use domain::review::{Finding, Raised};
use domain::run::Run;
use domain::token::Claims;
use domain::{Sha, Timestamp};
use knowledge::passage::{self, Knowledge, Passage};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The most bytes of one file an agent may write, and of its /tmp.
const FILE_BYTES: u64 = 1 << 30;
/// Knowledge files looked at for one review.
const MAX_KNOWLEDGE_FILES: usize = 500;
/// Passages a reviewer is shown.
const MAX_PASSAGES: usize = 8;
/// How much longer than its attempt a token lives: the last call may be in flight.
const TOKEN_GRACE: Duration = Duration::from_secs(60);

/// An attempt, ready to be driven.
pub(super) struct Prepared {
    pub(super) spec: Spec,
    pub(super) session: Session,
    pub(super) tools: Arc<dyn ToolHost>,
    pub(super) driver: Driver,
    pub(super) command: Option<String>,
    review: Option<Arc<ReviewTools>>,
}

impl Prepared {
    /// What a reviewer handed in.
    pub(super) fn review(&self) -> Option<Vec<Raised>> {
        self.review.as_ref().and_then(|tools| tools.take())
    }
}

/// What differs between an author's and a reviewer's attempt.
struct Assignment {
    instructions: &'static str,
    prompt: String,
    specs: Vec<ToolSpec>,
    tools: Arc<dyn ToolHost>,
    review: Option<Arc<ReviewTools>>,
}

pub(super) async fn prepare(engine: &Engine, run: &Run, task: &Task) -> Result<Prepared, Failure> {
    let missing = |what: String| Failure::new(FailureKind::Engine, what);
    let setup = &engine.0.setup;
    let agent = setup
        .agent(&run.agent)
        .ok_or_else(|| missing(format!("agent `{}` is not configured any more", run.agent)))?;
    let source = setup
        .sources
        .get(&run.issue.project)
        .ok_or_else(|| missing(format!("project `{}` is not configured any more", run.issue.project)))?;
    let issue = issue(source, run).await?;
    let workspace = engine.workspace(run);
    let assignment = match task {
        Task::Author { conflicts, .. } => {
            author_workspace(engine, run, source, &workspace, !conflicts.is_empty()).await?;
            author(engine, run, source, &issue, task)?
        }
        Task::Review { base, head, round, files } => {
            engine
                .0
                .forge
                .prepare(&workspace, &source.remote, "HEAD", Some(head))
                .await
                .map_err(|e| forge_failure(&e))?;
            reviewer(engine, run, source, &issue, Review { base, head, round: *round, files }).await?
        }
    };
    let session = Session {
        run: run.id.to_string(),
        attempt: run.attempts,
        prompt: assignment.prompt,
        instructions: assignment.instructions.to_owned(),
        model: agent.model.to_string(),
        token: mint(engine, run, agent).await?,
        tools: assignment.specs,
        limits: session_limits(agent),
    };
    let spec = spec(engine, run, agent, &workspace).map_err(|e| missing(format!("the run's folder: {e}")))?;
    Ok(Prepared {
        spec,
        session,
        tools: assignment.tools,
        driver: agent.driver,
        command: agent.command.clone(),
        review: assignment.review,
    })
}

/// The issue as it reads now; a person may have changed it since it was claimed.
async fn issue(source: &ProjectSource, run: &Run) -> Result<Issue, Failure> {
    let tracker =
        |e: adapters::tracker::files::Error| Failure::new(FailureKind::Engine, base::error::chain(&e));
    let fetched = source.tracker.fetch(std::slice::from_ref(&run.issue.id)).await.map_err(tracker)?;
    fetched.issues.into_iter().next().ok_or_else(|| {
        Failure::new(FailureKind::Engine, format!("the tracker does not show {} now", run.issue.identifier))
    })
}

async fn author_workspace(
    engine: &Engine,
    run: &Run,
    source: &ProjectSource,
    workspace: &Workspace,
    conflict: bool,
) -> Result<(), Failure> {
    let project = engine.0.setup.project_or_last_rites(&run.issue.project);
    let forge = &engine.0.forge;
    let failed =
        |e: adapters::forge::git::Error| Failure::new(FailureKind::Workspace, base::error::chain(&e));
    forge.prepare(workspace, &source.remote, &project.branch, None).await.map_err(failed)?;
    if conflict {
        let message = format!("{}: {}\n\nSeawall-Run: {}\n", run.issue.identifier, run.issue.title, run.id);
        let author = Identity { agent: run.agent.clone(), at: engine.now() };
        forge
            .rebase(workspace, &source.remote, &project.branch, &Commit { author, message })
            .await
            .map_err(failed)?;
    }
    Ok(())
}

fn author(
    engine: &Engine,
    run: &Run,
    source: &ProjectSource,
    issue: &Issue,
    task: &Task,
) -> Result<Assignment, Failure> {
    let project = engine.0.setup.project_or_last_rites(&run.issue.project);
    let view = serde_json::to_value(issue).unwrap_or_default();
    let again = (run.attempts > 1).then_some(run.attempts);
    let text = source.prompt.render(&view, again).map_err(|e| {
        Failure::new(FailureKind::Workspace, format!("the workflow's prompt: {}", base::error::chain(&e)))
    })?;
    let tools = AuthorTools {
        tracker: source.tracker.clone(),
        issue: issue.id.clone(),
        agent: run.agent.clone(),
        open_to_agents: project.states.active,
        clock: engine.0.setup.outside.clock.clone(),
    };
    Ok(Assignment {
        instructions: prompt::AUTHOR,
        prompt: prompt::author(&text, task),
        specs: AuthorTools::specs(),
        tools: Arc::new(tools),
        review: None,
    })
}

/// What is to be reviewed.
struct Review<'a> {
    base: &'a Sha,
    head: &'a Sha,
    round: u32,
    files: &'a [String],
}

async fn reviewer(
    engine: &Engine,
    run: &Run,
    source: &ProjectSource,
    issue: &Issue,
    review: Review<'_>,
) -> Result<Assignment, Failure> {
    let gone = || Failure::new(FailureKind::Engine, "the run that asked for this review is gone");
    let assignment = run.review.as_ref().ok_or_else(gone)?;
    let store = |e: store::Error| Failure::new(FailureKind::Engine, base::error::chain(&e));
    let parent = engine.0.store.run(&assignment.parent).await.map_err(store)?.ok_or_else(gone)?.run;
    let change = parent.change.ok_or_else(gone)?;
    let remote = Source::Remote(&source.remote);
    let forge = &engine.0.forge;
    let diff = forge
        .diff(remote, review.base, review.head, prompt::MAX_DIFF * 2)
        .await
        .map_err(|e| forge_failure(&e))?;
    let passages = passages(engine, run, source, &review, &diff.text).await?;
    let earlier: Vec<Finding> =
        parent.ledger.findings.into_iter().filter(|f| f.team == assignment.team && f.holds_up()).collect();
    let text = prompt::reviewer(&ReviewMaterial {
        issue,
        team: &assignment.team,
        round: review.round,
        base: review.base,
        change: &change,
        owned: review.files,
        diff: &diff.text,
        passages: &passages,
        earlier: &earlier,
    });
    let tools = Arc::new(ReviewTools {
        forge: forge.clone(),
        remote: source.remote.clone(),
        base: review.base.clone(),
        head: review.head.clone(),
        review: std::sync::Mutex::default(),
    });
    Ok(Assignment {
        instructions: prompt::REVIEWER,
        prompt: text,
        specs: ReviewTools::specs(),
        tools: tools.clone(),
        review: Some(tools),
    })
}

/// What the reviewer's team has written down that speaks of this change, as of the change's base.
async fn passages(
    engine: &Engine,
    run: &Run,
    source: &ProjectSource,
    review: &Review<'_>,
    diff: &str,
) -> Result<Vec<Passage>, Failure> {
    let team = run.review.as_ref().and_then(|a| engine.0.setup.team(&a.team));
    let Some(folder) = team.map(|t| t.knowledge.as_str()) else { return Ok(vec![]) };
    let forge = &engine.0.forge;
    let remote = Source::Remote(&source.remote);
    let files = forge.list(remote, review.base, Some(folder)).await.map_err(|e| forge_failure(&e))?;
    let mut known = vec![];
    for path in files.into_iter().filter(|p| p.ends_with(".md")).take(MAX_KNOWLEDGE_FILES) {
        if let Some(bytes) = forge.show(remote, review.base, &path).await.map_err(|e| forge_failure(&e))? {
            known.push((path, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    let added: Vec<String> = diff
        .lines()
        .filter_map(|line| line.strip_prefix('+'))
        .filter(|line| !line.starts_with("++"))
        .map(str::to_owned)
        .collect();
    let known: Vec<_> = known.iter().map(|(path, text)| Knowledge { path, text }).collect();
    let mut found = passage::find(&known, review.files, &added);
    found.truncate(MAX_PASSAGES);
    Ok(found)
}

async fn mint(engine: &Engine, run: &Run, agent: &Agent) -> Result<Secret, Failure> {
    let store = |e: store::Error| Failure::new(FailureKind::Engine, base::error::chain(&e));
    let now = engine.now();
    let life = Duration::from_millis(agent.attempt_timeout.0) + TOKEN_GRACE;
    let claims = Claims {
        identity: run.identity(),
        issue: run.issue.id.clone(),
        purpose: run.purpose(),
        attempt: run.attempts,
        fence: run.fence,
        epoch: engine.0.store.containments().await.map_err(store)?.epoch(),
        iat: seconds(now),
        exp: seconds(now) + i64::try_from(life.as_secs()).unwrap_or(i64::MAX / 2),
    };
    let payload =
        serde_json::to_string(&claims).map_err(|e| Failure::new(FailureKind::Engine, e.to_string()))?;
    Ok(Secret::new(base::signing::token::seal(&engine.0.signer, &payload)))
}

fn seconds(at: Timestamp) -> i64 {
    at.0.div_euclid(1_000_000)
}

fn session_limits(agent: &Agent) -> SessionLimits {
    SessionLimits {
        max_turns: agent.max_turns,
        stall: Duration::from_millis(agent.stall_timeout.0),
        deadline: Duration::from_millis(agent.attempt_timeout.0),
        max_line: MAX_LINE_BYTES,
        max_garbage_bytes: MAX_GARBAGE_BYTES,
    }
}

fn spec(engine: &Engine, run: &Run, agent: &Agent, workspace: &Workspace) -> std::io::Result<Spec> {
    let setup = &engine.0.setup;
    let folder = engine.run_dir(run);
    let home = folder.join("home");
    std::fs::create_dir_all(&home)?;
    let readable = setup.readable.iter().map(|path| (path.clone(), path.clone())).collect();
    Ok(Spec {
        name: format!("{}-{}", run.id, run.fence),
        workspace_tree: workspace.tree(),
        git_dir: Some(workspace.git_dir()),
        read_only: readable,
        home,
        gateway_socket: folder.join("gateway.sock"),
        env: vec![("PATH".to_owned(), path(&setup.path))],
        program: vec![],
        limits: Limits {
            memory_bytes: Some(agent.limits.memory_bytes),
            pids: Some(agent.limits.pids),
            cpu_percent: Some(agent.limits.cpu_percent),
            file_bytes: Some(FILE_BYTES),
            tmp_bytes: Some(FILE_BYTES),
            workspace_bytes: Some(agent.limits.workspace_bytes),
        },
        hide: vec![setup.state_dir.clone()],
        read_only_workspace: run.review.is_some(),
    })
}

fn path(first: &[PathBuf]) -> String {
    let mut dirs: Vec<String> = first.iter().map(|p| p.display().to_string()).collect();
    dirs.push(adapters::sandbox::spec::DEFAULT_PATH.to_owned());
    dirs.join(":")
}

impl Engine {
    /// Everything of one run on disk.
    pub(crate) fn run_dir(&self, run: &Run) -> PathBuf {
        self.0.setup.workspaces().join(run.issue.project.as_str()).join(run.id.as_str())
    }

    /// The run's code.
    pub(crate) fn workspace(&self, run: &Run) -> Workspace {
        Workspace::at(self.run_dir(run))
    }
}
