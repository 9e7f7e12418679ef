//! `GET /api/v1/why/{issue}`.

use axum::Json;
use axum::extract::State;
use wire::WhyView;

use super::Answer;
use super::extract::Name;
use crate::app::App;
use crate::why;

/// Why an issue is, or is not, being worked on.
pub async fn show(State(app): State<App>, Name(issue): Name) -> Answer<WhyView> {
    Ok(Json(why::explain(&app, issue).await?))
}
