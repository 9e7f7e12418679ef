//! Runs, as lists and pages show them.

use crate::{EventView, Time};
use domain::call::{Call, Usage};
use domain::change::Change;
use domain::review::Finding;
use domain::run::{Outcome, Phase, Purpose, Run};
use domain::{AgentName, IssueId, MicroUsd, ProjectName, RunId, TeamName};
use serde::{Deserialize, Serialize};

/// Which runs a list holds: the `state` parameter of `GET /api/v1/runs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// All of them.
    #[default]
    All,
    /// Not over.
    Open,
    /// Over.
    Ended,
}

impl RunState {
    /// The parameter's value.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Open => "open",
            Self::Ended => "ended",
        }
    }
}

/// What the calls of a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spend {
    /// Model calls made.
    pub calls: u64,
    /// Tokens, by kind.
    pub tokens: Usage,
    /// What they cost.
    pub cost_micro_usd: MicroUsd,
    /// Whether a rehearsal answered any of them, so that nothing of this was a model's work or real money.
    pub rehearsal: bool,
}

impl Spend {
    /// The sum over `calls`.
    pub fn of<'a>(calls: impl IntoIterator<Item = &'a Call>) -> Self {
        calls.into_iter().fold(Self::default(), |sum, call| sum.plus(call))
    }

    fn plus(self, call: &Call) -> Self {
        Self {
            calls: self.calls + 1,
            tokens: self.tokens.plus(call.usage),
            cost_micro_usd: self.cost_micro_usd.plus(call.cost),
            rehearsal: self.rehearsal || call.rehearsal,
        }
    }
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Its name.
    pub id: RunId,
    /// `author` or `review`.
    pub purpose: Purpose,
    /// The project.
    pub project: ProjectName,
    /// The tracker's id of the issue.
    pub issue_id: IssueId,
    /// What people call the issue.
    pub issue: String,
    /// The issue's title.
    pub title: String,
    /// Who works on it.
    pub agent: AgentName,
    /// Who pays.
    pub team: TeamName,
    /// The name of its phase: `starting`, `working`, `waiting`, `blocked`, `collecting`, `in_review`, `landing`, `ended`.
    pub phase: String,
    /// What the phase means right now, in one line.
    pub line: String,
    /// How it ended: `landed`, `reviewed`, `needs_person`, `failed`, `stopped`, `released`, `cancelled`; absent while open.
    pub outcome: Option<String>,
    /// Attempts claimed so far.
    pub attempts: u32,
    /// Review rounds begun.
    pub round: u32,
    /// Findings that hold the change up.
    pub open_findings: usize,
    /// When it was claimed.
    pub created_at: Time,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// What it spent.
    #[serde(flatten)]
    pub spend: Spend,
}

/// Everything about one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunDetail {
    /// The list's view of it.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// Grows with each claim.
    pub fence: u64,
    /// Not before this instant, while it waits.
    pub due_at: Option<Time>,
    /// For a review: the author's run.
    pub parent: Option<RunId>,
    /// For an author: its reviews, in the order they were claimed.
    pub reviews: Vec<RunSummary>,
    /// The change, once collected.
    pub change: Option<Change>,
    /// Findings of all rounds.
    pub findings: Vec<Finding>,
    /// How it ended, in full.
    pub ended: Option<Outcome>,
    /// What happened, in order.
    pub timeline: Vec<EventView>,
}

impl RunSummary {
    /// The summary of `run`, which spent `spend`.
    pub fn of(run: &Run, spend: Spend) -> Self {
        let ended_at = match &run.phase {
            Phase::Ended { at, .. } => Some((*at).into()),
            Phase::Starting { .. }
            | Phase::Working { .. }
            | Phase::Waiting { .. }
            | Phase::Blocked { .. }
            | Phase::Collecting
            | Phase::InReview { .. }
            | Phase::Landing { .. } => None,
        };
        Self {
            id: run.id.clone(),
            purpose: run.purpose(),
            project: run.issue.project.clone(),
            issue_id: run.issue.id.clone(),
            issue: run.issue.identifier.clone(),
            title: run.issue.title.clone(),
            agent: run.agent.clone(),
            team: run.team.clone(),
            phase: run.phase.name().to_owned(),
            line: line(run),
            outcome: run.outcome().map(|o| o.name().to_owned()),
            attempts: run.attempts,
            round: run.round,
            open_findings: run.ledger.open().count(),
            created_at: run.created_at.into(),
            ended_at,
            spend,
        }
    }
}

impl RunDetail {
    /// The detail of `run` with what belongs to it.
    pub fn of(run: &Run, spend: Spend, reviews: Vec<RunSummary>, timeline: Vec<EventView>) -> Self {
        Self {
            summary: RunSummary::of(run, spend),
            fence: run.fence.0,
            due_at: run.due().map(Time),
            parent: run.review.as_ref().map(|r| r.parent.clone()),
            reviews,
            change: run.change.clone(),
            findings: run.ledger.findings.clone(),
            ended: run.outcome().cloned(),
            timeline,
        }
    }
}

fn line(run: &Run) -> String {
    match &run.phase {
        Phase::Starting { .. } => format!("attempt {} is being started", run.attempts),
        Phase::Working { .. } => format!("attempt {} works", run.attempts),
        Phase::Waiting { why, .. } => format!("waits {why}"),
        Phase::Blocked { question, .. } => format!("is blocked until a person answers: {question}"),
        Phase::Collecting => "its change is being collected".to_owned(),
        Phase::InReview { head, pending } => {
            let teams: Vec<&str> = pending.iter().map(TeamName::as_str).collect();
            format!("{} is in review, round {}; waits for {}", head.short(), run.round, teams.join(", "))
        }
        Phase::Landing { head } => format!("{} is being landed", head.short()),
        Phase::Ended { outcome, .. } => outcome.line(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::issue::{Issue, IssueRef};
    use domain::{Fence, Timestamp};

    fn run(phase: Phase) -> Run {
        let issue = Issue::new("12".into(), "SHOP-12", "Round prices", "Todo");
        let issue = IssueRef::of("shop".into(), &issue);
        Run {
            fence: Fence(2),
            attempts: 2,
            round: 1,
            phase,
            ..Run::new("r1".into(), issue, "author".into(), "payments".into(), Timestamp(0))
        }
    }

    #[test]
    fn a_run_in_review_says_whom_it_waits_for() {
        let pending = ["web".into(), "payments".into()].into();
        let view = RunSummary::of(
            &run(Phase::InReview { head: "a".repeat(40).as_str().into(), pending }),
            Spend::default(),
        );
        assert_eq!(view.line, "aaaaaaaaaa is in review, round 1; waits for payments, web");
    }

    #[test]
    fn a_detail_survives_the_way_through_json() {
        let outcome = Outcome::Reviewed { findings: 0 };
        let ended = run(Phase::Ended { outcome, at: Timestamp(5) });
        let detail = RunDetail::of(&ended, Spend { rehearsal: true, ..Spend::default() }, vec![], vec![]);
        let json = serde_json::to_string(&detail).unwrap();
        assert_eq!(serde_json::from_str::<RunDetail>(&json).unwrap(), detail);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["rehearsal"], true);
        assert_eq!(value["ended_at"], "1970-01-01T00:00:00.000005Z");
    }
}
