//! `seawall kill SCOPE`: one order, every layer, receipts.
//!
//! Invariants: stopping never depends on the control door: when it does not take the order within a second, the kill
//! plane is told directly; the answer is what was proven, never "sent".

mod direct;

use super::orders;
use super::ui::{Tone, Ui, clean, millis};
use super::{Context, Ended, Exit, Failure};
use crate::config::Reach;
use domain::containment::{Mode, Proof, Scope, Verdict};
use std::io;
use std::time::{Duration, Instant};
use wire::client::Error;
use wire::{Client, OrderPreview, OrderRequest, OrderView, order};

/// How long the control door may take to make an order durable before the kill plane is told directly.
const DOOR_PATIENCE: Duration = Duration::from_secs(1);
/// How long the layers may take to prove it.
const PROOF_PATIENCE: Duration = Duration::from_secs(10);
/// How often the receipts are asked for.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// Stop a scope on every layer, and print what each layer proved
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  seawall kill run/7g2k1m9q0rstvwxy --reason \"it loops\"\n  seawall kill team/payments --reason \"bad release\" --dry-run\n  seawall kill all --reason \"incident 42\"\n\nExit code 0: every layer proved it. 3 (PARTIAL): something is not proven.\nNothing that was stopped starts again before `seawall lift SCOPE`."
)]
pub struct Args {
    /// What to stop: run/ID, agent/NAME, team/NAME, project/NAME or all
    #[arg(value_name = "SCOPE")]
    scope: Scope,
    /// Why; shown in every call that is refused because of it
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Ask the agents to end first, then kill
    #[arg(long)]
    soft: bool,
    /// Say whom it would reach, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// Gives the order and waits for its receipts.
pub async fn run(args: &Args, context: &Context) -> Ended {
    let reason = order::reason(&args.reason)
        .map_err(|e| Failure::usage(e.to_string(), "say it with --reason TEXT"))?;
    let mode = if args.soft { Mode::Soft } else { Mode::Hard };
    let request = OrderRequest { scope: args.scope.clone(), mode, reason, dry_run: args.dry_run };
    let reach = context.reach()?;
    let client = context.client_of(&reach)?.with_answer_timeout(DOOR_PATIENCE);
    if request.dry_run {
        return preview(&client, &request, &context.ui).await;
    }
    let order = match client.give(&request).await {
        Ok(given) => watch(&client, given, &reach, context).await?,
        Err(error) if is_no_answer(&error) => {
            context.ui.note(format!("note: {}", base::error::chain(&error)))?;
            context.ui.note("note: telling the kill plane directly")?;
            direct::stop(&request, None, &reach, context).await?
        }
        Err(error) => return Err(error.into()),
    };
    context.ui.document(&order)?;
    print(&order, &context.ui)?;
    Ok(match order.verdict {
        Verdict::Verified => Exit::Done,
        Verdict::Partial => Exit::Partial,
    })
}

/// Whether nobody who could have stopped anything read the order: then the kill plane must be told. A wrong secret
/// counts too, because who may open the kill plane's socket may stop, whatever the dashboard thinks.
fn is_no_answer(error: &Error) -> bool {
    match error {
        Error::Refused { status, .. } => *status >= 500,
        Error::Unreachable { .. }
        | Error::TimedOut { .. }
        | Error::Broken { .. }
        | Error::Unauthorized { .. }
        | Error::Unreadable { .. }
        | Error::TooLarge { .. }
        | Error::Unsendable { .. } => true,
    }
}

/// Asks for the receipts until every layer has answered.
async fn watch(
    client: &Client,
    given: OrderView,
    reach: &Reach,
    context: &Context,
) -> Result<OrderView, Failure> {
    let until = Instant::now() + PROOF_PATIENCE;
    let mut known = given;
    while known.verdict == Verdict::Partial && Instant::now() < until {
        tokio::time::sleep(ASK_EVERY).await;
        match client.order(known.id.as_str()).await {
            Ok(newer) => known = newer,
            Err(error) if error.is_dead_door() => {
                context.ui.note(format!("note: {}", base::error::chain(&error)))?;
                return direct::finish(known, reach, context).await;
            }
            Err(error) => return Err(error.into()),
        }
        if known.answered() {
            break;
        }
    }
    Ok(known)
}

async fn preview(client: &Client, request: &OrderRequest, ui: &Ui) -> Ended {
    let OrderPreview { scope, runs } = client.preview(request).await.inspect(|preview| {
        // Printed before the table; a failed write shows up again right below.
        let _ = ui.document(preview);
    })?;
    ui.line(format!("{scope} would reach {} open run(s); nothing was done", runs.len()))?;
    let rows: Vec<_> = runs.iter().map(super::runs::row).collect();
    if !rows.is_empty() {
        ui.table(&["RUN", "ISSUE", "FOR", "AGENT", "STATE", "TRIES", "COST", "WHAT"], &rows)?;
    }
    Ok(Exit::Done)
}

/// Prints the order and its receipts; `demo` shows them as well.
pub fn print(order: &OrderView, ui: &Ui) -> io::Result<()> {
    ui.line(format!("order {} on {}: {}", order.id, order.scope, clean(&order.reason)))?;
    let rows: Vec<_> = domain::containment::Layer::ALL
        .into_iter()
        .map(|layer| match order.receipts.iter().find(|receipt| receipt.layer == layer) {
            Some(receipt) => {
                let (state, proof) = told(&receipt.proof);
                vec![layer.name().to_owned(), state.to_owned(), after(receipt.after_us), proof]
            }
            None => {
                vec![layer.name().to_owned(), "unverified".to_owned(), String::new(), "no answer".to_owned()]
            }
        })
        .collect();
    ui.table(&["LAYER", "STATE", "AFTER", "PROOF"], &rows)?;
    let tone = match order.verdict {
        Verdict::Verified => Tone::Good,
        Verdict::Partial => Tone::Bad,
    };
    ui.line(ui.tone(orders::verdict(order.verdict), tone))
}

fn told(proof: &Proof) -> (&'static str, String) {
    match proof {
        Proof::Requested => ("requested", "no proof yet".to_owned()),
        Proof::Verified { by } => ("verified", by.clone()),
        Proof::Unverified { why } => ("unverified", why.clone()),
    }
}

fn after(us: u64) -> String {
    if us < 10_000 { format!("{}.{} ms", us / 1_000, us % 1_000 / 100) } else { millis(us / 1_000) }
}
