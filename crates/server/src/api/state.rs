//! `GET /api/v1/state` and `GET /api/v1/{identifier}`, as Symphony section 13.7.

use axum::Json;
use axum::extract::State;
use domain::Timestamp;
use domain::run::{Outcome, Phase, Purpose, Wait};
use futures_util::future::try_join_all;
use wire::state::{Attempts, Blocked, Counts, IssueState, RecentEvent, Retrying, Running, Totals};
use wire::{EventView, RunState, State as Overview};

use super::Answer;
use super::extract::Name;
use crate::app::App;
use crate::error::ApiError;
use crate::load;
use crate::records::{RunRow, sum};

/// Events shown with one issue.
const RECENT: usize = 20;

enum Standing {
    Running,
    Retrying(Retrying),
    Blocked(Blocked),
    Over,
}

/// The overview: author runs by how they stand; totals over the newest runs.
pub async fn show(State(app): State<App>) -> Answer<Overview> {
    let rows = app.records.runs(RunState::All, None, load::MAX_SCAN).await?.rows;
    let authors: Vec<&RunRow> = rows.iter().filter(|r| r.run.purpose() == Purpose::Author).collect();
    let (mut live, mut retrying, mut blocked) = (vec![], vec![], vec![]);
    for &row in &authors {
        match standing(row) {
            Standing::Running => live.push(row),
            Standing::Retrying(entry) => retrying.push(entry),
            Standing::Blocked(entry) => blocked.push(entry),
            Standing::Over => {}
        }
    }
    let running = try_join_all(live.into_iter().map(|row| running(&app, row))).await?;
    let counts = Counts { running: running.len(), retrying: retrying.len(), blocked: blocked.len() };
    let now = app.now();
    let codex_totals = Totals {
        tokens: sum(&rows).tokens.into(),
        seconds_running: rows.iter().map(|row| seconds(row, now)).sum(),
    };
    Ok(Json(Overview {
        generated_at: now.into(),
        counts,
        running,
        retrying,
        blocked,
        codex_totals,
        rate_limits: None,
    }))
}

/// One issue that is running, retrying or blocked.
pub async fn issue(State(app): State<App>, Name(identifier): Name) -> Answer<IssueState> {
    let unknown = ApiError::issue_not_found;
    let row = app.records.run_of_issue(&identifier).await?.ok_or_else(unknown)?;
    let (status, run, retry, error) = match standing(&row) {
        Standing::Running => ("running", Some(running(&app, &row).await?), None, None),
        Standing::Retrying(entry) => ("retrying", None, Some(entry.clone()), entry.error),
        Standing::Blocked(entry) => ("blocked", None, None, entry.error),
        Standing::Over => return Err(unknown()),
    };
    let events = load::timeline(&app, &row.run.id, 0).await?;
    let recent = events.iter().skip(events.len().saturating_sub(RECENT)).map(recent).collect();
    let restarts = row.run.attempts.saturating_sub(1);
    Ok(Json(IssueState {
        issue_identifier: row.run.issue.identifier.clone(),
        issue_id: row.run.issue.id.to_string(),
        status: status.to_owned(),
        workspace: None,
        attempts: Attempts {
            restart_count: restarts,
            current_retry_attempt: (row.run.attempts > 1).then_some(row.run.attempts),
        },
        running: run,
        retry,
        recent_events: recent,
        last_error: error,
    }))
}

fn standing(row: &RunRow) -> Standing {
    let (issue_id, issue_identifier) = (row.run.issue.id.to_string(), row.run.issue.identifier.clone());
    match &row.run.phase {
        Phase::Starting { .. }
        | Phase::Working { .. }
        | Phase::Collecting
        | Phase::InReview { .. }
        | Phase::Landing { .. } => Standing::Running,
        Phase::Waiting { due, why } => {
            let error = match why {
                Wait::Retry { failure } => Some(failure.to_string()),
                Wait::Rework { .. } | Wait::Conflict { .. } | Wait::Slot => None,
            };
            let attempt = row.run.attempts + 1;
            Standing::Retrying(Retrying { issue_id, issue_identifier, attempt, due_at: (*due).into(), error })
        }
        Phase::Ended { outcome: Outcome::NeedsPerson { question }, .. } => {
            Standing::Blocked(Blocked { issue_id, issue_identifier, error: Some(question.clone()) })
        }
        Phase::Ended { .. } => Standing::Over,
    }
}

async fn running(app: &App, row: &RunRow) -> Result<Running, ApiError> {
    let events = load::timeline(app, &row.run.id, 0).await?;
    let last = events.last();
    Ok(Running {
        issue_id: row.run.issue.id.to_string(),
        issue_identifier: row.run.issue.identifier.clone(),
        // The tracker's own state is not part of the run; what the run does says more.
        state: row.run.phase.name().to_owned(),
        session_id: format!("{}-{}", row.run.id, row.run.attempts),
        turn_count: u32::try_from(row.spend.calls).unwrap_or(u32::MAX),
        last_event: last.map(|e| e.kind.clone()),
        last_message: last.map(|e| e.line.clone()).unwrap_or_default(),
        started_at: row.run.created_at.into(),
        last_event_at: last.map(|e| e.at),
        tokens: row.spend.tokens.into(),
        worker_host: None,
        workspace_path: None,
    })
}

fn recent(event: &EventView) -> RecentEvent {
    RecentEvent { at: event.at, event: event.kind.clone(), message: event.line.clone() }
}

fn seconds(row: &RunRow, now: Timestamp) -> f64 {
    let end = load::summary(row).ended_at.map_or(now, |at| at.0);
    end.since(row.run.created_at).0 as f64 / 1000.0
}
