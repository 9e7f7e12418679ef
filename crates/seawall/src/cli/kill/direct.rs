//! Stopping without the control door: the kill plane's socket is all that is needed.

use super::super::{Context, Exit, Failure};
use crate::config::Reach;
use base::ids::Ids;
use domain::containment::{Layer, Mode, Proof};
use domain::{OrderId, Timestamp};
use killd::client::{self, Client};
use killd::protocol;
use std::time::Duration;
use wire::order::receipt;
use wire::{OrderRequest, OrderView, ReceiptView};

/// How long the kill plane may take: it proves each death, which takes up to some three seconds.
const PATIENCE: Duration = Duration::from_secs(10);
const NO_DOOR: &str = "the control door does not answer; what it knows of tokens and calls is not known here";

/// Stops the scope of `request`, as the order `known` if it already has a name and an epoch.
pub async fn stop(
    request: &OrderRequest,
    known: Option<(&OrderId, u64)>,
    reach: &Reach,
    context: &Context,
) -> Result<OrderView, Failure> {
    let began = context.clock.now_us();
    let actor = actor(context);
    let socket = engine::setup::killd_socket(&reach.state_dir);
    let client = Client::connect(&socket).await.map_err(|error| nobody(&error))?.with_timeout(PATIENCE);
    let (id, epoch) = match known {
        Some((id, epoch)) => (id.clone(), epoch),
        None => (OrderId::new(Ids::random().next()), next_epoch(&client).await?),
    };
    let order = protocol::Order {
        id: id.to_string(),
        scope: request.scope.to_string(),
        reason: request.reason.clone(),
        actor: actor.clone(),
        epoch,
        at_us: began,
    };
    let answer = client.stop(order).await;
    let now = context.clock.now_us();
    let after_us = u64::try_from(now - began).unwrap_or(0);
    let at = Timestamp(now);
    let no_door = || Proof::Unverified { why: NO_DOOR.to_owned() };
    let receipts = vec![
        receipt(Layer::Runtime, proof(answer), after_us, at),
        receipt(Layer::Identity, no_door(), after_us, at),
        receipt(Layer::Gateway, no_door(), after_us, at),
    ];
    Ok(OrderView {
        id,
        scope: request.scope.clone(),
        // The kill plane knows only one way.
        mode: Mode::Hard,
        reason: request.reason.clone(),
        actor,
        epoch,
        given_at: Timestamp(began).into(),
        receipts,
        verdict: domain::containment::Verdict::Partial,
        lifted: None,
    })
}

/// Finishes an order whose control door died while the receipts were awaited: the same order again is harmless.
pub async fn finish(known: OrderView, reach: &Reach, context: &Context) -> Result<OrderView, Failure> {
    let proven = |r: &&ReceiptView| matches!(r.proof, Proof::Verified { .. });
    if known.receipts.iter().any(|r| r.layer == Layer::Runtime && proven(&r)) {
        return Ok(known);
    }
    let request = OrderRequest {
        scope: known.scope.clone(),
        mode: known.mode,
        reason: known.reason.clone(),
        dry_run: false,
    };
    let again = stop(&request, Some((&known.id, known.epoch)), reach, context).await?;
    let kept = known.receipts.into_iter().filter(|r| proven(&r));
    let kept: Vec<ReceiptView> = kept.collect();
    let fresh = again.receipts.iter().filter(|r| kept.iter().all(|k| k.layer != r.layer)).cloned();
    let receipts = kept.iter().cloned().chain(fresh).collect();
    Ok(OrderView { mode: known.mode, actor: known.actor, given_at: known.given_at, receipts, ..again })
}

fn proof(answer: Result<protocol::Receipt, client::Error>) -> Proof {
    let receipt = match answer {
        Ok(receipt) => receipt,
        Err(error) => return Proof::Unverified { why: base::error::chain(&error) },
    };
    match receipt.state {
        protocol::Proof::Verified => {
            let processes: u64 = receipt.runs.iter().map(|run| run.processes_before).sum();
            let tombstone = if receipt.tombstoned { "; tombstone on disk" } else { "" };
            Proof::Verified {
                by: format!("{} run(s), {processes} process(es), none left{tombstone}", receipt.runs.len()),
            }
        }
        protocol::Proof::Unverified => Proof::Unverified {
            why: receipt.why.unwrap_or_else(|| "the kill plane could not prove it".to_owned()),
        },
    }
}

/// Greater than every epoch the kill plane knows; the engine takes it over when it is back.
async fn next_epoch(client: &Client) -> Result<u64, Failure> {
    let status = client.status().await.map_err(|error| nobody(&error))?;
    Ok(status.stopped.iter().map(|stopped| stopped.epoch).max().unwrap_or(0) + 1)
}

fn nobody(error: &client::Error) -> Failure {
    let message = format!(
        "nothing was stopped: neither the control door nor the kill plane answers ({})",
        base::error::chain(error)
    );
    let hint =
        "agents die with their supervisor; if one is still there, `ps` shows it as a child of `seawall`";
    Failure::new(Exit::Failed, message, hint)
}

fn actor(context: &Context) -> String {
    let uid = rustix::process::getuid().as_raw();
    context.env.get("USER").filter(|user| !user.is_empty()).unwrap_or_else(|| format!("uid {uid}"))
}
