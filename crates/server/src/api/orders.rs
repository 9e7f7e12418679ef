//! `/api/v1/orders`: give one, see one, see all.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use wire::{OrderRequest, OrderView, Page};

use super::Answer;
use super::extract::{Body, Name, Query};
use crate::app::App;
use crate::door::Caller;
use crate::error::ApiError;
use crate::{act, load};

/// Which page.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    cursor: Option<String>,
    limit: Option<u32>,
}

/// One page, newest first.
pub async fn list(State(app): State<App>, Query(wanted): Query<Wanted>) -> Answer<Page<OrderView>> {
    let limit = wire::page::limit(wanted.limit) as usize;
    Ok(Json(load::orders(&app, wanted.cursor.as_deref(), limit).await?))
}

/// One order with its receipts so far.
pub async fn show(State(app): State<App>, Name(id): Name) -> Answer<OrderView> {
    Ok(Json(load::order(&app, &id).await?))
}

/// Gives an order: 202 with the order, whose receipts come later; or, on a dry run, 200 with whom it reaches.
pub async fn give(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(asked): Body<OrderRequest>,
) -> Result<Response, ApiError> {
    if asked.dry_run {
        return Ok(Json(load::preview(&app, asked.scope).await?).into_response());
    }
    let order = act::give(&app, asked.scope, asked.mode, &asked.reason, caller).await?;
    Ok((StatusCode::ACCEPTED, Json(OrderView::of(&order, &[], None))).into_response())
}
