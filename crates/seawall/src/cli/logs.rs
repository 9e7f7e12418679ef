//! `seawall logs RUN`: what happened to a run, and with `-f` what happens.

use super::ui::{Tone, clean};
use super::{Context, Ended, Exit};
use std::time::Duration;
use wire::{EventView, Time};

/// How often a followed log is asked for more. The feed of everything would be quicker, and drown a long pipe.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

/// Print what happened to a run
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  seawall logs 7g2k1m9q0rstvwxy\n  seawall logs 7g2k1m9q0rstvwxy -f\n\nWith --json and -f, one JSON document per line is printed until the run ends."
)]
pub struct Args {
    /// The run's id, as `seawall runs` lists it
    #[arg(value_name = "RUN")]
    run: String,
    /// Go on until the run is over
    #[arg(short, long)]
    follow: bool,
}

/// Prints the log, oldest first.
pub async fn run(args: &Args, context: &Context) -> Ended {
    let client = context.client()?;
    let ui = &context.ui;
    let mut after: Option<String> = None;
    let mut whole = vec![];
    let mut over = false;
    loop {
        let page = client.log(&args.run, after.as_deref()).await?;
        // The door always says where the next page begins; an empty one is the end of what there is.
        let all = page.items.is_empty();
        over |= page.items.iter().any(|event| event.kind == "ended");
        for event in page.items {
            print(&event, context)?;
            if args.follow { ui.document_line(&event)? } else { whole.push(event) }
        }
        after = page.next.or(after);
        if all && (over || !args.follow) {
            break;
        }
        if all {
            tokio::time::sleep(FOLLOW_EVERY).await;
        }
    }
    if !args.follow {
        ui.document(&wire::Page::whole(whole))?;
    }
    Ok(Exit::Done)
}

/// `hh:mm:ss` in UTC: a log is read within its day.
pub fn clock(at: Time) -> String {
    at.to_string().get(11..19).unwrap_or_default().to_owned()
}

fn print(event: &EventView, context: &Context) -> std::io::Result<()> {
    let ui = &context.ui;
    ui.line(format!("{}  {}", ui.tone(&clock(event.at), Tone::Dim), clean(&event.line)))
}
