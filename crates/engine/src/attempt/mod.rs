//! One attempt: from the claim to the agent's end.
//!
//! Invariants: an attempt is registered with the kill plane before the engine reads what its agent did; a
//! registration that is refused ends it at once; whatever happens, the agent's processes are gone when
//! [`live`] returns.

mod activity;
mod author;
mod live;
pub(crate) mod prompt;
mod push;
mod reviewer;
mod session;
mod telemetry;
pub(crate) mod tools;
mod turns;
mod walls;
pub(crate) mod work;

pub(crate) use live::{LiveAttempts, Place};
pub use push::Repository;
pub use telemetry::Telemetry;
pub(crate) use walls::sandbox_name;

use crate::Engine;
use crate::drivers::Wanted;
use activity::Recorder;
use adapters::agent::{self, End, Host};
use adapters::sandbox::tunnel::{GatewayAddr, Tunnel};
use domain::Millis;
use domain::effect::Task;
use domain::failure::{Failure, FailureKind};
use domain::run::{AttemptEnd, Run, Spent};
use session::Prepared;
use std::sync::PoisonError;

/// Works on `task` to the agent's end. Also what it came to.
pub(crate) async fn live(engine: &Engine, run: &Run, task: &Task) -> (AttemptEnd, Spent) {
    let prepared = match session::prepare(engine, run, task).await {
        Ok(prepared) => prepared,
        Err(failure) => return (AttemptEnd::Failed(failure), Spent::default()),
    };
    let place = engine.0.live.enter(run.identity(), run.fence, prepared.session.token.clone());
    let end = drive(engine, run, &prepared, &place).await;
    let spent = spent(engine, &place);
    log_end(run, &place, &end);
    drop(place);
    prepared.clear_up(engine, run).await;
    let end = match end {
        End::Finished { summary } => AttemptEnd::Finished {
            summary: prompt::clip(&summary, 500).to_owned(),
            review: prepared.review(),
        },
        End::Failed(failure) => AttemptEnd::Failed(failure),
        End::Blocked { question } => {
            AttemptEnd::Blocked { question: prompt::clip(&question, 2_000).to_owned() }
        }
        End::Interrupted => {
            AttemptEnd::Failed(Failure::new(FailureKind::Lost, "the attempt was interrupted"))
        }
    };
    (end, spent)
}

/// A session's end, with its own name: the run's events do not know it.
fn log_end(run: &Run, place: &Place, end: &End) {
    let told = place.telemetry.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(session_id) = told.session() else { return };
    let (outcome, error) = match end {
        End::Finished { .. } => ("completed", None),
        End::Failed(failure) => ("failed", Some(failure.to_string())),
        End::Blocked { question } => ("blocked", Some(prompt::clip(question, 500).to_owned())),
        End::Interrupted => ("cancelled", None),
    };
    let (issue_id, issue_identifier) = (&run.issue.id, &run.issue.identifier);
    let turns = told.turns;
    tracing::info!(%issue_id, issue_identifier, session_id, run = %run.id, turns, outcome, error, "session ended");
}

fn spent(engine: &Engine, place: &Place) -> Spent {
    let told = place.telemetry.lock().unwrap_or_else(PoisonError::into_inner);
    let ran = told.started_at.map_or(Millis(0), |started| engine.now().since(started));
    Spent { tokens: told.tokens, ran }
}

/// Runs the agent under everything that may end it.
async fn drive(engine: &Engine, run: &Run, prepared: &Prepared, place: &Place) -> End {
    let driver = match driver(engine, prepared) {
        Ok(driver) => driver,
        Err(failure) => return End::Failed(failure),
    };
    let gateway = GatewayAddr::Tcp(engine.0.setup.gateway);
    let tunnel = match Tunnel::open(&prepared.spec.gateway_socket, gateway) {
        Ok(tunnel) => tunnel,
        Err(error) => return failed(FailureKind::Sandbox, format!("the way to the gateway: {error}")),
    };
    let (activity, seen) = tokio::sync::mpsc::channel(activity::QUEUE);
    let host = Host {
        tools: prepared.tools.clone(),
        turns: prepared.turns.clone(),
        activity,
        interrupt: place.interrupt.clone(),
    };
    let recorder = Recorder::new(engine.clone(), run.clone(), place.cancel.clone(), place.telemetry.clone());
    let recording = recorder.record(seen);
    let agent = async {
        let (spec, session) = (prepared.spec.clone(), prepared.session.clone());
        tokio::select! {
            end = driver.run(&engine.0.sandbox, spec, session, host) => end,
            () = place.cancel.cancelled() => End::Interrupted,
        }
    };
    let (end, recorded) = tokio::join!(agent, recording);
    engine.0.kill_plane.release(run.id.as_str(), run.fence.0).await;
    drop(tunnel);
    match recorded {
        Ok(()) => end,
        Err(failure) => End::Failed(failure),
    }
}

fn failed(kind: FailureKind, detail: String) -> End {
    End::Failed(Failure::new(kind, detail))
}

/// The agent's program, as configured: a shell command where the workflow gives one, else what is found.
fn driver(engine: &Engine, prepared: &Prepared) -> Result<Box<dyn agent::Driver>, Failure> {
    let outside = &engine.0.setup.outside;
    let wanted = Wanted {
        driver: prepared.driver,
        command: prepared.command.as_deref(),
        shell: prepared.shell.as_deref(),
        secrets: &prepared.secrets,
    };
    outside.drivers.open(&outside.env, &wanted)
}
