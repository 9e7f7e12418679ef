//! `GET /api/v1/events`: the live feed.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use domain::RunId;
use serde::Deserialize;
use store::cursor::EventCursor;

use super::extract::Query;
use crate::app::App;
use crate::error::ApiError;
use crate::live;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What to follow, and from where.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    run: Option<String>,
    after: Option<String>,
}

/// Server-sent events from after `Last-Event-ID` (or `after`) on; without either, from now on.
pub async fn follow(
    State(app): State<App>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Response, ApiError> {
    let last = headers.get(LAST_EVENT_ID).map(|v| v.to_str().unwrap_or_default().to_owned());
    let after = match last.or(wanted.after) {
        Some(text) => place(&text)?,
        None => app.records.newest_event().await?,
    };
    Ok(live::feed(app, wanted.run.map(RunId::new), after)?.into_response())
}

/// A place as the feed's ids give it (`TX-SEQ`). A bare number is the `seq` of an event: in the embedded store
/// that is the whole place, in another it begins further back, so that something may come twice and nothing is lost.
fn place(text: &str) -> Result<EventCursor, ApiError> {
    let full = if text.contains('-') { text.to_owned() } else { format!("0-{text}") };
    full.parse().map_err(|_| {
        ApiError::bad_request(format!("`{text}` is not the id of an event"), "leave it out to start from now")
    })
}
