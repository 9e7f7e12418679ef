//! `seawall orders`: which scopes were stopped, and what was proven.

use super::ui::{Tone, short};
use super::{Context, Ended, Exit};
use domain::containment::Verdict;
use wire::OrderView;

/// List orders, newest first
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  seawall orders\n  seawall orders --json | jq '.items[] | select(.lifted == null)'"
)]
pub struct Args {
    /// Go on after an earlier page
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

/// Prints one page.
pub async fn run(args: &Args, context: &Context) -> Ended {
    let page = context.client()?.orders(args.cursor.as_deref()).await?;
    let ui = &context.ui;
    ui.document(&page)?;
    if page.items.is_empty() {
        ui.line(ui.tone("no order was ever given", Tone::Dim))?;
        return Ok(Exit::Done);
    }
    let rows: Vec<_> = page.items.iter().map(row).collect();
    ui.table(&["ORDER", "GIVEN", "SCOPE", "VERDICT", "STANDS", "BY", "REASON"], &rows)?;
    if let Some(next) = &page.next {
        ui.line(ui.tone(&format!("more: seawall orders --cursor {next}"), Tone::Dim))?;
    }
    Ok(Exit::Done)
}

fn row(order: &OrderView) -> Vec<String> {
    let given = order.given_at.to_string();
    vec![
        order.id.to_string(),
        given.get(..19).unwrap_or(&given).to_owned(),
        order.scope.to_string(),
        verdict(order.verdict).to_owned(),
        if order.lifted.is_some() { "lifted" } else { "stopped" }.to_owned(),
        short(&order.actor, 20),
        short(&order.reason, 60),
    ]
}

/// The verdict, as the contract writes it.
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Verified => "VERIFIED",
        Verdict::Partial => "PARTIAL",
    }
}
