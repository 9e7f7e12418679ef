//! `/budgets`: what may be spent, what is, and what is left.

use axum::extract::State;
use domain::budget::Window;
use maud::{Markup, html};
use wire::BudgetView;

use super::Answer;
use super::layout::{Here, Page};
use super::words::{Tone, full, money, tag};
use crate::app::App;
use crate::load;

const LOOK_MS: u32 = 5_000;

/// Every budget in its current window.
pub async fn show(State(app): State<App>) -> Answer {
    let budgets = load::budgets(&app).await?;
    let body = html! {
        h1 { "Budgets" }
        p.lead { "A call is admitted only if what it may cost at most still fits. Held is what calls in flight may still cost." }
        br;
        @if budgets.is_empty() { div.sheet.empty { "No budget is set, or none was touched yet. Write one as `budget = \"5 USD/run\"` in seawall.toml." } }
        @else { (table(&budgets)) }
    };
    Ok(Page { title: "Budgets", here: Here::Budgets, feed: None, poll_ms: Some(LOOK_MS) }.render(&body))
}

fn table(budgets: &[BudgetView]) -> Markup {
    html! {
        div.sheet { table.cards {
            thead { tr {
                th scope="col" { "Whose" } th scope="col" { "Window" } th.grow scope="col" { "Used" }
                th.num scope="col" { "Spent" } th.num scope="col" { "Held" } th.num scope="col" { "Left" } th.num scope="col" { "Limit" }
            } }
            tbody { @for budget in budgets { (row(budget)) } }
        } }
    }
}

fn row(budget: &BudgetView) -> Markup {
    let (word, tone) = match share(budget.available_micro_usd.0, budget.limit_micro_usd.0) {
        0 => ("spent", Tone::Bad),
        1..15 => ("nearly spent", Tone::Wait),
        _ => ("fine", Tone::Good),
    };
    html! {
        tr id={ "budget-" (budget.holder) } {
            th.wide scope="row" {
                @match budget.holder.strip_prefix("run/") {
                    Some(id) => a.mono href={ "/runs/" (id) } { (budget.holder) },
                    None => span.mono { (budget.holder) },
                }
            }
            td.tight {
                @match budget.window { Window::Run => "one run", Window::Day => "a day (UTC)" }
                @if let Some(start) = budget.window_start { span.second { "since " (full(start).get(..10).unwrap_or_default()) } }
            }
            td.wide { (tag(tone, word)) (meter(budget)) }
            td.num data-label="spent" { (money(budget.settled_micro_usd)) }
            td.num data-label="held" { (money(budget.reserved_micro_usd)) }
            td.num data-label="left" { (money(budget.available_micro_usd)) }
            td.num data-label="of" { (money(budget.limit_micro_usd)) }
        }
    }
}

/// Whole percent of `part` in `whole`; rounded up so that 0 means nothing is left.
fn share(part: u64, whole: u64) -> u64 {
    if whole == 0 {
        0
    } else {
        u64::try_from((u128::from(part) * 100).div_ceil(u128::from(whole))).unwrap_or(100).min(100)
    }
}

/// Drawn with attributes and not with styles: the page's policy allows no inline style.
fn meter(budget: &BudgetView) -> Markup {
    let limit = budget.limit_micro_usd.0;
    let spent = share(budget.settled_micro_usd.0, limit);
    let held = share(budget.reserved_micro_usd.0, limit).min(100 - spent);
    let over = if budget.available_micro_usd.0 == 0 { "over" } else { "" };
    html! {
        svg.meter.(over) role="img" aria-label={ (spent) " percent spent, " (held) " percent held" } {
            rect.track width="100%" height="100%" rx="4" {}
            rect.spent width={ (spent) "%" } height="100%" rx="4" {}
            rect.held x={ (spent) "%" } width={ (held) "%" } height="100%" {}
        }
    }
}
