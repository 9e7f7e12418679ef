//! The tools that the engine answers for an agent: the tracker for an author, the review for a reviewer.
//!
//! The agent holds no credentials; what a tool does is done here, bound to the run it was started for.

use super::push::{self, Repository};
use crate::Engine;
use adapters::agent::{ToolAnswer, ToolHost, ToolSpec};
use adapters::forge::git::{GitForge, Source};
use adapters::tracker::tool::{self, ToolCall};
use adapters::tracker::{Mark, ToolContext, Tracker};
use domain::issue::Issue;
use domain::review::{self, Place, Raised};
use domain::run::Run;
use domain::{AgentName, Fence, RunId, Sha, Timestamp};
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// An author's tools: comment on its issue, and move it between states that are not terminal.
pub(crate) struct AuthorTools {
    pub(crate) tracker: Arc<dyn Tracker>,
    pub(crate) issue: Issue,
    pub(crate) mark: Mark,
    pub(crate) agent: AgentName,
    /// States it may move the issue to; never a terminal one, the landing does that.
    pub(crate) open_to_agents: Vec<String>,
    pub(crate) clock: base::clock::Clock,
}

impl AuthorTools {
    pub(crate) fn specs() -> Vec<ToolSpec> {
        vec![tool::spec()]
    }

    async fn answer(&self, name: &str, arguments: Value) -> Result<String, String> {
        if name != tool::NAME {
            return Err(format!("there is no tool `{name}`"));
        }
        let call = ToolCall::parse(&arguments, &self.open_to_agents).map_err(|e| e.to_string())?;
        let context = ToolContext {
            issue: self.issue.clone(),
            mark: self.mark.clone(),
            author: self.agent.to_string(),
            now: Timestamp(self.clock.now_us()),
        };
        tool::perform(&*self.tracker, call, &context).await
    }
}

/// The tracker's own tools and the push, for an agent that hands its work on itself. Bound to the tracker as it was when the session
/// began, and to the claim: what an older claim asks for is refused, also while its process still lives.
pub(crate) struct NativeTools {
    engine: Engine,
    run: RunId,
    fence: Fence,
    agent: AgentName,
    tracker: Arc<dyn Tracker>,
    issue: Issue,
    /// What can be pushed, if anything.
    repository: Option<Repository>,
}

impl NativeTools {
    pub(crate) fn new(
        engine: Engine,
        run: &Run,
        tracker: Arc<dyn Tracker>,
        issue: Issue,
        repository: Option<Repository>,
    ) -> Self {
        let (agent, fence, run) = (run.agent.clone(), run.fence, run.id.clone());
        Self { engine, run, fence, agent, tracker, issue, repository }
    }

    pub(crate) fn specs(&self) -> Vec<ToolSpec> {
        let mut specs = self.tracker.tools();
        specs.extend(self.repository.as_ref().map(|_| Repository::spec()));
        specs
    }

    async fn answer(&self, name: &str, arguments: Value) -> ToolAnswer {
        if let Err(text) = self.engine.still_holds(&self.run, self.fence).await {
            return ToolAnswer { ok: false, text };
        }
        if let (push::NAME, Some(repository)) = (name, &self.repository) {
            return to_answer(self.engine.push(&self.run, self.fence, repository, arguments).await);
        }
        let context = ToolContext {
            issue: self.issue.clone(),
            mark: Mark { run: self.run.clone(), fence: self.fence },
            author: self.agent.to_string(),
            now: self.engine.now(),
        };
        self.tracker.call_tool(name, arguments, &context).await
    }
}

impl ToolHost for NativeTools {
    fn call<'a>(&'a self, name: &'a str, arguments: Value) -> BoxFuture<'a, ToolAnswer> {
        Box::pin(self.answer(name, arguments))
    }
}

impl Engine {
    /// Whether the claim `fence` of `run` may still change anything outside.
    pub async fn still_holds(&self, run: &RunId, fence: Fence) -> Result<(), String> {
        let failed =
            |error: store::Error| format!("the claim cannot be checked now: {}", base::error::chain(&error));
        let stored = self.0.store.run(run).await.map_err(failed)?;
        let Some(stored) = stored.filter(|stored| stored.run.fence == fence && stored.run.is_live()) else {
            return Err(format!(
                "claim {fence} of run {run} is over; nothing is changed in its name any more"
            ));
        };
        let containments = self.0.store.containments().await.map_err(failed)?;
        match containments.stopping(&stored.run.identity()) {
            Some(order) => Err(format!("run {run} is stopped by order {}", order.id)),
            None => Ok(()),
        }
    }
}

impl ToolHost for AuthorTools {
    fn call<'a>(&'a self, name: &'a str, arguments: Value) -> BoxFuture<'a, ToolAnswer> {
        Box::pin(async move { to_answer(self.answer(name, arguments).await) })
    }
}

/// A reviewer's tool: hand the review in, once it is fit and what it cites exists.
pub(crate) struct ReviewTools {
    pub(crate) forge: GitForge,
    pub(crate) remote: String,
    pub(crate) base: Sha,
    pub(crate) head: Sha,
    /// What was handed in.
    pub(crate) review: Mutex<Option<Vec<Raised>>>,
}

const SUBMIT_REVIEW: &str = "submit_review";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Submission {
    findings: Vec<Raised>,
}

impl ReviewTools {
    pub(crate) fn specs() -> Vec<ToolSpec> {
        let place = json!({
            "type": "object",
            "properties": {
                "file": {"type": "string"},
                "line_start": {"type": "integer", "minimum": 1},
                "line_end": {"type": "integer", "minimum": 1},
            },
            "required": ["file", "line_start", "line_end"],
            "additionalProperties": false,
        });
        let finding = json!({
            "type": "object",
            "properties": {
                "priority": {"type": "string", "enum": ["P1", "P2", "P3"]},
                "title": {"type": "string"},
                "body": {"type": "string", "description": "why it matters and what would mend it"},
                "place": place,
                "cites": {"type": "array", "items": place, "description": "the incident, rule or code it rests on"},
            },
            "required": ["priority", "title", "body"],
            "additionalProperties": false,
        });
        vec![ToolSpec {
            name: SUBMIT_REVIEW.to_owned(),
            description: "Hand in the review. An empty list of findings means the change is clean."
                .to_owned(),
            input_schema: json!({
                "type": "object",
                "properties": {"findings": {"type": "array", "items": finding}},
                "required": ["findings"],
                "additionalProperties": false,
            }),
        }]
    }

    /// What was handed in, taken out.
    pub(crate) fn take(&self) -> Option<Vec<Raised>> {
        self.review.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }

    async fn answer(&self, name: &str, arguments: Value) -> Result<String, String> {
        if name != SUBMIT_REVIEW {
            return Err(format!("there is no tool `{name}`"));
        }
        let submission: Submission =
            serde_json::from_value(arguments).map_err(|e| format!("not a review: {e}"))?;
        let mut findings = submission.findings;
        review::check(&findings).map_err(|e| e.to_string())?;
        for (index, finding) in findings.iter_mut().enumerate() {
            let number = index + 1;
            if let Some(place) = &mut finding.place {
                self.check_place(place, &[&self.head], number).await?;
            }
            for cite in &mut finding.cites {
                // What a team knows is read at the base: a change must not rewrite the rule it is judged by.
                self.check_place(cite, &[&self.base, &self.head], number).await?;
            }
        }
        let count = findings.len();
        *self.review.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(findings);
        Ok(format!("review handed in with {count} finding(s)"))
    }

    /// Fills in the first of `commits` at which the place exists.
    async fn check_place(&self, place: &mut Place, commits: &[&Sha], number: usize) -> Result<(), String> {
        for &sha in commits {
            let exists = self
                .forge
                .has_lines(Source::Remote(&self.remote), sha, &place.file, place.line_start, place.line_end)
                .await
                .map_err(|e| base::error::chain(&e))?;
            if exists {
                place.sha = Some(sha.clone());
                return Ok(());
            }
        }
        Err(format!(
            "finding {number} cites {}:{}-{}, which does not exist; cite lines that are there",
            place.file, place.line_start, place.line_end
        ))
    }
}

impl ToolHost for ReviewTools {
    fn call<'a>(&'a self, name: &'a str, arguments: Value) -> BoxFuture<'a, ToolAnswer> {
        Box::pin(async move { to_answer(self.answer(name, arguments).await) })
    }
}

fn to_answer(answer: Result<String, String>) -> ToolAnswer {
    match answer {
        Ok(text) => ToolAnswer { ok: true, text },
        Err(text) => ToolAnswer { ok: false, text },
    }
}
