//! `/api/v1/pauses` and `/api/v1/resumes`: hold a project back, let it go on, see how each stands.

use axum::extract::State;
use axum::{Extension, Json};
use domain::ProjectName;
use wire::{Page, PauseRequest, PauseView, ResumeRequest};

use super::Answer;
use super::extract::Body;
use crate::app::App;
use crate::door::Caller;
use crate::error::ApiError;
use crate::{act, load};

/// How each project stands.
pub async fn list(State(app): State<App>) -> Answer<Page<PauseView>> {
    Ok(Json(Page::whole(load::pauses(&app).await?)))
}

/// Pauses a project.
pub async fn pause(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(asked): Body<PauseRequest>,
) -> Answer<PauseView> {
    act::pause(&app, &asked.project, &asked.reason, caller).await?;
    view(&app, &asked.project).await
}

/// Lets a project start work again.
pub async fn resume(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(asked): Body<ResumeRequest>,
) -> Answer<PauseView> {
    act::resume(&app, &asked.project, caller).await?;
    view(&app, &asked.project).await
}

async fn view(app: &App, project: &ProjectName) -> Answer<PauseView> {
    let found = load::pauses(app).await?.into_iter().find(|view| view.project == *project);
    found.map(Json).ok_or_else(|| ApiError::not_found(format!("no project is called {project}")))
}
