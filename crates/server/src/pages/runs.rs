//! `/runs`: every run, newest first, page by page.

use axum::extract::State;
use maud::html;
use serde::Deserialize;
use wire::RunState;

use super::Answer;
use super::layout::{Here, Page};
use super::run_table::{grouped, table};
use crate::api::extract::Query;
use crate::app::App;
use crate::load;

/// Runs of one page.
const PAGE: u32 = 100;

/// Which page.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    cursor: Option<String>,
}

/// One page of all runs.
pub async fn show(State(app): State<App>, Query(wanted): Query<Wanted>) -> Answer {
    let first = wanted.cursor.is_none();
    let page = load::runs(&app, RunState::All, wanted.cursor.as_deref(), PAGE).await?;
    let groups = grouped(&page.items);
    let body = html! {
        p.crumbs { a href="/" { "Fleet" } " / runs" }
        h1 { "All runs" }
        p.lead { "Newest first" @if !first { ", older part" } "." }
        br;
        @if groups.is_empty() { div.sheet.empty { "No run is older than this." } }
        @else { (table("runs", &groups.iter().collect::<Vec<_>>(), app.now())) }
        p.pages {
            @if !first { a href="/runs" { "Newest" } }
            @if let Some(next) = &page.next { a href={ "/runs?cursor=" (next) } rel="next" { "Older" } }
        }
    };
    Ok(Page { title: "Runs", here: Here::Fleet, feed: None, poll_ms: None }.render(&body))
}
