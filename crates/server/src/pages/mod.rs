//! The dashboard: whole pages made on the server, which work without any script.
//!
//! Invariants: every text from a tracker or an agent passes through maud's escaping and none becomes a
//! link; a status is a word, and colour only repeats it.

pub mod budgets;
pub mod call;
pub mod fleet;
pub mod forms;
pub mod layout;
pub mod login;
pub mod orders;
pub mod run;
pub mod run_table;
pub mod runs;
pub mod words;

use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use crate::error::ApiError;

/// What a page answers.
pub type Answer = Result<Markup, PageError>;

/// A failure shown as a page.
#[derive(Clone, Debug)]
pub struct PageError(ApiError);

impl From<ApiError> for PageError {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let error = self.0;
        let page =
            layout::Page { title: "Not possible", here: layout::Here::Elsewhere, feed: None, poll_ms: None };
        let body = html! {
            h1 { (words::sentence(&error.message)) }
            p.lead { (words::sentence(&error.hint)) }
            p { a href="/" { "Back to the fleet" } }
        };
        (error.status, page.render(&body)).into_response()
    }
}
