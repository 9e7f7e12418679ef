//! `seawall show RUN`: everything about one run.

use super::ui::{Tone, Ui, clean, cost, tokens};
use super::{Context, Ended, Exit};
use domain::review::Finding;
use std::io;
use wire::RunDetail;

/// Show one run: its state, change, findings, reviews and timeline
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  seawall show 7g2k1m9q0rstvwxy\n  seawall show 7g2k1m9q0rstvwxy --json | jq .change.head"
)]
pub struct Args {
    /// The run's id, as `seawall runs` lists it
    #[arg(value_name = "RUN")]
    run: String,
}

/// Prints the run.
pub async fn run(args: &Args, context: &Context) -> Ended {
    let detail = context.client()?.run(&args.run).await?;
    context.ui.document(&detail)?;
    head(&detail, &context.ui)?;
    change(&detail, &context.ui)?;
    timeline(&detail, &context.ui)?;
    Ok(Exit::Done)
}

fn head(detail: &RunDetail, ui: &Ui) -> io::Result<()> {
    let run = &detail.summary;
    let title = format!("{}: {}", clean(&run.issue), clean(&run.title));
    ui.line(format!("{}  {}", ui.tone(run.id.as_str(), Tone::Bold), title))?;
    let tone = match run.outcome.as_deref() {
        Some("landed" | "reviewed") => Tone::Good,
        Some("released" | "cancelled") => Tone::Bold,
        Some(_) => Tone::Bad,
        None => Tone::Bold,
    };
    match run.outcome {
        // Its line says already how it ended.
        Some(_) => ui.line(ui.tone(&clean(&run.line), tone))?,
        None => ui.line(format!("{}: {}", ui.tone(&run.phase, tone), clean(&run.line)))?,
    }
    let who = format!("{} of {} for {}", run.agent, run.team, run.project);
    ui.line(format!("{} by {who}, {} attempt(s), fence {}", run.purpose.name(), run.attempts, detail.fence))?;
    let spend = &run.spend;
    let money = cost(spend.cost_micro_usd, spend.rehearsal);
    ui.line(format!("{} model call(s), {}, {money}", spend.calls, tokens(spend.tokens)))?;
    match &detail.parent {
        Some(parent) => ui.line(format!("reviews run {parent}")),
        None => Ok(()),
    }
}

fn change(detail: &RunDetail, ui: &Ui) -> io::Result<()> {
    if let Some(change) = &detail.change {
        let (files, added, removed) = (change.files.len(), change.added, change.removed);
        ui.line(format!("\nchange {} on {}", change.head, change.base.short()))?;
        ui.line(format!("  {files} file(s), +{added} -{removed}: {}", clean(&change.files.join(", "))))?;
    }
    if !detail.findings.is_empty() {
        ui.line("\nfindings")?;
    }
    for finding in &detail.findings {
        self::finding(finding, ui)?;
    }
    if !detail.reviews.is_empty() {
        ui.line("\nreviews")?;
    }
    for review in &detail.reviews {
        ui.line(format!("  {}  {} of {}: {}", review.id, review.agent, review.team, clean(&review.line)))?;
    }
    Ok(())
}

fn finding(finding: &Finding, ui: &Ui) -> io::Result<()> {
    let tone = if finding.holds_up() { Tone::Bad } else { Tone::Good };
    let state = match &finding.disposition {
        domain::review::Disposition::Open => "open".to_owned(),
        domain::review::Disposition::Fixed { head } => format!("fixed by {}", head.short()),
        domain::review::Disposition::Deferred => "deferred".to_owned(),
    };
    let raised = &finding.raised;
    let title = clean(&raised.title);
    ui.line(format!("  {} {}  {title} ({})", raised.priority.name(), finding.id, ui.tone(&state, tone)))?;
    if let Some(place) = &raised.place {
        ui.line(format!("     at {}", clean(&place.to_string())))?;
    }
    for cite in &raised.cites {
        ui.line(format!("     cites {}", clean(&cite.to_string())))?;
    }
    Ok(())
}

fn timeline(detail: &RunDetail, ui: &Ui) -> io::Result<()> {
    ui.line("\ntimeline")?;
    for event in &detail.timeline {
        ui.line(format!("  {}  {}", super::logs::clock(event.at), clean(&event.line)))?;
    }
    Ok(())
}
