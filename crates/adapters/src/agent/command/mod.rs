//! Any program as an agent: a shell command, started once for each turn, that reads a prompt and may leave a result.
//!
//! Its launcher ([`guest`]) runs inside the sandbox: it is the way to the gateway, gives the program its environment,
//! and says how it ended. Invariants: the run token reaches the launcher over stdin and the program by its environment
//! only; what the program prints is no protocol; nobody but the launcher speaks for it; the session is one process
//! tree, however many turns it has. `docs/agents/command.md` is the program's side.

use base::env::Env;
use base::secret::Secret;
use domain::failure::{Failure, FailureKind};
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::conversation::{Conversation, Done, Next, protocol};
use super::launch::{Shell, forward_port};
use super::waiting::Waiting;
use super::{Activity, Driver, End, Host, Session, Then};
use crate::sandbox::{Sandbox, Spec};
use messages::{FromGuest, Over, Signed, Start, ToGuest};
use report::{Report, Status};

pub mod guest;
mod messages;
mod process;
mod report;

/// Drives a program of the user's own.
#[derive(Clone, Debug)]
pub struct Command {
    shell: Shell,
}

impl Command {
    /// A shell command, run as `bash -lc` in the workspace, with what it names made visible behind the walls; programs
    /// are looked up in `env`. The variables `secrets` are not in its environment, whatever a login profile sets.
    pub fn shell(env: &Env, command: &str, secrets: Vec<String>) -> Command {
        // By these names the launcher hands the run's token over.
        let ours = |name: &String| !guest::TOKEN_NAMES.contains(&name.as_str());
        Command { shell: Shell::new(env, command, secrets.into_iter().filter(ours).collect()) }
    }

    async fn start(
        &self,
        sandbox: &Sandbox,
        spec: &mut Spec,
        session: &Session,
        host: Host,
    ) -> Result<(Conversation, Start), Failure> {
        let (inside, walls) = (sandbox.inside(spec), sandbox.has_walls());
        let port = forward_port(walls).map_err(|error| {
            Failure::new(FailureKind::Workspace, format!("cannot find a port for the command: {error}"))
        })?;
        let program = self.shell.prepare(walls, spec, &inside, "");
        spec.program = vec![inside.launcher.display().to_string(), "command-agent".to_owned()];
        let begun = format!("{}-{}", session.run, session.attempt);
        let start = Start {
            key: Secret::random().expose().to_owned(),
            token: session.token.expose().to_owned(),
            socket: inside.gateway_socket.clone(),
            port,
            files: inside.home.join(".seawall"),
            program,
            run: session.run.clone(),
            title: session.title.clone(),
            model: session.model.clone().unwrap_or_default(),
            resumed: session.resume.is_some(),
            session: session.resume.clone().unwrap_or(begun),
            prompt: prompt(session),
        };
        let talk = Conversation::start(sandbox, spec, host, session.token.clone(), session.limits).await?;
        Ok((talk, start))
    }
}

impl Driver for Command {
    fn name(&self) -> &'static str {
        "command"
    }

    fn run<'a>(
        &'a self,
        sandbox: &'a Sandbox,
        mut spec: Spec,
        session: Session,
        host: Host,
    ) -> BoxFuture<'a, End> {
        Box::pin(async move {
            match self.start(sandbox, &mut spec, &session, host).await {
                Ok((mut talk, start)) => {
                    let end = listen(&mut talk, &session, start).await;
                    talk.finish(end).await
                }
                Err(failure) => End::Failed(failure),
            }
        })
    }
}

async fn listen(talk: &mut Conversation, session: &Session, start: Start) -> Result<Done, Failure> {
    let (key, first) = (Secret::new(start.key.clone()), start.prompt.clone());
    talk.tell(Activity::Started { session: start.session.clone() }).await;
    talk.send(&encode(&ToGuest::Start(Box::new(start)))?).await?;
    let mut turns = 1;
    began(talk, turns).await;
    loop {
        let message = match talk.next().await? {
            Next::Interrupt => {
                talk.send(&encode(&ToGuest::Interrupt)?).await?;
                continue;
            }
            Next::Message(message) => message,
        };
        let Some(over) = heard(talk, &key, message).await? else { continue };
        let prompt = match after(talk, session, turns, over, &first).await? {
            Turned::Done(done) => return Ok(done),
            Turned::Again(prompt) => prompt,
        };
        talk.send(&encode(&ToGuest::Turn { prompt })?).await?;
        turns += 1;
        began(talk, turns).await;
    }
}

enum Turned {
    Done(Done),
    Again(String),
}

/// What follows the end of one process.
async fn after(
    talk: &mut Conversation,
    session: &Session,
    turns: u32,
    over: Over,
    first: &str,
) -> Result<Turned, Failure> {
    let judged = over.judge();
    let status = if judged.is_ok() { "completed" } else { "failed" }.to_owned();
    talk.tell(Activity::TurnEnded { n: turns, status }).await;
    let Report { status, summary, question } = judged?;
    match status {
        Status::Done => match talk.after(turns).await? {
            Then::Finish => Ok(Turned::Done(Done::Finished(summary))),
            Then::Continue { prompt } => Ok(Turned::Again(prompt)),
            Then::Fail(failure) => Err(failure),
        },
        Status::Continue => {
            let max = session.limits.max_turns;
            if max > 0 && turns >= max {
                let detail = format!("not done after its program was started {max} times");
                return Err(Failure::new(FailureKind::TurnsExhausted, detail));
            }
            Ok(Turned::Again(first.to_owned()))
        }
        Status::Blocked => {
            let question = if question.is_empty() { summary } else { question };
            Ok(Turned::Done(Done::Blocked(question)))
        }
        Status::Failed => {
            Err(Failure::new(FailureKind::Exited, format!("it says that it failed: {summary}")))
        }
    }
}

async fn began(talk: &mut Conversation, n: u32) {
    talk.wait_for(Waiting::Turn);
    talk.tell(Activity::TurnStarted { turn: n.to_string(), n }).await;
}

/// How the process ended, when it did.
async fn heard(talk: &mut Conversation, key: &Secret, message: Value) -> Result<Option<Over>, Failure> {
    let wrong = |error| protocol(&format!("the command's launcher said what nobody understands: {error}"));
    let said: Signed = serde_json::from_value(message).map_err(wrong)?;
    if !key.matches(&said.key) {
        return Err(protocol("something beside the command's launcher spoke in its place"));
    }
    match said.message {
        FromGuest::Activity { activity } => {
            talk.tell(activity).await;
            Ok(None)
        }
        FromGuest::Over(over) => {
            talk.tell(over.activity()).await;
            Ok(Some(over))
        }
        FromGuest::Failed { failure } => Err(failure),
    }
}

/// A program has no other place for instructions.
fn prompt(session: &Session) -> String {
    let Session { instructions, prompt, .. } = session;
    if instructions.is_empty() { prompt.clone() } else { format!("{instructions}\n\n{prompt}") }
}

fn encode(message: &ToGuest) -> Result<Value, Failure> {
    serde_json::to_value(message).map_err(|error| protocol(&format!("a message cannot be written: {error}")))
}
