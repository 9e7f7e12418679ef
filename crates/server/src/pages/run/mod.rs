//! `/runs/{id}`: one run, from its outcome down to its trace.

mod calls;
mod findings;
mod trace;

use axum::extract::State;
use domain::Timestamp;
use domain::change::Change;
use domain::containment::Order;
use domain::run::Assignment;
use maud::{Markup, html};
use wire::{EventView, RunDetail};

use super::layout::{Here, Page};
use super::words::{self, plural};
use super::{Answer, forms};
use crate::api::extract::Name;
use crate::app::App;
use crate::load;
use crate::records::{ActivityRow, MAX_EVENTS};

/// Lines of the agent's activity on the page.
const MAX_ACTIVITY: u32 = 200;
/// Calls on the page; one for each turn.
const MAX_CALLS: u32 = 500;
const LOOK_MS: u32 = 3_000;

/// The run.
pub async fn show(State(app): State<App>, Name(id): Name) -> Answer {
    let row = app.records.run(&id).await?;
    let now = app.now();
    let identity = row.run.identity();
    let containments = app.records.containments().await?;
    let order = containments.stopping(&identity).cloned();
    let calls = app.records.calls(&row.run.id, MAX_CALLS).await?;
    let activity = app.records.activity(&row.run.id, MAX_ACTIVITY).await?;
    let review = row.run.review.clone();
    let trace = load::trace(&app, row.clone()).await?;
    let detail = load::detail(&app, row).await?;
    let body = html! {
        (head(&detail, order.as_ref(), now))
        (assignment(review.as_ref()))
        (facts(&detail, now))
        (change(&detail))
        (findings::section(&detail.findings))
        (reviews(&detail, now))
        (timeline(&detail.timeline))
        (calls::section(&calls))
        (trace::section(&trace, now))
        (activity_log(&activity))
    };
    let feed = format!("/api/v1/events?run={}", detail.summary.id);
    let open = detail.summary.ended_at.is_none();
    let title = format!("{} {}", detail.summary.issue, detail.summary.title);
    let page = Page {
        title: &title,
        here: Here::Fleet,
        feed: open.then_some(feed.as_str()),
        poll_ms: open.then_some(LOOK_MS),
    };
    Ok(page.render(&body))
}

fn head(detail: &RunDetail, order: Option<&Order>, now: Timestamp) -> Markup {
    let run = &detail.summary;
    let scope = format!("run/{}", run.id);
    html! {
        p.crumbs {
            a href="/" { "Fleet" } " / "
            @if let Some(parent) = &detail.parent { a href={ "/runs/" (parent) } { "author’s run" } " / " }
            span.mono { (run.id) }
        }
        div.head {
            div {
                h1 { @if detail.parent.is_some() { "Review of " } (run.issue) " " (run.title) }
                p.lead { (words::standing(run)) (words::rehearsal(run.spend.rehearsal)) " " (words::sentence(&run.line)) }
            }
            @if run.ended_at.is_none() && order.is_none() { (forms::stop("stop", &scope, "Stop this run…")) }
        }
        @if let Some(order) = order {
            div.notice.bad {
                b { (order.scope) " is stopped" } " by " (order.actor) ", " (words::ago(order.given_at.into(), now)) ": " (order.reason) " "
                a href={ "/orders/" (order.id) } { "What was proven" }
            }
        }
    }
}

fn assignment(review: Option<&Assignment>) -> Markup {
    html! { @if let Some(review) = review {
        p.lead {
            "Round " (review.round) " for " (review.team) ": judges "
            span.mono title=(review.head) { (review.head.short()) } " on " span.mono title=(review.base) { (review.base.short()) }
            @if !review.files.is_empty() { ", " (plural(review.files.len(), "file")) }
        }
    } }
}

fn facts(detail: &RunDetail, now: Timestamp) -> Markup {
    let run = &detail.summary;
    let end = run.ended_at.map_or(now, |at| at.0);
    html! {
        dl.facts.sheet {
            div { dt { "Agent" } dd { (run.agent) } }
            div { dt { "Team" } dd { (run.team) } }
            div { dt { "Project" } dd { (run.project) } }
            div { dt { "Claimed" } dd { (words::ago(run.created_at, now)) } }
            div { dt { @if run.ended_at.is_some() { "Took" } @else { "Age" } } dd { (words::span(end.since(run.created_at.0).0)) } }
            div { dt { "Attempts" } dd { (run.attempts) } }
            div { dt { "Turns" } dd { (run.spend.calls) } }
            div { dt { "Tokens" } dd { (words::tokens(run.spend.tokens)) } }
            div { dt { "Cost" } dd { (words::money(run.spend.cost_micro_usd)) } }
            @if let Some(due) = detail.due_at { div { dt { "Not before" } dd { (words::clock(due)) } } }
        }
    }
}

fn change(detail: &RunDetail) -> Markup {
    html! { @if let Some(change) = &detail.change { section #section-change {
        h2 { "Change " span.count.mono title=(change.head) { (change.head.short()) } }
        div.sheet.pad {
            p { (plural(change.files.len(), "file")) ", +" (change.added) " −" (change.removed) ", on " span.mono title=(change.base) { (change.base.short()) } (owners(change)) }
            details { summary { "Files" } ul { @for file in change.files.iter().take(MAX_FILES) { li.mono { (file) } } } @if change.files.len() > MAX_FILES { p.soft { "and " (change.files.len() - MAX_FILES) " more" } } }
        }
    } } }
}

/// Paths of one change on the page.
const MAX_FILES: usize = 200;

fn owners(change: &Change) -> Markup {
    let names: Vec<&str> = change.owners.iter().map(|o| o.team.as_str()).collect();
    html! { @if !names.is_empty() { "; owned by " (names.join(", ")) } }
}

fn reviews(detail: &RunDetail, now: Timestamp) -> Markup {
    html! { @if !detail.reviews.is_empty() { section #section-reviews {
        h2 { "Reviews " span.count { (detail.reviews.len()) } }
        div.sheet { table.cards {
            thead { tr { th scope="col" { "For" } th scope="col" { "Reviewer" } th scope="col" { "Stands" } th.num scope="col" { "Turns" } th.num scope="col" { "Cost" } th.num scope="col" { "Claimed" } } }
            tbody { @for review in &detail.reviews { tr id={ "review-" (review.id) } {
                th scope="row" { a href={ "/runs/" (review.id) } { (review.team) } }
                td.tight data-label="by" { (review.agent) }
                td.grow.wide { (words::standing(review)) (words::rehearsal(review.spend.rehearsal)) span.second { (review.line) } }
                td.num data-label="turns" { (review.spend.calls) }
                td.num data-label="cost" { (words::money(review.spend.cost_micro_usd)) }
                td.num { (words::ago(review.created_at, now)) }
            } } }
        } }
    } } }
}

fn timeline(events: &[EventView]) -> Markup {
    html! { section #section-timeline {
        h2 { "Timeline " span.count { (events.len()) } }
        @if events.is_empty() { div.sheet.empty { "Nothing has happened yet." } }
        @else { div.sheet { ol.timeline { @for event in events {
            li id={ "event-" (event.seq) } {
                (words::clock(event.at))
                span.dot.(words::event_tone(&event.kind, &event.line).class()) aria-hidden="true" {}
                span.what { (event.line) }
            }
        } } } }
        @if events.len() == MAX_EVENTS as usize { p.soft { "Only the first " (MAX_EVENTS) " are shown." } }
    } }
}

fn activity_log(activity: &[ActivityRow]) -> Markup {
    html! { @if !activity.is_empty() { section #section-activity {
        h2 { "What the agent did " span.count { (activity.len()) } }
        div.sheet { ol.timeline { @for entry in activity {
            li id={ "activity-" (entry.id) } {
                (words::clock(entry.started_at.into()))
                @let tone = if entry.status == "failed" { "bad" } else { "calm" };
                span.dot.(tone) aria-hidden="true" {}
                span.what {
                    span.mono { (entry.line) }
                    @if entry.status == "failed" { " " (words::tag(words::Tone::Bad, "failed")) }
                    @if entry.ended_at > entry.started_at { " " span.soft { (words::span(entry.ended_at.since(entry.started_at).0)) } }
                }
            }
        } } }
    } } }
}
