//! Act two: an agent that never comes to an end is stopped, and the stop is proven.

use super::stage::Stage;
use super::{Error, outside};
use domain::call::Status;
use domain::containment::{Mode, Proof, Scope, Verdict};
use domain::run::{Outcome, Phase, Run};
use serde_json::{Value, json};
use std::path::PathBuf;
use wire::OrderRequest;

const ISSUE: &str = "SHOP-2";
const REASON: &str = "it has been thinking about the same files for too long";

/// The looping agent, as it was seen from outside before the order.
struct Looping {
    run: Run,
    pid: u32,
    cgroup: Option<PathBuf>,
    living: usize,
}

pub(super) async fn play(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.chapter("A second agent loops, and a person pulls the kill switch");
    stage.project.second_issue()?;
    stage.daemon.engine.refresh();
    let looping = looping(stage).await?;
    stage.say(&format!("{} processes of {} are alive, and a stream is open", looping.living, looping.run.id));
    stage.say(&format!("$ seawall kill run/{} --reason \"{REASON}\"", looping.run.id));
    let request = OrderRequest {
        scope: Scope::Run(looping.run.id.clone()),
        mode: Mode::Hard,
        reason: REASON.to_owned(),
        dry_run: false,
    };
    let client = stage.client();
    let given = client.give(&request).await?;
    let order = stage
        .until("the receipts of all layers", async |_| {
            let order = client.order(given.id.as_str()).await?;
            Ok((order.verdict == Verdict::Verified).then_some(order))
        })
        .await?;
    for receipt in &order.receipts {
        let shown = match &receipt.proof {
            Proof::Verified { by } => by.clone(),
            Proof::Unverified { why } => format!("UNVERIFIED: {why}"),
            Proof::Requested => "requested".to_owned(),
        };
        stage.say(&format!(
            "{:<9} {:>7.1} ms  {shown}",
            receipt.layer.name(),
            receipt.after_us as f64 / 1000.0
        ));
    }
    stage.claim(
        "every layer answered the order with a verified receipt",
        order.verdict == Verdict::Verified && order.receipts.len() == domain::containment::Layer::ALL.len(),
        serde_json::to_value(&order).unwrap_or(Value::Null),
        Some(format!("seawall orders --config {}/seawall.toml", stage.project.dir.display())),
    );
    proved(stage, &looping, &given.id).await
}

/// Waits until the agent loops: processes alive, a stream open.
async fn looping(stage: &mut Stage<'_>) -> Result<Looping, Error> {
    stage
        .until("the second agent to loop with an open stream", async |daemon| {
            let open = daemon.store.open_runs().await?;
            let working =
                |run: &Run| run.issue.identifier == ISSUE && matches!(run.phase, Phase::Working { .. });
            let Some(run) = open.into_iter().map(|s| s.run).find(working) else { return Ok(None) };
            let calls = daemon.store.calls_of(&run.id, 100).await?;
            let streaming = |c: &domain::call::Call| c.status == Status::Open && c.first_byte_at.is_some();
            // The second turn is the one that never ends; the first has started the background processes.
            if calls.len() < 2 || !calls.iter().any(|c| streaming(c) || c.turn >= 2) {
                return Ok(None);
            }
            let lines = daemon.store.activity_since(&run.id, 0, 10).await?;
            let Some(line) = lines.iter().find(|l| l.kind == "spawned") else { return Ok(None) };
            let spawned: Value = serde_json::from_str(&line.text).unwrap_or_default();
            let pid = spawned["pid"].as_u64().and_then(|p| u32::try_from(p).ok()).unwrap_or(0);
            let cgroup = spawned["cgroup"].as_str().map(PathBuf::from);
            let living = outside::living(cgroup.as_deref(), pid).len();
            Ok((living > 0).then_some(Looping { run, pid, cgroup, living }))
        })
        .await
}

/// What anybody can see afterwards.
async fn proved(stage: &mut Stage<'_>, looping: &Looping, order: &domain::OrderId) -> Result<(), Error> {
    let left = outside::living(looping.cgroup.as_deref(), looping.pid);
    stage.claim(
        &format!("runtime: of {} processes none is alive", looping.living),
        left.is_empty() && looping.living > 0,
        json!({ "before": looping.living, "after": left, "pid": looping.pid, "cgroup": looping.cgroup }),
        Some(format!("ls /proc/{}", looping.pid)),
    );
    let mut answers = vec![];
    for (run, token) in stage.daemon.engine.revoked_tokens(order) {
        let (status, body) = outside::call_with(stage.daemon.gateway, &token).await?;
        let body: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
        answers.push(json!({ "run": run, "status": status, "error": body["error"] }));
    }
    stage.claim(
        "identity: the run's own token, presented again, is refused with 403",
        !answers.is_empty() && answers.iter().all(|a| a["status"] == 403),
        json!({ "answers": answers }),
        None,
    );
    let run = looping.run.id.clone();
    let calls = stage
        .until("the cut call to be settled", async |daemon| {
            let calls = daemon.store.calls_of(&run, 100).await?;
            Ok(calls.iter().all(|c| c.status != Status::Open).then_some(calls))
        })
        .await?;
    // The runtime layer may have killed the reader before the gateway read the order: closed either way.
    let closed =
        |status| calls.iter().filter(|c| c.status == status).map(|c| c.id.clone()).collect::<Vec<_>>();
    let (cut, left) = (closed(Status::Cut), closed(Status::Left));
    stage.claim(
        if left.is_empty() {
            "gateway: the open stream was cut, and what it cost is settled"
        } else {
            "gateway: the open stream ended with its reader before it could be cut, and what it cost is settled"
        },
        cut.len() + left.len() == 1,
        json!({ "cut": cut, "reader_was_dead_already": left, "calls": calls.len() }),
        None,
    );
    let ended = stage.daemon.store.run(&looping.run.id).await?.map(|s| s.run);
    let stopped = ended.as_ref().and_then(Run::outcome).cloned();
    stage.claim(
        "the run ended as stopped, and the issue is not taken up again without a person",
        matches!(stopped, Some(Outcome::Stopped { .. })),
        json!({ "outcome": stopped }),
        Some(format!("seawall why {ISSUE} --config {}/seawall.toml", stage.project.dir.display())),
    );
    Ok(())
}
