//! `seawall budgets`: how the budgets stand.

use super::ui::Tone;
use super::{Context, Ended, Exit};
use domain::budget::Window;
use wire::BudgetView;

/// Show how the budgets stand
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  seawall budgets\n  seawall budgets --json | jq '.items[] | select(.available_micro_usd == 0)'"
)]
pub struct Args {}

/// Prints every budget in its current window.
pub async fn run(_args: &Args, context: &Context) -> Ended {
    let page = context.client()?.budgets().await?;
    let ui = &context.ui;
    ui.document(&page)?;
    if page.items.is_empty() {
        ui.line(ui.tone("nothing was spent or reserved yet", Tone::Dim))?;
        return Ok(Exit::Done);
    }
    let rows: Vec<_> = page.items.iter().map(row).collect();
    ui.table(&["WHOSE", "PER", "LIMIT", "SPENT", "RESERVED", "LEFT"], &rows)?;
    Ok(Exit::Done)
}

fn row(budget: &BudgetView) -> Vec<String> {
    let window = match budget.window {
        Window::Run => "run",
        Window::Day => "day",
    };
    let money = [
        budget.limit_micro_usd,
        budget.settled_micro_usd,
        budget.reserved_micro_usd,
        budget.available_micro_usd,
    ];
    let texts = [budget.holder.clone(), window.to_owned()];
    texts.into_iter().chain(money.iter().map(ToString::to_string)).collect()
}
