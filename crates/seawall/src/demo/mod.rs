//! The demo: the whole main job on this machine, offline, on a real git repository, told as it happens.
//!
//! It drives the same daemon as `seawall up` and looks at it from outside: git, files, processes, HTTP. A
//! chapter proves itself or fails; nothing it claims is taken from a log line. The only thing that is not real
//! is the model, and everything it says is labelled a rehearsal.

mod act_one;
mod act_two;
mod cost;
mod outside;
mod project;
mod report;
mod stage;

pub use report::{Chapter, Claim, Report};

use crate::cli::demo::Args;
use crate::cli::{Context, Ended, Exit, Failure};
use crate::daemon;
use base::ids::Ids;
use engine::{Installed, Outside};
use stage::Stage;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A demo that takes longer than this on any machine is stuck.
const PATIENCE: Duration = Duration::from_secs(120);

/// Why the demo could not be played to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder holds something else.
    #[error("{} is not empty; name a new folder with --dir", .0.display())]
    NotEmpty(PathBuf),
    /// A file or program.
    #[error("{what}")]
    Outside {
        /// What could not be done.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The demo's own configuration was refused.
    #[error("the demo's configuration is refused: {0}")]
    Config(String),
    /// The daemon did not start.
    #[error(transparent)]
    Daemon(#[from] daemon::Error),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The control door did not answer as it should.
    #[error("the control door failed")]
    Door(#[from] wire::client::Error),
    /// Something that must happen did not.
    #[error("after {seconds} s still waiting for {0}; run it with SEAWALL_LOG=info to see its log", seconds = PATIENCE.as_secs())]
    Stuck(&'static str),
}

/// Plays the demo and tells it as it happens.
pub async fn run(args: Args, context: &Context) -> Ended {
    let ui = context.ui.clone();
    // A story whose listener left is played to its end all the same: the daemon is to be ended in order.
    let mut tell = |line: &str| _ = ui.line(line);
    let report = perform(&args, context, &mut tell).await.map_err(|error| {
        let usage = matches!(error, Error::NotEmpty(_));
        let exit = if usage { Exit::Usage } else { Exit::Failed };
        Failure::new(exit, base::error::chain(&error), "`seawall doctor` says what this machine lacks")
    })?;
    context.ui.document(&report)?;
    Ok(if report.ok { Exit::Done } else { Exit::Partial })
}

async fn perform(
    args: &Args,
    context: &Context,
    tell: &mut (dyn FnMut(&str) + Send),
) -> Result<Report, Error> {
    let outside = Outside {
        clock: context.clock.clone(),
        ids: Ids::random(),
        env: context.env.clone(),
        drivers: Arc::new(Installed),
    };
    let mut stage = Stage::set(args, outside, tell).await?;
    let report = match play(&mut stage).await {
        Ok(()) => stage.report().await,
        Err(error) => Err(error),
    };
    if let Ok(report) = &report {
        stage.curtain(report, args.keep);
        if args.keep {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
    stage.strike().await;
    report
}

async fn play(stage: &mut Stage<'_>) -> Result<(), Error> {
    let deadline = tokio::time::timeout(PATIENCE, async {
        let run = act_one::play(stage).await?;
        act_two::play(stage).await?;
        cost::play(stage, &run).await
    });
    match deadline.await {
        Ok(played) => played,
        Err(_) => Err(Error::Stuck(stage.waiting_for())),
    }
}
