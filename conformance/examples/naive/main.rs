//! A small Symphony, made to be wrong on demand: the kit is tried on it, to see that it passes what is right and finds
//! what is not. It is no model of how to write one: it trusts its input and knows one way to do each thing.
//!
//! `NAIVE_WRONG` names the mistakes it makes, with commas: see [`Wrong`].

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a program of the tests: what goes wrong ends it"
)]

mod agent;
mod api;
mod orchestrator;
mod tracker;
mod workflow;
mod workspace;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A mistake on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// Keys that sanitise alike are the same.
    NoSuffix,
    /// Whatever a turn ends with is a success.
    FailedIsSuccess,
    /// A refresh that fails means that the issues are gone.
    ErrorIsMissing,
    /// A stalled issue is no longer claimed.
    StallForgets,
    /// What runs is dispatched again.
    TwoAgents,
    /// The agent inherits the tracker's key.
    LeaksKey,
    /// Terminal workspaces stay.
    NeverCleans,
    /// Failures are tried again at once.
    NoBackoff,
    /// stderr is read as protocol.
    StderrIsProtocol,
    /// The whole service ends when the workflow breaks.
    DiesOnReload,
}

const ALL: [(&str, Wrong); 10] = [
    ("no_suffix", Wrong::NoSuffix),
    ("failed_is_success", Wrong::FailedIsSuccess),
    ("error_is_missing", Wrong::ErrorIsMissing),
    ("stall_forgets", Wrong::StallForgets),
    ("two_agents", Wrong::TwoAgents),
    ("leaks_key", Wrong::LeaksKey),
    ("never_cleans", Wrong::NeverCleans),
    ("no_backoff", Wrong::NoBackoff),
    ("stderr_is_protocol", Wrong::StderrIsProtocol),
    ("dies_on_reload", Wrong::DiesOnReload),
];

/// Whether this mistake is to be made.
pub(crate) fn wrong(what: Wrong) -> bool {
    let named = std::env::var("NAIVE_WRONG").unwrap_or_default();
    named.split(',').any(|name| ALL.iter().any(|(known, wrong)| *known == name && *wrong == what))
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (mut path, mut port) = (PathBuf::from("WORKFLOW.md"), None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--port" => port = arguments.next().map(|port| port.parse::<u16>().unwrap()),
            _ => path = PathBuf::from(argument),
        }
    }
    let first = workflow::load(&path).unwrap_or_else(|why| {
        eprintln!("cannot start: {why}");
        std::process::exit(1);
    });
    let stop = Arc::new(AtomicBool::new(false));
    watch_signals(Arc::clone(&stop));
    let state = Arc::new(Mutex::new(orchestrator::State::default()));
    let port =
        port.or_else(|| first.config["server"]["port"].as_u64().and_then(|port| u16::try_from(port).ok()));
    if let Some(port) = port {
        api::serve(port, Arc::clone(&state));
    }
    orchestrator::run(&path, first, &state, &stop);
}

/// SIGTERM and SIGINT ask for an end.
fn watch_signals(stop: Arc<AtomicBool>) {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || {
        runtime.block_on(async {
            let mut term = signal(SignalKind::terminate()).unwrap();
            let mut int = signal(SignalKind::interrupt()).unwrap();
            tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
            stop.store(true, Ordering::Relaxed);
        });
    });
}
