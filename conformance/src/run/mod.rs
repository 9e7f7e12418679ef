//! Runs one case against one implementation.
//!
//! Invariants: a case ends by its deadline; what it started is ended with it; two cases share nothing but the machine.

mod collect;
mod http;
mod output;
mod places;
mod process;
mod rules;
mod steps;
mod world;

#[cfg(test)]
pub(crate) use http::ask;

use crate::case::Case;
use crate::target::Target;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use world::World;

/// What became of a case.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Passed,
    Failed(Failure),
    Skipped(String),
}

/// What was expected and what was seen instead.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The step, from 1; nothing for a rule of every case.
    pub(crate) step: Option<usize>,
    pub(crate) expected: String,
    pub(crate) seen: String,
    /// Waiting longer cannot help.
    pub(crate) settled: bool,
}

/// A case and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) name: String,
    pub(crate) section: String,
    pub(crate) spec: String,
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
    /// Its folder, when it was kept.
    pub(crate) folder: Option<PathBuf>,
}

/// How cases are run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) program: PathBuf,
    pub(crate) keep: bool,
    /// Waits and upper bounds are this many times longer.
    pub(crate) slow: f64,
}

impl Failure {
    fn new(expected: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { step: None, expected: expected.into(), seen: seen.into(), settled: false }
    }
}

pub(crate) async fn run(case: &Case, target: &Target, options: &Options) -> Report {
    let begun = Instant::now();
    let mut report = Report {
        name: case.name.clone(),
        section: case.section.clone(),
        spec: case.spec.trim().to_owned(),
        outcome: Outcome::Passed,
        took: Duration::ZERO,
        folder: None,
    };
    if let Some(reason) = target.missing(&case.needs) {
        report.outcome = Outcome::Skipped(reason);
        return report;
    }
    match World::new(case, target, options).await {
        Ok(world) => {
            let (outcome, folder) = play(world, options).await;
            (report.outcome, report.folder) = (outcome, folder);
        }
        Err(why) => report.outcome = Outcome::Failed(Failure::new("the kit can set the case up", why)),
    }
    report.took = begun.elapsed();
    report
}

async fn play(mut world: World, options: &Options) -> (Outcome, Option<PathBuf>) {
    let deadline = Duration::from_millis(world.case.deadline_ms).mul_f64(options.slow);
    let played = tokio::time::timeout(deadline, steps::play(&mut world)).await;
    let mut failed = match played {
        Ok(Ok(())) => rules::check(&world).err(),
        Ok(Err(failure)) => Some(failure),
        Err(_) => {
            Some(Failure::new(format!("the case ends within {deadline:?}"), "it was still at its steps"))
        }
    };
    if let Err(why) = world.end().await
        && failed.is_none()
    {
        failed = Some(why);
    }
    let keep = options.keep && failed.is_some();
    let folder = world.close(keep);
    (failed.map_or(Outcome::Passed, Outcome::Failed), folder)
}
