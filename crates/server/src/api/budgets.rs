//! `GET /api/v1/budgets`.

use axum::Json;
use axum::extract::State;
use wire::{BudgetView, Page};

use super::Answer;
use crate::app::App;
use crate::load;

/// How the budgets stand.
pub async fn list(State(app): State<App>) -> Answer<Page<BudgetView>> {
    Ok(Json(Page::whole(load::budgets(&app).await?)))
}
