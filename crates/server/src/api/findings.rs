//! `GET /api/v1/findings?run=ID` or `?head=SHA`.

use axum::Json;
use axum::extract::State;
use domain::review::Finding;
use serde::Deserialize;
use wire::Page;

use super::Answer;
use super::extract::Query;
use crate::app::App;
use crate::error::ApiError;
use crate::load;

/// Whose findings.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    run: Option<String>,
    head: Option<String>,
}

/// The findings of an author's run, or those raised on one head (its full sha or the first digits of it).
pub async fn list(State(app): State<App>, Query(wanted): Query<Wanted>) -> Answer<Page<Finding>> {
    match (wanted.run, wanted.head) {
        (Some(run), None) => Ok(Json(Page::whole(app.records.run(&run).await?.run.ledger.findings))),
        (None, Some(head)) => Ok(Json(Page::whole(load::findings_of_head(&app, &head).await?))),
        (None, None) | (Some(_), Some(_)) => Err(ApiError::bad_request(
            "name one of `run` and `head`",
            "for example /api/v1/findings?head=0123abcd",
        )),
    }
}
