//! `seawall pause PROJECT` and `seawall resume PROJECT`: hold a project back, let it go on.

use super::ui::{Tone, clean};
use super::{Context, Ended, Exit, Failure};
use domain::ProjectName;
use std::time::Duration;
use wire::{PauseRequest, PauseView, ResumeRequest, order};

/// How often the attempts that still run are counted while somebody waits for them.
const LOOK: Duration = Duration::from_millis(500);

/// Have a project start no work; what runs goes on to its end
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  seawall pause shop --reason \"the release freeze\"\n  seawall pause shop --reason \"moving the database\" --wait   until nothing runs any more\n\nRetries wait too. Nothing is stopped: `seawall kill project/shop` does that."
)]
pub struct Pause {
    /// Which project
    #[arg(value_name = "PROJECT")]
    project: String,
    /// Why; it is shown with every issue that waits
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Wait until no attempt of the project runs any more
    #[arg(long)]
    wait: bool,
}

/// Let a paused project start work again
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  seawall resume shop\n  seawall resume shop --json | jq -r .state")]
pub struct Resume {
    /// Which project
    #[arg(value_name = "PROJECT")]
    project: String,
}

/// Pauses it, and waits for what runs if that is wanted.
pub async fn pause(args: &Pause, context: &Context) -> Ended {
    let reason = order::reason(&args.reason).map_err(|e| Failure::usage(e.to_string(), ""))?;
    let client = context.client()?;
    let project = ProjectName::new(&args.project);
    let mut view = client.pause(&PauseRequest { project: project.clone(), reason }).await?;
    while args.wait && view.live > 0 {
        context.ui.note(format!("waits for {} attempt(s)", view.live))?;
        tokio::time::sleep(LOOK).await;
        let all = client.pauses().await?.items;
        view = all.into_iter().find(|one| one.project == project).unwrap_or(view);
    }
    tell(&view, context)
}

/// Resumes it.
pub async fn resume(args: &Resume, context: &Context) -> Ended {
    let project = ProjectName::new(&args.project);
    tell(&context.client()?.resume(&ResumeRequest { project }).await?, context)
}

fn tell(view: &PauseView, context: &Context) -> Ended {
    let ui = &context.ui;
    ui.document(view)?;
    let tone = if view.state == "active" { Tone::Good } else { Tone::Warn };
    ui.line(format!("{} is {}", clean(view.project.as_str()), ui.tone(&view.state, tone)))?;
    if let (Some(reason), Some(actor)) = (&view.reason, &view.actor) {
        ui.line(format!("  {} ({})", clean(reason), clean(actor)))?;
    }
    if view.live > 0 {
        ui.line(format!("  {} attempt(s) run", view.live))?;
    }
    Ok(Exit::Done)
}
