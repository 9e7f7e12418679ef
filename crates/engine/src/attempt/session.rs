//! Everything an attempt needs before its agent starts: workspace, prompt, token, tools, walls.

use super::push::Repository;
use super::reviewer::Review;
use super::tools::ReviewTools;
use super::turns::Turns;
use super::walls::Folders;
use super::{author, reviewer, walls, work};
use crate::Engine;
use crate::failure::forge_failure;
use crate::setup::{Handoff, Source as ProjectSource};
use adapters::agent::{
    MAX_GARBAGE_BYTES, MAX_LINE_BYTES, OneTurn, Session, SessionLimits, ToolHost, ToolSpec, TurnHost,
};
use adapters::sandbox::Spec;
use base::secret::Secret;
use domain::effect::Task;
use domain::failure::{Failure, FailureKind};
use domain::fleet::{Agent, Driver};
use domain::issue::{Issue, IssueRef};
use domain::review::Raised;
use domain::run::Run;
use domain::token::Claims;
use domain::{Millis, Timestamp};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How much longer than its attempt a token lives: the last call may be in flight.
const TOKEN_GRACE: Duration = Duration::from_secs(60);
/// "Never" as a span: longer than any attempt.
const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// How long an agent may take to answer its protocol's requests (Symphony 5.3.6 has 5 s; a cold start takes longer).
const READ_PATIENCE: Duration = Duration::from_secs(30);

/// An attempt, ready to be driven.
pub(super) struct Prepared {
    pub(super) spec: Spec,
    pub(super) session: Session,
    pub(super) tools: Arc<dyn ToolHost>,
    pub(super) driver: Driver,
    pub(super) command: Option<String>,
    /// The shell command that starts the agent instead, where the workflow gives one.
    pub(super) shell: Option<String>,
    /// Environment variables that the agent must not have, whatever a profile says.
    pub(super) secrets: Vec<String>,
    /// What follows a turn.
    pub(super) turns: Arc<dyn TurnHost>,
    review: Option<Arc<ReviewTools>>,
    /// What is to be done when the agent is gone.
    after: Option<AfterRun>,
}

/// The hook `after_run` of a workspace.
struct AfterRun {
    handoff: Arc<Handoff>,
    secrets: Vec<String>,
    workspace: PathBuf,
}

impl Prepared {
    /// What a reviewer handed in.
    pub(super) fn review(&self) -> Option<Vec<Raised>> {
        self.review.as_ref().and_then(|tools| tools.take())
    }

    /// Runs what is due after the agent, however it ended. A failure is told, and changes nothing.
    pub(super) async fn clear_up(&self, engine: &Engine, run: &Run) {
        if let Some(after) = &self.after {
            after.run(engine, run).await;
        }
    }
}

impl AfterRun {
    async fn run(&self, engine: &Engine, run: &Run) {
        // Its failure is in the log; there is nobody else to tell.
        let _ = work::hook(engine, run, &self.handoff, &self.secrets, "after_run", &self.workspace).await;
    }
}

/// What differs between an author's and a reviewer's attempt.
pub(super) struct Assignment {
    pub(super) instructions: &'static str,
    pub(super) prompt: String,
    pub(super) specs: Vec<ToolSpec>,
    pub(super) tools: Arc<dyn ToolHost>,
    pub(super) review: Option<Arc<ReviewTools>>,
}

/// What an attempt is prepared from.
struct Bench<'a> {
    engine: &'a Engine,
    run: &'a Run,
    agent: &'a Agent,
    source: &'a ProjectSource,
    issue: Issue,
}

pub(super) async fn prepare(engine: &Engine, run: &Run, task: &Task) -> Result<Prepared, Failure> {
    let missing = |what: String| Failure::new(FailureKind::Engine, what);
    let registered = engine.registered();
    let agent = registered
        .agent(&run.agent)
        .ok_or_else(|| missing(format!("agent `{}` is not configured any more", run.agent)))?;
    let source = registered
        .source(&run.issue.project)
        .ok_or_else(|| missing(format!("project `{}` is not configured any more", run.issue.project)))?;
    let issue = issue(engine, source, run).await?;
    let bench = Bench { engine, run, agent, source, issue };
    match task {
        Task::Work => bench.work().await,
        Task::Author { conflicts, .. } => {
            let workspace = engine.workspace(run);
            author::workspace(engine, run, source, &workspace, !conflicts.is_empty()).await?;
            let assignment = author::assignment(engine, run, source, &bench.issue, task)?;
            bench.ready(assignment, &Folders::of(&workspace)).await
        }
        Task::Review { base, head, round, files } => {
            let workspace = engine.workspace(run);
            let prepared = engine.0.forge.prepare(&workspace, &source.remote, "HEAD", Some(head)).await;
            prepared.map_err(|e| forge_failure(&e))?;
            let review = Review { base, head, round: *round, files };
            let assignment = reviewer::assignment(engine, run, source, &bench.issue, review).await?;
            bench.ready(assignment, &Folders::of(&workspace)).await
        }
    }
}

impl Bench<'_> {
    /// An attempt in a workspace that outlives it. Whatever is begun here is followed by the hook `after_run`.
    async fn work(&self) -> Result<Prepared, Failure> {
        let Bench { engine, run, source, issue, .. } = self;
        let gone = || Failure::new(FailureKind::Engine, "the project does not hand work off any more");
        let handoff = source.handoff.clone().ok_or_else(gone)?;
        let secrets = engine.secrets_of(source);
        let workspace = work::workspace(engine, run, &handoff, &secrets).await?;
        let after = AfterRun { handoff: handoff.clone(), secrets, workspace: workspace.clone() };
        let prepared = async {
            work::hook(engine, run, &handoff, &after.secrets, "before_run", &workspace).await?;
            let repository = Repository::of(engine, run, source, &handoff, &workspace).await?;
            let assignment = work::assignment(engine, run, source, issue, repository)?;
            self.ready(assignment, &Folders { tree: workspace.clone(), git_dir: None }).await
        };
        match prepared.await {
            Ok(prepared) => Ok(Prepared {
                turns: Arc::new(Turns {
                    engine: (*engine).clone(),
                    run: (*run).clone(),
                    tracker: source.tracker.clone(),
                    max_turns: handoff.max_turns,
                }),
                session: handed_off(prepared.session.clone(), prepared.driver, run, &handoff),
                shell: handoff.command.clone(),
                secrets: after.secrets.clone(),
                after: Some(after),
                ..prepared
            }),
            Err(failure) => {
                after.run(engine, run).await;
                Err(failure)
            }
        }
    }

    async fn ready(&self, assignment: Assignment, folders: &Folders) -> Result<Prepared, Failure> {
        let Bench { engine, run, agent, issue, .. } = self;
        let session = Session {
            run: run.id.to_string(),
            title: format!("{}: {}", issue.identifier, issue.title),
            attempt: run.attempts,
            prompt: assignment.prompt,
            instructions: assignment.instructions.to_owned(),
            model: Some(agent.model.to_string()),
            resume: None,
            settings: serde_json::json!({}),
            token: mint(engine, run, agent).await?,
            tools: assignment.specs,
            limits: session_limits(agent),
        };
        let spec = walls::spec(engine, run, agent, folders)
            .map_err(|e| Failure::new(FailureKind::Engine, format!("the run's folder: {e}")))?;
        Ok(Prepared {
            spec,
            session,
            tools: assignment.tools,
            driver: agent.driver,
            command: agent.command.clone(),
            shell: None,
            secrets: vec![],
            turns: Arc::new(OneTurn),
            review: assignment.review,
            after: None,
        })
    }
}

/// The session as the workflow of a handed-off run has it.
fn handed_off(session: Session, driver: Driver, run: &Run, handoff: &Handoff) -> Session {
    let resume =
        run.thread.as_ref().filter(|thread| thread.agent == run.agent).map(|thread| thread.id.clone());
    let millis = |span: Millis| Duration::from_millis(span.0);
    Session {
        resume,
        settings: handoff.settings.clone(),
        model: session.model.filter(|_| handoff.names_model),
        limits: SessionLimits {
            // Budgets bound the requests; turns are counted by the host.
            max_turns: 0,
            // `codex.read_timeout_ms` is what its writer gave Codex; another agent may take longer to start.
            read: match driver {
                Driver::Codex => millis(handoff.read_timeout),
                Driver::Builtin | Driver::Claude | Driver::Command => session.limits.read,
            },
            turn: millis(handoff.turn_timeout),
            stall: handoff.stall_timeout.map_or(NEVER, millis),
            ..session.limits
        },
        ..session
    }
}

/// The issue as it reads now; a person may have changed it since it was claimed.
async fn issue(engine: &Engine, source: &ProjectSource, run: &Run) -> Result<Issue, Failure> {
    let IssueRef { project, id, identifier, .. } = &run.issue;
    let why = match source.tracker.fetch_by_ids(std::slice::from_ref(id)).await {
        Ok(issues) => match issues.into_iter().next() {
            Some(issue) => return Ok(issue),
            None => format!("the tracker does not show {identifier} now"),
        },
        Err(error) => base::error::chain(&error),
    };
    // A tracker that is away for a moment must not cost attempts: what it said last was true a moment ago.
    match engine.0.store.issue(project, id).await {
        Ok(Some(seen)) => {
            tracing::warn!(run = %run.id, why, "working on the issue as it was seen last");
            Ok(seen.issue)
        }
        Ok(None) | Err(_) => Err(Failure::new(FailureKind::Engine, why)),
    }
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
    Ok(Secret::new(base::signing::token::seal(&engine.0.key.signer(), &payload)))
}

fn seconds(at: Timestamp) -> i64 {
    at.0.div_euclid(1_000_000)
}

fn session_limits(agent: &Agent) -> SessionLimits {
    SessionLimits {
        max_turns: agent.max_turns,
        stall: Duration::from_millis(agent.stall_timeout.0),
        read: READ_PATIENCE,
        turn: Duration::from_millis(agent.stall_timeout.0),
        deadline: Duration::from_millis(agent.attempt_timeout.0),
        max_line: MAX_LINE_BYTES,
        max_garbage_bytes: MAX_GARBAGE_BYTES,
    }
}
