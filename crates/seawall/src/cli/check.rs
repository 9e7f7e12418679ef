//! `seawall check`: reads all configuration and tells every problem.

use super::context::wrong;
use super::ui::{Tone, clean_lines};
use super::{Context, Ended, Exit, Failure};
use crate::config::{self, Config, Read};
use serde_json::json;
use std::path::PathBuf;

/// Read all configuration and print every problem with file, line and mend
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  seawall check\n  seawall check deploy/seawall.toml\n  seawall check --json | jq '.problems[]'"
)]
pub struct Args {
    /// The file to check [default: ./seawall.toml, else ./WORKFLOW.md]
    file: Option<PathBuf>,
}

/// Exits with 0, or 2 when there is an error; warnings are told and change nothing.
pub fn run(args: &Args, context: &Context) -> Ended {
    let file = config::find(args.file.as_deref().or(context.named.as_deref()), &context.dir)
        .map_err(|problem| Failure::usage(problem.what.clone(), problem.mend.clone()))?;
    let Read { config, problems, .. } = config::read(&file, &context.env);
    let ui = &context.ui;
    ui.document(&json!({ "file": &file, "ok": config.is_some(), "problems": &problems }))?;
    for problem in &problems {
        ui.line(clean_lines(&problem.to_string()))?;
    }
    match config {
        Some(config) => ui.line(format!("{} {}", ui.tone("ok:", Tone::Good), summary(&config)))?,
        // The document was printed already, and there is exactly one.
        None if ui.json() => return Ok(Exit::Usage),
        None => return Err(wrong(&problems)),
    }
    Ok(Exit::Done)
}

fn summary(config: &Config) -> String {
    let fleet = &config.fleet;
    format!(
        "{} has {} team(s), {} agent(s), {} project(s), {} provider(s)",
        config.file.display(),
        fleet.teams.len(),
        fleet.agents.len(),
        fleet.projects.len(),
        config.providers.len()
    )
}
