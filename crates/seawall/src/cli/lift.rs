//! `seawall lift SCOPE`: ends a containment.

use super::ui::Tone;
use super::{Context, Ended, Exit, Failure};
use domain::containment::Scope;
use wire::{LiftRequest, order};

/// End a containment: the scope may be worked on again
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  seawall lift team/payments --reason \"the loop is fixed\"\n  seawall lift run/7g2k1m9q0rstvwxy --reason \"try again\"\n\nTokens that were revoked stay revoked; new runs get new ones."
)]
pub struct Args {
    /// What to lift: run/ID, agent/NAME, team/NAME, project/NAME or all
    #[arg(value_name = "SCOPE")]
    scope: Scope,
    /// Why; it is kept with the order
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Lifts it. Only a running Seawall can: starting again is never an emergency.
pub async fn run(args: &Args, context: &Context) -> Ended {
    let reason = order::reason(&args.reason).map_err(|e| Failure::usage(e.to_string(), ""))?;
    let lifted = context.client()?.lift(&LiftRequest { scope: args.scope.clone(), reason }).await?;
    let ui = &context.ui;
    ui.document(&lifted)?;
    ui.line(format!("{} {} is lifted (epoch {})", ui.tone("done:", Tone::Good), lifted.scope, lifted.epoch))?;
    Ok(Exit::Done)
}
