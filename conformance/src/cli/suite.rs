//! Chooses cases, runs them side by side, and reports.

use crate::case::{self, Case};
use crate::complain;
use crate::report;
use crate::run::{self, Options, Outcome, Report};
use crate::target::Target;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::task::{JoinSet, LocalSet};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How the implementation is started (see targets/)
    #[arg(long, value_name = "FILE")]
    target: Option<PathBuf>,
    /// A folder of cases instead of those that come with this program
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    /// Only sections that begin so; may be repeated
    #[arg(long, value_name = "N")]
    section: Vec<String>,
    /// Only cases with this in their name; may be repeated
    #[arg(long, value_name = "NAME")]
    case: Vec<String>,
    /// List the cases and what each asks for
    #[arg(long)]
    list: bool,
    /// Write the results as JSON, too; - is stdout, and nothing else is written there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How many cases run at the same time
    #[arg(long, value_name = "N", default_value_t = 4)]
    jobs: usize,
    /// Run each case that failed beside others once more, alone: what fails then failed for no want of a machine
    #[arg(long)]
    again: bool,
    /// Keep the folders of cases that failed
    #[arg(long)]
    keep: bool,
    /// Waits and upper bounds are this many times longer, for a slow machine
    #[arg(long, value_name = "TIMES", default_value_t = 1.0)]
    slow: f64,
}

pub(super) fn run(args: &Args) -> ExitCode {
    match prepared(args) {
        Ok(Some((cases, target, options))) => perform(args, cases, target, options),
        Ok(None) => ExitCode::SUCCESS,
        Err(why) => complain(&format!("error: {why}"), 2),
    }
}

/// Nothing when there is nothing to run, because the list was asked for.
fn prepared(args: &Args) -> Result<Option<(Vec<Case>, Target, Options)>, String> {
    let cases: Vec<Case> =
        case::load(args.cases.as_deref())?.into_iter().filter(|case| chosen(args, case)).collect();
    if cases.is_empty() {
        return Err("no case fits; --list shows all".to_owned());
    }
    if args.list {
        let written = std::io::stdout().write_all(report::list(&cases).as_bytes());
        return written.map(|()| None).map_err(|error| error.to_string());
    }
    if args.jobs == 0 || args.slow.is_nan() || args.slow < 1.0 {
        return Err("--jobs and --slow must be 1 or more".to_owned());
    }
    let path = args.target.as_ref().ok_or("--target FILE says which implementation; see targets/")?;
    let program = std::env::current_exe().map_err(|error| format!("where is this program? {error}"))?;
    let target = Target::read(path)?;
    target.ready()?;
    Ok(Some((cases, target, Options { program, keep: args.keep, slow: args.slow })))
}

fn chosen(args: &Args, case: &Case) -> bool {
    let section = args.section.is_empty() || args.section.iter().any(|wanted| within(&case.section, wanted));
    section && (args.case.is_empty() || args.case.iter().any(|part| case.name.contains(part)))
}

/// `17` holds `17.4`; `17.4` does not hold `17.40`.
fn within(section: &str, wanted: &str) -> bool {
    section.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn perform(args: &Args, cases: Vec<Case>, target: Target, options: Options) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(why) => return complain(&format!("error: {why}"), 2),
    };
    let name = target.name.clone();
    // One thread plays the steps of all cases, which mostly wait; trackers are served beside it.
    let played = async {
        let shared = Arc::new((cases, target, options));
        let mut reports = all(&shared, args.jobs).await;
        if args.again && args.jobs > 1 {
            failed_again_alone(&shared, &mut reports).await;
        }
        reports
    };
    let reports = LocalSet::new().block_on(&runtime, played);
    let to_stdout = args.json.as_ref().is_some_and(|path| path.as_os_str() == "-");
    if let Some(path) = &args.json {
        let text = report::json(&name, &reports);
        let written =
            if to_stdout { std::io::stdout().write_all(text.as_bytes()) } else { std::fs::write(path, text) };
        if let Err(why) = written {
            return complain(&format!("error: {}: {why}", path.display()), 2);
        }
    }
    if !to_stdout {
        // When stdout is gone there is nobody to tell; the exit code still says it.
        let _ = std::io::stdout().write_all(report::table(&name, &reports).as_bytes());
    }
    let failed = reports.iter().any(|report| matches!(report.outcome, Outcome::Failed(_)));
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// All of them, so many at a time, in the order of the list.
async fn all(shared: &Arc<(Vec<Case>, Target, Options)>, jobs: usize) -> Vec<Report> {
    let next = Arc::new(AtomicUsize::new(0));
    let count = shared.0.len();
    let mut workers = JoinSet::new();
    for _ in 0..jobs.min(count) {
        let (shared, next) = (Arc::clone(shared), Arc::clone(&next));
        workers.spawn_local(async move {
            let mut done = vec![];
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let (cases, target, options) = &*shared;
                let Some(case) = cases.get(at) else { return done };
                let report = run::run(case, target, options).await;
                // Progress; the result is in the table.
                let _ = std::io::stderr().write_all(report::progress(&report, at + 1, count).as_bytes());
                done.push((at, report));
            }
        });
    }
    let mut reports: Vec<(usize, Report)> = workers.join_all().await.into_iter().flatten().collect();
    reports.sort_by_key(|(at, _)| *at);
    reports.into_iter().map(|(_, report)| report).collect()
}

/// Those that failed, one after the other; the second answer is the one that counts, and that there was a first is said.
async fn failed_again_alone(shared: &Arc<(Vec<Case>, Target, Options)>, reports: &mut [Report]) {
    let (cases, target, options) = &**shared;
    let failed = |report: &&mut Report| matches!(report.outcome, Outcome::Failed(_));
    for report in reports.iter_mut().filter(failed) {
        let Some(case) = cases.iter().find(|case| case.name == report.name) else { continue };
        *report = run::run(case, target, options).await;
        let how = if matches!(report.outcome, Outcome::Failed(_)) { "fails" } else { "does not fail" };
        // Progress, as above.
        let _ = writeln!(std::io::stderr(), "again: {} {how} alone", report.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_holds_what_is_below_it() {
        assert!(within("17.4", "17.4") && within("17.4", "17"));
        assert!(!within("17.40", "17.4") && !within("17.4", "7.4"));
    }
}
