//! One attempt: from the claim to the agent's end.
//!
//! Invariants: an attempt is registered with the kill plane before the engine reads what its agent did; a
//! registration that is refused ends it at once; whatever happens, the agent's processes are gone when
//! [`live`] returns.

mod activity;
mod author;
mod live;
pub(crate) mod prompt;
mod reviewer;
mod session;
pub(crate) mod tools;
mod walls;

pub(crate) use live::LiveAttempts;
pub(crate) use walls::sandbox_name;

use crate::Engine;
use activity::Recorder;
use adapters::agent::builtin::Builtin;
use adapters::agent::claude::Claude;
use adapters::agent::codex::Codex;
use adapters::agent::command::Command;
use adapters::agent::{self, End, Host, OneTurn};
use adapters::sandbox::tunnel::{GatewayAddr, Tunnel};
use domain::effect::Task;
use domain::failure::{Failure, FailureKind};
use domain::fleet::Driver;
use domain::run::{AttemptEnd, Run};
use session::Prepared;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Works on `task` to the agent's end.
pub(crate) async fn live(engine: &Engine, run: &Run, task: &Task) -> AttemptEnd {
    let prepared = match session::prepare(engine, run, task).await {
        Ok(prepared) => prepared,
        Err(failure) => return AttemptEnd::Failed(failure),
    };
    let entry = engine.0.live.enter(run.identity(), run.fence, prepared.session.token.clone());
    let end = drive(engine, run, &prepared, &entry.interrupt, &entry.cancel).await;
    drop(entry);
    match end {
        End::Finished { summary } => AttemptEnd::Finished {
            summary: prompt::clip(&summary, 500).to_owned(),
            review: prepared.review(),
        },
        End::Failed(failure) => AttemptEnd::Failed(failure),
        End::Blocked { question } => AttemptEnd::Failed(Failure::new(FailureKind::Protocol, question)),
        End::Interrupted => {
            AttemptEnd::Failed(Failure::new(FailureKind::Lost, "the attempt was interrupted"))
        }
    }
}

/// Runs the agent under everything that may end it.
async fn drive(
    engine: &Engine,
    run: &Run,
    prepared: &Prepared,
    interrupt: &CancellationToken,
    cancel: &CancellationToken,
) -> End {
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
        turns: Arc::new(OneTurn),
        activity,
        interrupt: interrupt.clone(),
    };
    let recorder = Recorder::new(engine.clone(), run.clone(), cancel.clone());
    let recording = recorder.record(seen);
    let agent = async {
        let (spec, session) = (prepared.spec.clone(), prepared.session.clone());
        tokio::select! {
            end = driver.run(&engine.0.sandbox, spec, session, host) => end,
            () = cancel.cancelled() => End::Interrupted,
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

/// The agent's program, as configured.
fn driver(engine: &Engine, prepared: &Prepared) -> Result<Box<dyn agent::Driver>, Failure> {
    match prepared.driver {
        Driver::Builtin => Ok(Box::new(Builtin)),
        Driver::Codex => {
            let env = &engine.0.setup.outside.env;
            Ok(Box::new(Codex::find(env, prepared.command.as_deref())?))
        }
        Driver::Claude => {
            let env = &engine.0.setup.outside.env;
            Ok(Box::new(Claude::find(env, prepared.command.as_deref())?))
        }
        Driver::Command => {
            let missing = || Failure::new(FailureKind::AgentMissing, "say in the agent's command what to run");
            let command = prepared.command.as_deref().ok_or_else(missing)?;
            Ok(Box::new(Command::shell(&engine.0.setup.outside.env, command, vec![])))
        }
    }
}
