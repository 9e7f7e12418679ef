//! `seawall runs`: the list of runs.

use super::ui::{Tone, cost, short};
use super::{Context, Ended, Exit};
use wire::{RunState, RunSummary};

/// List runs, newest first
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  seawall runs\n  seawall runs --state open\n  seawall runs --json | jq -r '.items[].id'"
)]
pub struct Args {
    /// Which runs
    #[arg(long, value_enum, default_value_t = State::All)]
    state: State,
    /// How many at most
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(wire::page::MAX_LIMIT)))]
    limit: u32,
    /// Go on after an earlier page
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

/// Which runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum State {
    /// All of them.
    All,
    /// Not over.
    Open,
    /// Over.
    Ended,
}

impl From<State> for RunState {
    fn from(state: State) -> Self {
        match state {
            State::All => Self::All,
            State::Open => Self::Open,
            State::Ended => Self::Ended,
        }
    }
}

/// Prints one page.
pub async fn run(args: &Args, context: &Context) -> Ended {
    let page = context.client()?.runs(args.state.into(), args.cursor.as_deref(), args.limit).await?;
    let ui = &context.ui;
    ui.document(&page)?;
    if page.items.is_empty() {
        ui.line(
            ui.tone("no runs; `seawall why ISSUE` tells why an issue is not being worked on", Tone::Dim),
        )?;
        return Ok(Exit::Done);
    }
    let rows: Vec<_> = page.items.iter().map(row).collect();
    ui.table(&["RUN", "ISSUE", "FOR", "AGENT", "STATE", "TRIES", "COST", "WHAT"], &rows)?;
    if let Some(next) = &page.next {
        ui.line(ui.tone(&format!("more: seawall runs --cursor {next}"), Tone::Dim))?;
    }
    Ok(Exit::Done)
}

/// A run as a row of a table.
pub fn row(run: &RunSummary) -> Vec<String> {
    vec![
        run.id.to_string(),
        short(&run.issue, 16),
        run.purpose.name().to_owned(),
        short(run.agent.as_str(), 20),
        run.outcome.clone().unwrap_or_else(|| run.phase.clone()),
        run.attempts.to_string(),
        cost(run.spend.cost_micro_usd, run.spend.rehearsal),
        short(&run.line, 60),
    ]
}
