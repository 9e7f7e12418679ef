//! `POST /webhooks/{project}`: a tracker says that something happened.
//!
//! Invariant: nothing that it says is believed. A delivery that is signed with the tracker's own secret, fresh, and here
//! for the first time has the tracker read now instead of at the next tick; that is all it can do.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use domain::ProjectName;
use serde_json::{Value, json};

use crate::app::App;
use crate::control::Webhook;
use crate::error::ApiError;

/// Where trackers knock; in front of the project's name.
pub const PREFIX: &str = "/webhooks/";

/// Takes a delivery.
pub async fn take(
    State(app): State<App>,
    Path(project): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let received = app.deliveries.receive(body).await?;
    match app.control.webhook(ProjectName::new(project), headers, received.body.clone()).await {
        Webhook::Taken => Ok((StatusCode::ACCEPTED, Json(json!({"queued": true})))),
        // The provider must not send it again: it was taken.
        Webhook::Replayed => Ok((StatusCode::OK, Json(json!({"queued": false})))),
        Webhook::Refused(why) => Err(ApiError::webhook_refused(why)),
    }
}
