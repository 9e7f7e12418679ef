//! `POST /api/v1/refresh`, as Symphony section 13.7.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use wire::state::Refresh;

use crate::app::App;

/// Asks the engine to read the trackers now.
pub async fn ask(State(app): State<App>) -> (StatusCode, Json<Refresh>) {
    let coalesced = app.control.refresh().await;
    (StatusCode::ACCEPTED, Json(Refresh::at(app.now().into(), coalesced)))
}
