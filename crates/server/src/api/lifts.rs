//! `POST /api/v1/lifts`.

use axum::extract::State;
use axum::{Extension, Json};
use wire::{LiftRequest, LiftView};

use super::Answer;
use super::extract::Body;
use crate::act;
use crate::app::App;
use crate::door::Caller;

/// Ends a containment.
pub async fn give(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(asked): Body<LiftRequest>,
) -> Answer<LiftView> {
    let lift = act::lift(&app, asked.scope.clone(), &asked.reason, caller).await?;
    Ok(Json(LiftView::of(&asked.scope, &lift)))
}
