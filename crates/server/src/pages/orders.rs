//! `/orders`: gives orders and lifts from the forms, and shows what each layer proved.

use axum::extract::State;
use axum::response::Redirect;
use axum::{Extension, Form};
use domain::Timestamp;
use domain::containment::{Layer, Mode, Proof, Scope, Verdict};
use maud::{Markup, html};
use serde::Deserialize;
use wire::{OrderView, ReceiptView};

use super::layout::{Here, Page};
use super::words::{Tone, ago, full, span, tag};
use super::{Answer, PageError, forms};
use crate::api::extract::{Name, Query};
use crate::app::App;
use crate::door::Caller;
use crate::error::ApiError;
use crate::{act, load};

const PAGE: usize = 50;
/// Receipts come within a second, and without an event.
const LOOK_MS: u32 = 500;

/// Which page.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    cursor: Option<String>,
}

/// What the forms send.
#[derive(Debug, Deserialize)]
pub struct Asked {
    scope: String,
    #[serde(default)]
    mode: Mode,
    reason: String,
}

/// `POST /orders`: gives the order, then shows it.
pub async fn give(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Form(asked): Form<Asked>,
) -> Result<Redirect, PageError> {
    let order = act::give(&app, scope(&asked.scope)?, asked.mode, &asked.reason, caller).await?;
    Ok(Redirect::to(&format!("/orders/{}", order.id)))
}

/// `POST /lifts`: ends the containment, then shows the fleet.
pub async fn lift(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Form(asked): Form<Asked>,
) -> Result<Redirect, PageError> {
    act::lift(&app, scope(&asked.scope)?, &asked.reason, caller).await?;
    Ok(Redirect::to("/"))
}

fn scope(text: &str) -> Result<Scope, ApiError> {
    text.trim().parse().map_err(|unknown: domain::containment::UnknownScope| {
        ApiError::bad_request(unknown.to_string(), "go back and write another")
    })
}

/// `GET /orders`.
pub async fn list(State(app): State<App>, Query(wanted): Query<Wanted>) -> Answer {
    let page = load::orders(&app, wanted.cursor.as_deref(), PAGE).await?;
    let now = app.now();
    let body = html! {
        h1 { "Orders" }
        p.lead { "Every command to stop something, and what the layers proved in answer. Newest first." }
        br;
        @if page.items.is_empty() { div.sheet.empty { "Nothing was ever stopped." } }
        @else { (table(&page.items, now)) }
        @if let Some(next) = &page.next { p.pages { a href={ "/orders?cursor=" (next) } rel="next" { "Older" } } }
    };
    Ok(Page { title: "Orders", here: Here::Orders, feed: None, poll_ms: None }.render(&body))
}

fn table(orders: &[OrderView], now: Timestamp) -> Markup {
    html! {
        div.sheet { table.cards {
            thead { tr { th scope="col" { "Scope" } th scope="col" { "Proof" } th scope="col" { "Why" } th scope="col" { "By" } th.num scope="col" { "Given" } } }
            tbody { @for order in orders { tr {
                th scope="row" { a.mono href={ "/orders/" (order.id) } { (order.scope) } }
                td.tight { (verdict(order)) @if order.lifted.is_some() { " " (tag(Tone::Calm, "lifted")) } }
                td.grow.wide { (order.reason) }
                td data-label="by" { (order.actor) }
                td.num { (ago(order.given_at, now)) }
            } } }
        } }
    }
}

/// `GET /orders/{id}`: live until every layer has answered.
pub async fn show(State(app): State<App>, Name(id): Name) -> Answer {
    let order = load::order(&app, &id).await?;
    let poll_ms = (!order.answered()).then_some(LOOK_MS);
    let title = format!("Order on {}", order.scope);
    Ok(Page { title: &title, here: Here::Orders, feed: None, poll_ms }.render(&body(&order, app.now())))
}

fn body(order: &OrderView, now: Timestamp) -> Markup {
    let proven = order.receipts.iter().filter(|r| matches!(r.proof, Proof::Verified { .. })).count();
    html! {
        p.crumbs { a href="/" { "Fleet" } " / " a href="/orders" { "orders" } " / " span.mono { (order.id) } }
        div.head {
            div {
                h1 { "Stop " (order.scope) " " (verdict(order)) }
                p.lead { "“" (order.reason) "” — " (order.actor) ", " (ago(order.given_at, now)) }
            }
            @if order.lifted.is_none() { (forms::lift("lift", &order.scope.to_string())) }
        }
        dl.facts.sheet {
            div { dt { "Proven" } dd { (proven) " of " (Layer::ALL.len()) " layers" } }
            div { dt { "Mode" } dd { @match order.mode { Mode::Hard => "hard: frozen first", Mode::Soft => "soft: asked first" } } }
            div { dt { "Given" } dd { (full(order.given_at)) } }
            div { dt { "Epoch" } dd { (order.epoch) } }
        }
        @if let Some(lift) = &order.lifted {
            div.notice.good { b { "Lifted " } (ago(lift.at, now)) " by " (lift.actor) ": " (lift.reason) }
        }
        h2 { "Receipts" }
        div.sheet { table.cards {
            thead { tr { th scope="col" { "Layer" } th scope="col" { "State" } th scope="col" { "Proof" } th.num scope="col" { "After" } } }
            tbody { @for layer in Layer::ALL { (receipt(layer, order.receipts.iter().rev().find(|r| r.layer == layer))) } }
        } }
        @if !order.answered() { p.soft role="status" { br; "Waiting for the layers to answer…" } }
        @if order.scope != Scope::All {
            @if let Scope::Run(run) = &order.scope { p { br; a href={ "/runs/" (run) } { "The run it stopped" } } }
        }
    }
}

fn receipt(layer: Layer, receipt: Option<&ReceiptView>) -> Markup {
    let (tone, word, text) = match receipt.map(|r| &r.proof) {
        None => (Tone::Wait, "not answered", "no word from this layer yet"),
        Some(Proof::Requested) => (Tone::Wait, "asked", "asked, not proven yet"),
        Some(Proof::Verified { by }) => (Tone::Good, "verified", by.as_str()),
        Some(Proof::Unverified { why }) => (Tone::Bad, "not proven", why.as_str()),
    };
    let answered = receipt.filter(|r| r.proof != Proof::Requested);
    html! {
        tr id={ "layer-" (layer.name()) } {
            th scope="row" { b { (layer.name()) } span.second { (reaches(layer)) } }
            td { (tag(tone, word)) }
            td.grow.wide { (text) }
            td.num data-label="after" { @if let Some(r) = answered { time datetime=(r.at) title=(full(r.at)) { (span(r.after_us / 1_000)) } } @else { "–" } }
        }
    }
}

fn reaches(layer: Layer) -> &'static str {
    match layer {
        Layer::Runtime => "its processes",
        Layer::Identity => "its tokens",
        Layer::Gateway => "its calls and streams",
    }
}

fn verdict(order: &OrderView) -> Markup {
    match order.verdict {
        Verdict::Verified => tag(Tone::Good, "VERIFIED"),
        Verdict::Partial if order.answered() => tag(Tone::Bad, "PARTIAL"),
        Verdict::Partial => tag(Tone::Wait, "PARTIAL so far"),
    }
}
