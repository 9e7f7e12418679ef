//! What it all cost, and the trace of the first issue down to each model request.

use super::Error;
use super::stage::Stage;
use domain::MicroUsd;
use domain::RunId;
use domain::call::Usage;
use serde_json::json;
use wire::trace::SpanKind;

pub(super) async fn play(stage: &mut Stage<'_>, run: &RunId) -> Result<(), Error> {
    stage.chapter("Who did what, and what it cost");
    let trace = stage.client().trace(run.as_str()).await?;
    for line in crate::cli::trace::lines(&trace) {
        stage.say(&line);
    }
    let calls: Vec<_> = trace.spans.iter().filter(|span| span.kind == SpanKind::Call).collect();
    let (lines, _) = stage.daemon.store.list_runs(&store::run::Filter::default(), None, 200).await?;
    let cost: u64 = lines.iter().map(|line| line.spend.cost.0).sum();
    let tokens = lines.iter().fold(Usage::default(), |sum, line| sum.plus(line.spend.usage));
    let settled: u64 = stage
        .daemon
        .store
        .budgets(domain::Timestamp(base::clock::Clock::system().now_us()))
        .await?
        .iter()
        .filter(|budget| budget.holder.starts_with("team/"))
        .map(|budget| budget.settled.0)
        .sum();
    stage.claim(
        &format!(
            "the trace leads from the issue to {} model requests; all runs together {} in, {} out, {} (rehearsal prices)",
            calls.len(),
            tokens.input,
            tokens.output,
            MicroUsd(cost)
        ),
        !calls.is_empty() && calls.iter().all(|c| c.rehearsal && c.tokens.is_some()),
        json!({ "spans": calls.iter().map(|c| &c.id).collect::<Vec<_>>(), "input": tokens.input, "output": tokens.output }),
        Some(format!("seawall trace {run} --config {}/seawall.toml", stage.project.dir.display())),
    );
    stage.claim(
        "the teams' budgets were charged exactly what the calls did cost",
        settled == cost,
        json!({ "calls_micro_usd": cost, "budgets_micro_usd": settled }),
        None,
    );
    stage.trace = Some(trace);
    stage.cost = cost;
    Ok(())
}
