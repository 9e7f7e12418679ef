//! `GET /api/v1/runs/{id}/trace`.

use axum::Json;
use axum::extract::State;
use wire::Trace;

use super::Answer;
use super::extract::Name;
use crate::app::App;
use crate::load;

/// The trace of a run and of the reviews it caused.
pub async fn show(State(app): State<App>, Name(id): Name) -> Answer<Trace> {
    let row = app.records.run(&id).await?;
    Ok(Json(load::trace(&app, row).await?))
}
