//! `GET /api/v1/state` and `GET /api/v1/{identifier}`, as Symphony section 13.7.

use std::collections::HashMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use domain::RunId;
use domain::run::{Outcome, Phase, Purpose, Run, Wait};
use serde_json::json;
use wire::state::{
    Attempts, Blocked, Counts, IssueState, Logs, RecentEvent, Retrying, Running, SessionLog, Tokens, Totals,
    Workspace,
};
use wire::{EventView, State as Overview};

use super::Answer;
use super::extract::Name;
use crate::app::App;
use crate::control::Live;
use crate::error::ApiError;
use crate::load;
use crate::records::RunRow;

/// Events shown with one issue.
const RECENT: usize = 20;
/// How long the parts of a snapshot are waited for (13.3).
const PATIENCE: Duration = Duration::from_secs(5);

enum Standing {
    Running,
    Retrying(Retrying),
    Blocked(Blocked),
    Over,
}

/// The overview: author runs by how they stand; totals over all runs.
pub async fn show(State(app): State<App>) -> Answer<Overview> {
    match tokio::time::timeout(PATIENCE, overview(&app)).await {
        Ok(Ok(overview)) => Ok(Json(overview)),
        Ok(Err(_)) => Err(ApiError::snapshot_unavailable()),
        Err(_) => Err(ApiError::snapshot_timeout()),
    }
}

async fn overview(app: &App) -> Result<Overview, ApiError> {
    let live: HashMap<RunId, Live> = app.control.live().await.into_iter().collect();
    let rows = app.records.worked_on().await?;
    let (mut running, mut retrying, mut blocked) = (vec![], vec![], vec![]);
    for row in rows.iter().filter(|row| row.run.purpose() == Purpose::Author) {
        match standing(&row.run) {
            Standing::Running => running.push(at_work(app, row, live.get(&row.run.id)).await?),
            Standing::Retrying(entry) => retrying.push(entry),
            Standing::Blocked(entry) => blocked.push(entry),
            Standing::Over => {}
        }
    }
    let counts = Counts { running: running.len(), retrying: retrying.len(), blocked: blocked.len() };
    let (now, ended) = (app.now(), app.records.totals().await?);
    let ran: u64 = live.values().filter_map(|live| live.started_at).map(|at| now.since(at).0).sum();
    let (input, output) = live.values().fold((ended.input, ended.output), |(input, output), live| {
        (input + live.tokens.input, output + live.tokens.output)
    });
    let tokens = Tokens { input_tokens: input, output_tokens: output, total_tokens: input + output };
    let seconds_running = (ended.ran.0 + ran) as f64 / 1000.0;
    let latest = live.into_values().filter(|live| live.rate_limits.is_some()).max_by_key(|live| live.last_at);
    Ok(Overview {
        generated_at: now.into(),
        counts,
        running,
        retrying,
        blocked,
        codex_totals: Totals { tokens, seconds_running },
        rate_limits: latest.and_then(|live| live.rate_limits).or(app.control.rate_limits().await),
    })
}

/// One issue that is running, retrying or blocked.
pub async fn issue(State(app): State<App>, Name(identifier): Name) -> Answer<IssueState> {
    let unknown = ApiError::issue_not_found;
    let row = app.records.run_of_issue(&identifier).await?.ok_or_else(unknown)?;
    let run = &row.run;
    let live = app.control.live().await.into_iter().find(|(id, _)| *id == run.id).map(|(_, live)| live);
    let (mut running, mut retry, mut blocked) = (None, None, None);
    let (status, error) = match standing(run) {
        Standing::Running => {
            running = Some(at_work(&app, &row, live.as_ref()).await?);
            ("running", None)
        }
        Standing::Retrying(entry) => {
            let error = entry.error.clone();
            retry = Some(entry);
            ("retrying", error)
        }
        Standing::Blocked(entry) => {
            let error = entry.error.clone();
            blocked = Some(entry);
            ("blocked", error)
        }
        Standing::Over => return Err(unknown()),
    };
    let events = load::timeline(&app, &run.id, 0).await?;
    let recent = events.iter().skip(events.len().saturating_sub(RECENT)).map(recent).collect();
    let attempt = attempt(run);
    let log = SessionLog {
        label: "latest".to_owned(),
        path: None,
        url: Some(format!("/api/v1/runs/{}/log", run.id)),
    };
    Ok(Json(IssueState {
        issue_identifier: run.issue.identifier.clone(),
        issue_id: run.issue.id.to_string(),
        status: status.to_owned(),
        workspace: run.workspace.clone().map(|path| Workspace { path }),
        attempts: Attempts {
            restart_count: attempt.saturating_sub(1),
            current_retry_attempt: (attempt > 0).then_some(attempt),
        },
        running,
        retry,
        blocked,
        logs: Logs { codex_session_logs: vec![log] },
        recent_events: recent,
        last_error: error,
        tracked: json!({"run_id": run.id, "fence": run.fence, "project": run.issue.project}),
    }))
}

/// The specification's number: absent in the first worker, then it counts continuations and retries.
fn attempt(run: &Run) -> u32 {
    match run.delivery {
        domain::fleet::Delivery::Handoff => run.retry,
        domain::fleet::Delivery::Land => run.attempts.saturating_sub(1),
    }
}

fn standing(run: &Run) -> Standing {
    let blocked = |question: &str, since| {
        Standing::Blocked(Blocked {
            issue_id: run.issue.id.to_string(),
            issue_identifier: run.issue.identifier.clone(),
            issue_url: url(run),
            project: run.issue.project.to_string(),
            run_id: run.id.to_string(),
            state: run.issue.state.clone(),
            blocked_at: since,
            worker_host: None,
            workspace_path: run.workspace.clone(),
            error: Some(question.to_owned()),
        })
    };
    match &run.phase {
        Phase::Starting { .. }
        | Phase::Working { .. }
        | Phase::Collecting
        | Phase::InReview { .. }
        | Phase::Landing { .. } => Standing::Running,
        Phase::Waiting { due, why } => Standing::Retrying(Retrying {
            issue_id: run.issue.id.to_string(),
            issue_identifier: run.issue.identifier.clone(),
            issue_url: url(run),
            project: run.issue.project.to_string(),
            run_id: run.id.to_string(),
            attempt: match run.delivery {
                domain::fleet::Delivery::Handoff => run.retry,
                domain::fleet::Delivery::Land => run.attempts + 1,
            },
            due_at: (*due).into(),
            error: waits(why),
            worker_host: None,
            workspace_path: run.workspace.clone(),
        }),
        Phase::Blocked { question, since } => blocked(question, Some((*since).into())),
        Phase::Ended { outcome: Outcome::NeedsPerson { question }, at } => {
            blocked(question, Some((*at).into()))
        }
        Phase::Ended { .. } => Standing::Over,
    }
}

/// What went wrong, where something did.
fn waits(why: &Wait) -> Option<String> {
    match why {
        Wait::Retry { failure } => Some(failure.to_string()),
        Wait::NoSlot | Wait::NoRefresh { .. } => Some(why.to_string()),
        Wait::Rework { .. } | Wait::Conflict { .. } | Wait::Slot | Wait::Continue => None,
    }
}

async fn at_work(app: &App, row: &RunRow, live: Option<&Live>) -> Result<Running, ApiError> {
    let run = &row.run;
    let told = live.filter(|live| live.last_at.is_some());
    // What the agent says is newer than what became of it.
    let events = if told.is_some() { vec![] } else { load::timeline(app, &run.id, 0).await? };
    let last = events.last();
    let state = if run.issue.state.is_empty() { run.phase.name() } else { &run.issue.state };
    let turns = live.map_or(0, |live| live.turns);
    Ok(Running {
        issue_id: run.issue.id.to_string(),
        issue_identifier: run.issue.identifier.clone(),
        issue_url: url(run),
        project: run.issue.project.to_string(),
        run_id: run.id.to_string(),
        state: state.to_owned(),
        session_id: live
            .and_then(|live| live.session.clone())
            .unwrap_or_else(|| format!("{}-{}", run.id, run.attempts)),
        turn_count: if turns > 0 { turns } else { u32::try_from(row.spend.calls).unwrap_or(u32::MAX) },
        last_event: told.and_then(|live| live.last_event.clone()).or_else(|| last.map(|e| e.kind.clone())),
        last_message: told
            .map(|live| live.last_message.clone())
            .or_else(|| last.map(|e| e.line.clone()))
            .unwrap_or_default(),
        started_at: live.and_then(|live| live.started_at).unwrap_or(run.created_at).into(),
        last_event_at: told.and_then(|live| live.last_at).map(Into::into).or_else(|| last.map(|e| e.at)),
        tokens: match live {
            Some(live) if live.tokens.input + live.tokens.output > 0 => live.tokens.into(),
            Some(_) | None => row.spend.tokens.into(),
        },
        worker_host: None,
        workspace_path: run.workspace.clone(),
    })
}

/// Only what a browser may be sent to.
fn url(run: &Run) -> Option<String> {
    run.issue.url.clone().filter(|url| url.starts_with("https://") || url.starts_with("http://"))
}

fn recent(event: &EventView) -> RecentEvent {
    RecentEvent { at: event.at, event: event.kind.clone(), message: event.line.clone() }
}
