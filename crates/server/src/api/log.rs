//! `GET /api/v1/runs/{id}/log`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use wire::{EventView, Page};

use super::Answer;
use super::extract::{Name, Query};
use crate::app::App;
use crate::load;

/// Which page.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    after: u64,
    limit: Option<u32>,
}

/// What happened to a run, oldest first. `next` is always given, so that a follower can ask for what comes.
pub async fn list(
    State(app): State<App>,
    Name(id): Name,
    Query(wanted): Query<Wanted>,
) -> Answer<Page<EventView>> {
    let row = app.records.run(&id).await?;
    let limit = wire::page::limit(wanted.limit) as usize;
    let mut items = load::timeline(&app, &row.run.id, wanted.after).await?;
    items.truncate(limit);
    let next = items.last().map_or(wanted.after, |event| event.seq);
    Ok(Json(Page { items, next: Some(next.to_string()) }))
}
