//! `GET /api/v1/runs` and `GET /api/v1/runs/{id}`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use wire::{Page, RunDetail, RunState, RunSummary};

use super::Answer;
use super::extract::{Name, Query};
use crate::app::App;
use crate::load;

/// Which page of which runs.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    state: RunState,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// One page, newest first.
pub async fn list(State(app): State<App>, Query(wanted): Query<Wanted>) -> Answer<Page<RunSummary>> {
    let limit = wire::page::limit(wanted.limit);
    Ok(Json(load::runs(&app, wanted.state, wanted.cursor.as_deref(), limit).await?))
}

/// One run with its reviews, findings and timeline.
pub async fn show(State(app): State<App>, Name(id): Name) -> Answer<RunDetail> {
    let row = app.records.run(&id).await?;
    Ok(Json(load::detail(&app, row).await?))
}
