//! The built-in agent: a small honest loop of model and tools.
//!
//! Its loop ([`guest`]) runs inside the sandbox, where its commands and patches act; this half starts it, answers the
//! host's tools and listens. Invariants: what the guest says is as untrusted as the model that moves it; nobody but the
//! guest speaks for it, so code that a reviewer runs cannot hand in the review.

use base::secret::Secret;
use domain::failure::{Failure, FailureKind};
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::conversation::{Conversation, Done, Next, protocol};
use super::waiting::Waiting;
use super::{Activity, Driver, End, Host, Session, Then};
use crate::sandbox::{Sandbox, Spec};
use messages::{FromGuest, Signed, Start, ToGuest};

mod command;
pub mod guest;
mod messages;
mod model;
mod patch;
mod sse;
mod toolbox;
mod trouble;

/// A command may take this part of the time after which silence counts as a stall.
const COMMAND_SHARE: f64 = 0.8;

/// Drives the built-in agent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Builtin;

impl Driver for Builtin {
    fn name(&self) -> &'static str {
        "builtin"
    }

    fn run<'a>(
        &'a self,
        sandbox: &'a Sandbox,
        spec: Spec,
        session: Session,
        host: Host,
    ) -> BoxFuture<'a, End> {
        Box::pin(async move {
            match start(sandbox, spec, &session, host).await {
                Ok(mut talk) => {
                    let end = listen(&mut talk, &session).await;
                    talk.finish(end).await
                }
                Err(failure) => End::Failed(failure),
            }
        })
    }
}

async fn start(
    sandbox: &Sandbox,
    mut spec: Spec,
    session: &Session,
    host: Host,
) -> Result<Conversation, Failure> {
    let launcher = sandbox.inside(&spec).launcher.display().to_string();
    spec.program = vec![launcher, "builtin-agent".to_owned()];
    Conversation::start(sandbox, &spec, host, session.token.clone(), session.limits).await
}

async fn listen(talk: &mut Conversation, session: &Session) -> Result<Done, Failure> {
    let key = Secret::random();
    let start = Start {
        key: key.expose().to_owned(),
        prompt: session.prompt.clone(),
        instructions: session.instructions.clone(),
        model: session.model.clone().unwrap_or_default(),
        token: session.token.expose().to_owned(),
        socket: talk.inside().gateway_socket.clone(),
        workspace: talk.inside().workspace.clone(),
        tools: session.tools.clone(),
        max_turns: session.limits.max_turns,
        max_command_ms: longest_command(session),
        session: format!("{}-{}", session.run, session.attempt),
    };
    if session.resume.is_some() {
        let text = "the built-in agent keeps no conversation; it begins anew".to_owned();
        talk.tell(Activity::Noticed { event: "resume_refused".to_owned(), text }).await;
    }
    talk.send(&encode(&ToGuest::Start(Box::new(start)))?).await?;
    let mut turns = 1;
    turn_began(talk, turns).await;
    loop {
        let said = match talk.next().await? {
            Next::Interrupt => {
                talk.send(&encode(&ToGuest::Interrupt)?).await?;
                continue;
            }
            Next::Message(message) => heard(talk, session, &key, message, turns).await?,
        };
        let Some(summary) = said else { continue };
        talk.tell(Activity::TurnEnded { n: turns, status: "completed".to_owned() }).await;
        match talk.after(turns).await? {
            Then::Finish => return Ok(Done::Finished(summary)),
            Then::Fail(failure) => return Err(failure),
            Then::Continue { prompt } => {
                talk.send(&encode(&ToGuest::Turn { prompt })?).await?;
                turns += 1;
                turn_began(talk, turns).await;
            }
        }
    }
}

async fn turn_began(talk: &mut Conversation, n: u32) {
    talk.wait_for(Waiting::Turn);
    talk.tell(Activity::TurnStarted { turn: n.to_string(), n }).await;
}

/// A turn's last words, when this was its end.
async fn heard(
    talk: &mut Conversation,
    session: &Session,
    key: &Secret,
    message: Value,
    turn: u32,
) -> Result<Option<String>, Failure> {
    let wrong = |error| protocol(&format!("the built-in agent said what nobody understands: {error}"));
    let said: Signed = serde_json::from_value(message).map_err(wrong)?;
    if !key.matches(&said.key) {
        return Err(protocol("something beside the built-in agent spoke in its place"));
    }
    match said.message {
        FromGuest::Activity { activity } => talk.tell(activity).await,
        FromGuest::ToolCall { id, name, arguments } => {
            let known = session.tools.iter().any(|tool| tool.name == name);
            if !known {
                return Err(protocol("the built-in agent called a tool it was not given"));
            }
            let answer = talk.call_tool(&name, arguments).await?;
            talk.send(&encode(&ToGuest::ToolAnswer { id, answer })?).await?;
        }
        FromGuest::TurnOver { summary } => return Ok(Some(summary)),
        FromGuest::End { end } => {
            let status = if end == End::Interrupted { "interrupted" } else { "failed" }.to_owned();
            talk.tell(Activity::TurnEnded { n: turn, status }).await;
            return Err(ended(end));
        }
    }
    Ok(None)
}

/// Only the host ends a session well: the guest's own end is a failure, or follows an interrupt of which this side
/// knows.
fn ended(end: End) -> Failure {
    match end {
        End::Failed(failure) => failure,
        End::Finished { .. } | End::Blocked { .. } | End::Interrupted => {
            Failure::new(FailureKind::Protocol, "it ended by itself")
        }
    }
}

fn encode(message: &ToGuest) -> Result<Value, Failure> {
    serde_json::to_value(message).map_err(|error| protocol(&format!("a message cannot be written: {error}")))
}

/// Without a limit on silence a command may take as long as the session.
fn longest_command(session: &Session) -> u64 {
    let limits = &session.limits;
    let silence = [limits.stall, limits.turn].into_iter().filter(|limit| !limit.is_zero()).min();
    milliseconds(silence.unwrap_or(limits.deadline).mul_f64(COMMAND_SHARE))
}

fn milliseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
