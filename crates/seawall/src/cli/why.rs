//! `seawall why ISSUE`: why it is, or is not, being worked on.

use super::ui::{Tone, clean};
use super::{Context, Ended, Exit};
use wire::WhyVerdict;

/// Say why an issue is, or is not, being worked on
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  seawall why SHOP-12\n  seawall why SHOP-12 --json | jq -r .verdict")]
pub struct Args {
    /// What people call the issue, or the tracker's own id
    #[arg(value_name = "ISSUE")]
    issue: String,
}

/// Prints the answer. An issue that no tracker knows is a failure.
pub async fn run(args: &Args, context: &Context) -> Ended {
    let why = context.client()?.why(&args.issue).await?;
    let ui = &context.ui;
    ui.document(&why)?;
    let (word, tone) = match why.verdict {
        WhyVerdict::Working => ("is being worked on", Tone::Good),
        WhyVerdict::Waiting => ("waits", Tone::Warn),
        WhyVerdict::Refused => ("is not being worked on", Tone::Bad),
        WhyVerdict::Done => ("is done", Tone::Good),
        WhyVerdict::Unknown => ("is not known", Tone::Bad),
    };
    ui.line(format!("{} {}", clean(&why.issue), ui.tone(word, tone)))?;
    for line in &why.lines {
        ui.line(format!("  {}", clean(line)))?;
    }
    if let Some(run) = &why.run {
        ui.line(format!("  see `seawall show {run}`"))?;
    }
    Ok(if why.verdict == WhyVerdict::Unknown { Exit::Failed } else { Exit::Done })
}
