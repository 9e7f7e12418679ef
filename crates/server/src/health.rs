//! The two probes. They answer everybody, so they say yes or no and the names of parts, nothing else.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::app::App;
use crate::control::KILL_PLANE;

/// `GET /healthz`: this process answers.
pub async fn healthz() -> Json<Value> {
    Json(json!({ "ok": true }))
}

/// `GET /readyz`: 200 when work may start, 503 when the store or the kill plane does not answer. Other parts
/// (a tracker, an agent's program) are named but hold nothing else up.
pub async fn readyz(State(app): State<App>) -> Response {
    let store = app.records.ping().await.is_ok();
    let parts = app.control.readiness().await;
    let killable = parts.iter().any(|p| p.name == KILL_PLANE && p.state.is_ok());
    let broken: Vec<&str> = parts.iter().filter(|p| p.state.is_err()).map(|p| p.name.as_str()).collect();
    let ready = store && killable;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready, "store": store, "kill_plane": killable, "broken": broken })))
        .into_response()
}
