//! Runs: one row each, the state as JSON beside the columns that lists and guards need.

use crate::call::Spend;
use crate::db::{Batch, Row, Value};
use crate::row::{at, json, page, small, to_json};
use crate::{Error, Result, Store, params};
use domain::containment::{Containments, Scope};
use domain::issue::normal;
use domain::run::{Outcome, Prior, Run};
use domain::{IssueId, Millis, ProjectName, RunId, Timestamp};
use std::collections::BTreeMap;

pub use crate::cursor::RunCursor;

/// Open runs read in one statement.
const OPEN_PAGE: u32 = 5_000;

/// A run as it stands in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRun {
    /// The run.
    pub run: Run,
    /// Grows with every step.
    pub version: u64,
    /// When the last step was committed.
    pub updated_at: Timestamp,
}

/// What a decision read of the run that it steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// There was none: the step makes it.
    New,
    /// This version of it.
    Version(u64),
}

/// Which runs a list shows. `None` shows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only of this project.
    pub project: Option<ProjectName>,
    /// Only for this issue (the tracker's id).
    pub issue: Option<IssueId>,
    /// Only reviews of this run.
    pub parent: Option<RunId>,
    /// Only those that are not over.
    pub open_only: bool,
}

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunLine {
    /// The run.
    pub stored: StoredRun,
    /// What its calls came to.
    pub spend: Spend,
}

/// What was found under a shortened name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Exactly one run.
    One(Box<StoredRun>),
    /// No run.
    Nothing,
    /// Several; a few of them.
    Several(Vec<RunId>),
}

/// How many runs a project has that are not over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Not over.
    pub open: u32,
    /// Of them, with an attempt that is claimed or runs.
    pub live: u32,
}

/// What agents reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Input tokens.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
    /// How long they ran.
    pub ran: Millis,
}

const INSERT: &str =
    "INSERT INTO runs (id, project, issue, purpose, agent, team, parent, phase, is_open, is_live,
        due_at, version, fence, attempts, state, created_at, updated_at, issue_state, tokens_in, tokens_out, ran_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12, $13, $14, $15, $16, $17, $18, $19, $20)";
// `fence <= $6`: an older claim can never come back, whatever version it pretends to have read.
const UPDATE: &str =
    "UPDATE runs SET phase = $3, is_open = $4, is_live = $5, fence = $6, attempts = $7, due_at = $8,
        state = $9, updated_at = $10, issue_state = $11, tokens_in = $12, tokens_out = $13, ran_ms = $14,
        version = version + 1
    WHERE id = $1 AND version = $2 AND fence <= $6";
const CLAIM: &str = "INSERT INTO claims (run, fence, is_live, turns) VALUES ($1, $2, $3, 0)
    ON CONFLICT (run) DO UPDATE SET is_live = excluded.is_live, fence = excluded.fence,
        turns = CASE WHEN claims.fence = excluded.fence THEN claims.turns ELSE 0 END";
const BY_ID: &str = "SELECT state, version, updated_at FROM runs WHERE id = $1";
const BY_PART: &str = "SELECT state, version, updated_at FROM runs
    WHERE substr(id, 1, length($1)) = $1 OR substr(id, length(id) - length($1) + 1) = $1
    ORDER BY created_at DESC, id DESC LIMIT 5";
// The open one first, whatever a clock that was set back made of its age: a claim beside it is refused for ever.
const LATEST_AUTHOR: &str = "SELECT state, version, updated_at FROM runs
    WHERE project = $1 AND issue = $2 AND purpose = 'author'
    ORDER BY is_open DESC, created_at DESC, id DESC LIMIT 1";
const SETTLED: &str =
    "SELECT CAST(coalesce(sum(CASE WHEN status IN ('pending', 'claimed') THEN 1 ELSE 0 END), 0)
        AS {int}) AS owed, max(done_at) AS done_at FROM effects WHERE run = $1";
const OPEN: &str =
    "SELECT state, version, updated_at FROM runs WHERE is_open = 1 AND (created_at, id) > ($1, CAST($2 AS TEXT))
    ORDER BY created_at, id LIMIT $3";
const TOTALS: &str = "SELECT CAST(coalesce(sum(tokens_in), 0) AS {int}) AS input,
        CAST(coalesce(sum(tokens_out), 0) AS {int}) AS output, CAST(coalesce(sum(ran_ms), 0) AS {int}) AS ran
    FROM runs";
const COUNTS: &str = "SELECT project, count(*) AS open_runs, CAST(sum(is_live) AS {int}) AS live FROM runs
    WHERE is_open = 1 GROUP BY project ORDER BY project";
const LIST: &str = "WITH page AS (
        SELECT id, state, version, created_at, updated_at FROM runs
        WHERE (CAST($1 AS TEXT) IS NULL OR project = $1) AND (CAST($2 AS TEXT) IS NULL OR issue = $2)
            AND (CAST($3 AS TEXT) IS NULL OR parent = $3)
            AND is_open >= $4 AND (created_at, id) < ($5, CAST($6 AS TEXT))
        ORDER BY created_at DESC, id DESC LIMIT $7
    ), spent AS (
        SELECT run, count(*) AS calls, max(rehearsal) AS rehearsal, CAST(sum(cost) AS {int}) AS cost,
            CAST(sum(input) AS {int}) AS input, CAST(sum(cached) AS {int}) AS cached,
            CAST(sum(cache_write) AS {int}) AS cache_write, CAST(sum(output) AS {int}) AS output,
            CAST(sum(reasoning) AS {int}) AS reasoning
        FROM calls WHERE run IN (SELECT id FROM page) GROUP BY run
    )
    SELECT page.state, page.version, page.updated_at,
        coalesce(spent.calls, 0) AS calls, coalesce(spent.rehearsal, 0) AS rehearsal,
        coalesce(spent.cost, 0) AS cost, coalesce(spent.input, 0) AS input, coalesce(spent.cached, 0) AS cached,
        coalesce(spent.cache_write, 0) AS cache_write, coalesce(spent.output, 0) AS output,
        coalesce(spent.reasoning, 0) AS reasoning
    FROM page LEFT JOIN spent ON spent.run = page.id
    ORDER BY page.created_at DESC, page.id DESC";

impl Store {
    /// The run named `id`.
    pub async fn run(&self, id: &RunId) -> Result<Option<StoredRun>> {
        let rows = self.db.read(BY_ID, params![id.as_str()]).await?;
        rows.first().map(stored).transpose()
    }

    /// The run whose name is, begins with, or ends with `part`.
    pub async fn find_run(&self, part: &str) -> Result<Found> {
        if let Some(exact) = self.run(&part.into()).await? {
            return Ok(Found::One(Box::new(exact)));
        }
        if part.is_empty() {
            return Ok(Found::Nothing);
        }
        let mut found = runs(&self.db.read(BY_PART, params![part]).await?)?;
        Ok(match (found.len(), found.pop()) {
            (1, Some(one)) => Found::One(Box::new(one)),
            (_, None) => Found::Nothing,
            (_, Some(last)) => Found::Several(found.into_iter().chain([last]).map(|s| s.run.id).collect()),
        })
    }

    /// A page of at most `limit` runs, newest first, and where the next one begins.
    pub async fn list_runs(
        &self,
        filter: &Filter,
        after: Option<&RunCursor>,
        limit: u32,
    ) -> Result<(Vec<RunLine>, Option<RunCursor>)> {
        let (created_at, id) = after.map_or((i64::MAX, ""), |c| (c.created_at.0, c.id.as_str()));
        let limit = page(limit);
        let params = params![
            filter.project.as_ref().map(ProjectName::as_str),
            filter.issue.as_ref().map(IssueId::as_str),
            filter.parent.as_ref().map(RunId::as_str),
            filter.open_only,
            created_at,
            id,
            limit
        ];
        let rows = self.db.read(LIST, params).await?;
        let line = |row| Ok(RunLine { stored: stored(row)?, spend: Spend::read(row)? });
        let lines = rows.iter().map(line).collect::<Result<Vec<_>>>()?;
        let full = lines.len() == limit as usize;
        let next = lines.last().filter(|_| full).map(|line| RunCursor {
            created_at: line.stored.run.created_at,
            id: line.stored.run.id.to_string(),
        });
        Ok((lines, next))
    }

    /// Every run that is not over, oldest first.
    pub async fn open_runs(&self) -> Result<Vec<StoredRun>> {
        let (mut open, mut after) = (Vec::new(), (i64::MIN, String::new()));
        loop {
            let page = runs(&self.db.read(OPEN, params![after.0, after.1.as_str(), OPEN_PAGE]).await?)?;
            let full = page.len() == OPEN_PAGE as usize;
            open.extend(page);
            match open.last().filter(|_| full) {
                Some(last) => after = (last.run.created_at.0, last.run.id.to_string()),
                None => return Ok(open),
            }
        }
    }

    /// What the agents of all runs reported, over the attempts that ended.
    pub async fn totals(&self) -> Result<Totals> {
        let rows = self.db.read(TOTALS, vec![]).await?;
        let Some(row) = rows.first() else { return Ok(Totals::default()) };
        Ok(Totals { input: row.uint("input")?, output: row.uint("output")?, ran: Millis(row.uint("ran")?) })
    }

    /// Open and live runs of each project that has any.
    pub async fn counts(&self) -> Result<BTreeMap<ProjectName, Counts>> {
        let rows = self.db.read(COUNTS, vec![]).await?;
        let count = |row: &Row| {
            let counts = Counts { open: small(row, "open_runs")?, live: small(row, "live")? };
            Ok((row.text("project")?.into(), counts))
        };
        rows.iter().map(count).collect()
    }

    /// The latest author run for `issue`, as a decision to claim it anew needs it.
    pub async fn prior(
        &self,
        project: &ProjectName,
        issue: &IssueId,
        containments: &Containments,
    ) -> Result<Option<Prior>> {
        let rows = self.db.read(LATEST_AUTHOR, params![project.as_str(), issue.as_str()]).await?;
        let Some(StoredRun { run, updated_at, .. }) = rows.first().map(stored).transpose()? else {
            return Ok(None);
        };
        let effects = self.db.read(SETTLED, params![run.id.as_str()]).await?;
        let settled_at = match effects.first() {
            Some(row) if row.int("owed")? > 0 => None,
            Some(row) => Some(row.opt_int("done_at")?.map_or(updated_at, |at| updated_at.max(Timestamp(at)))),
            None => Some(updated_at),
        };
        let (outcome, created_at) = (run.outcome().cloned(), run.created_at);
        let lifted = outcome.as_ref().is_some_and(|o| was_lifted(&run.id, o, containments));
        Ok(Some(Prior { run: run.id, outcome, version: run.issue.version, created_at, settled_at, lifted }))
    }
}

/// Whether a person lifted what stopped the run: the scope that was stopped, or the run by name.
fn was_lifted(run: &RunId, outcome: &Outcome, containments: &Containments) -> bool {
    let lifted = |scope: &Scope| containments.get(scope).is_some_and(|c| !c.in_force());
    match outcome {
        Outcome::Stopped { scope, .. } => lifted(scope) || lifted(&Scope::Run(run.clone())),
        Outcome::Landed { .. }
        | Outcome::Reviewed { .. }
        | Outcome::NeedsPerson { .. }
        | Outcome::Failed { .. }
        | Outcome::Released { .. }
        | Outcome::Cancelled { .. } => false,
    }
}

/// Adds the writes of `run` to `batch`, and answers with its version after them.
pub(crate) fn write(batch: &mut Batch, run: &Run, base: Base, now: Timestamp) -> Result<u64, Error> {
    let id = run.id.as_str();
    let (phase, open, live) = (run.phase.name(), run.is_open(), run.is_live());
    let due = run.due().map(|due| due.0);
    let state = to_json(run)?;
    let reported = params![normal(&run.issue.state), run.tokens.input, run.tokens.output, run.ran.0];
    let version = match base {
        Base::New => {
            let issue = &run.issue;
            let parent = run.review.as_ref().map(|review| review.parent.as_str());
            let mut row: Vec<Value> =
                params![id, issue.project.as_str(), issue.id.as_str(), run.purpose().name()];
            row.extend(params![run.agent.as_str(), run.team.as_str(), parent, phase, open, live, due]);
            row.extend(params![run.fence.0, run.attempts, state, run.created_at.0, now.0]);
            row.extend(reported);
            batch.one("the run", INSERT, row);
            1
        }
        Base::Version(version) => {
            let mut row =
                params![id, version, phase, open, live, run.fence.0, run.attempts, due, state, now.0];
            row.extend(reported);
            batch.one("the run", UPDATE, row);
            version + 1
        }
    };
    batch.one("the claim", CLAIM, params![id, run.fence.0, live]);
    Ok(version)
}

fn stored(row: &Row) -> Result<StoredRun> {
    Ok(StoredRun {
        run: json(row, "state")?,
        version: row.uint("version")?,
        updated_at: at(row, "updated_at")?,
    })
}

fn runs(rows: &[Row]) -> Result<Vec<StoredRun>> {
    rows.iter().map(stored).collect()
}
