//! `GET /api/v1/calls/{id}`, and the raw bodies of it.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, header};
use domain::call::Call;

use super::Answer;
use super::extract::Name;
use crate::app::App;
use crate::blobs;
use crate::error::ApiError;

/// A body as it went over the wire. Always plain text for a browser: what an agent wrote must never be run.
pub type Raw = ([(HeaderName, &'static str); 2], String);

/// One call as recorded.
pub async fn show(State(app): State<App>, Name(id): Name) -> Answer<Call> {
    Ok(Json(app.records.call(&id).await?))
}

/// What was sent.
pub async fn request(State(app): State<App>, Name(id): Name) -> Result<Raw, ApiError> {
    let call = app.records.call(&id).await?;
    raw(&app, call.request_blob).await
}

/// What came back.
pub async fn response(State(app): State<App>, Name(id): Name) -> Result<Raw, ApiError> {
    let call = app.records.call(&id).await?;
    raw(&app, call.response_blob).await
}

async fn raw(app: &App, blob: Option<String>) -> Result<Raw, ApiError> {
    let Some(blob) = blob else { return Err(ApiError::not_found("no body was kept for this call")) };
    let body = blobs::read(&app.blobs, &blob).await?;
    let complete = if body.truncated { "no" } else { "yes" };
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (HeaderName::from_static("x-seawall-complete"), complete),
    ];
    Ok((headers, body.text))
}
