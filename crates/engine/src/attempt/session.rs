//! Everything an attempt needs before its agent starts: workspace, prompt, token, tools, walls.

use super::reviewer::Review;
use super::tools::ReviewTools;
use super::{author, reviewer, walls};
use crate::Engine;
use crate::failure::forge_failure;
use crate::setup::Source as ProjectSource;
use adapters::agent::{MAX_GARBAGE_BYTES, MAX_LINE_BYTES, Session, SessionLimits, ToolHost, ToolSpec};
use adapters::sandbox::Spec;
use base::secret::Secret;
use domain::Timestamp;
use domain::effect::Task;
use domain::failure::{Failure, FailureKind};
use domain::fleet::{Agent, Driver};
use domain::issue::{Issue, IssueRef};
use domain::review::Raised;
use domain::run::Run;
use domain::token::Claims;
use std::sync::Arc;
use std::time::Duration;

/// How much longer than its attempt a token lives: the last call may be in flight.
const TOKEN_GRACE: Duration = Duration::from_secs(60);
/// How long an agent may take to answer its protocol's requests (Symphony 5.3.6 has 5 s; a cold start takes longer).
const READ_PATIENCE: Duration = Duration::from_secs(30);

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
pub(super) struct Assignment {
    pub(super) instructions: &'static str,
    pub(super) prompt: String,
    pub(super) specs: Vec<ToolSpec>,
    pub(super) tools: Arc<dyn ToolHost>,
    pub(super) review: Option<Arc<ReviewTools>>,
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
    let issue = issue(engine, source, run).await?;
    let workspace = engine.workspace(run);
    let assignment = match task {
        Task::Author { conflicts, .. } => {
            author::workspace(engine, run, source, &workspace, !conflicts.is_empty()).await?;
            author::assignment(engine, run, source, &issue, task)?
        }
        Task::Review { base, head, round, files } => {
            engine
                .0
                .forge
                .prepare(&workspace, &source.remote, "HEAD", Some(head))
                .await
                .map_err(|e| forge_failure(&e))?;
            reviewer::assignment(engine, run, source, &issue, Review { base, head, round: *round, files })
                .await?
        }
    };
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
    let spec =
        walls::spec(engine, run, agent, &workspace).map_err(|e| missing(format!("the run's folder: {e}")))?;
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
