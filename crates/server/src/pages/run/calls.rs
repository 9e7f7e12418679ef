//! The calls of a run, one row for each model turn.

use domain::call::{Call, Status};
use maud::{Markup, html};

use crate::pages::words::{call_status, count, money, rehearsal, span};

/// The table.
pub fn section(calls: &[Call]) -> Markup {
    html! { section #section-calls {
        h2 { "Calls " span.count { (calls.len()) } }
        @if calls.is_empty() { div.sheet.empty { "No model was asked yet." } }
        @else { div.sheet.scroll { table.cards {
            thead { tr {
                th scope="col" { "Turn" } th scope="col" { "Model" } th scope="col" { "Status" }
                th.num scope="col" { "In" } th.num scope="col" { "Cached" } th.num scope="col" { "Out" } th.num scope="col" { "Cost" }
                th.num scope="col" { "First byte" } th.num scope="col" { "Total" } th scope="col" { "Raw" }
            } }
            tbody { @for call in calls { (row(call)) } }
        } } }
    } }
}

fn row(call: &Call) -> Markup {
    let first = call.first_byte_at.map_or("–".to_owned(), |at| span(at.since(call.started_at).0));
    let total = call.ended_at.map_or("–".to_owned(), |at| span(at.since(call.started_at).0));
    let settled = |text: String| if call.status == Status::Open { "–".to_owned() } else { text };
    html! {
        tr id={ "call-" (call.id) } {
            th.tight scope="row" { a href={ "/calls/" (call.id) } { (call.attempt) "." (call.turn) } }
            td { (call.asked) span.second { (call.route) } }
            td { (call_status(call.status)) (rehearsal(call.rehearsal)) @if let Some(error) = &call.error { span.second { (error) } } }
            td.num data-label="in" { (settled(count(call.usage.input))) }
            td.num data-label="cached" { (settled(count(call.usage.cached))) }
            td.num data-label="out" { (settled(count(call.usage.output))) }
            td.num data-label="cost" { (settled(money(call.cost))) }
            td.num data-label="first byte" { (first) }
            td.num data-label="total" { (total) }
            td.tight { a href={ "/calls/" (call.id) } { "request, response" } }
        }
    }
}
