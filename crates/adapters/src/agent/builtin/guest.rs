//! The hidden entry `seawall builtin-agent`: the half of the built-in agent that runs inside the sandbox.
//!
//! Speaks JSON lines on stdio with the host's half. Invariants: the token and the key of its messages live in memory
//! only, which the commands it runs cannot read; the conversation with the model is what the model said and what the
//! tools answered, nothing is added or forgotten.

use std::io;
use std::time::Duration;

use base::secret::Secret;
use domain::call::Usage;
use domain::failure::{Failure, FailureKind};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::messages::{FromGuest, Signed, Start, ToGuest};
use super::model::{Answer, Model};
use super::toolbox::{Call, Toolbox};
use super::trouble::Trouble;
use crate::agent::guest::{self, Error, Lines, hear};
use crate::agent::{Activity, End, ToolAnswer};

/// A request to the model is made again this often before the agent gives up.
const MAX_RETRIES: u32 = 6;
/// The first pause between two tries; doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause of our own choosing.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// The longest pause a server may ask for: clients that obey any number were seen to sleep for minutes.
const LONGEST_ASKED_PAUSE: Duration = Duration::from_secs(60);
/// Answers of the host that may wait: it answers one call at a time.
const ANSWERS: usize = 4;

/// Works until the end, and returns the exit code.
pub fn main() -> Result<i32, Error> {
    guest::main(talk)
}

async fn talk(mut lines: Lines) -> Result<(), Error> {
    let Some(ToGuest::Start(start)) = hear(&mut lines).await? else { return Err(Error::Start) };
    let (heard, said) = mpsc::channel(ANSWERS);
    let interrupt = CancellationToken::new();
    tokio::spawn(listen(lines, heard, interrupt.clone()));
    let host = Host { key: start.key.clone() };
    let mut guest = Guest::new(&start, said);
    let end = tokio::select! {
        ended = guest.work(&start) => match ended {
            Ok(never) => match never {},
            Err(failure) => End::Failed(failure),
        },
        () = interrupt.cancelled() => End::Interrupted,
    };
    host.say(FromGuest::End { end }).await.map_err(Error::Io)
}

/// Sorts what the host says. A host that is gone, or not understood, is an interrupt.
async fn listen(mut lines: Lines, heard: mpsc::Sender<Heard>, interrupt: CancellationToken) {
    loop {
        let said = match hear(&mut lines).await {
            Ok(Some(ToGuest::ToolAnswer { id, answer })) => Heard::Answer(id, answer),
            Ok(Some(ToGuest::Turn { prompt })) => Heard::Turn(prompt),
            Ok(Some(ToGuest::Start(_) | ToGuest::Interrupt) | None) | Err(_) => break,
        };
        if heard.send(said).await.is_err() {
            break;
        }
    }
    interrupt.cancel();
}

/// What the host said, sorted.
enum Heard {
    Answer(u64, ToolAnswer),
    Turn(String),
}

/// The way to the host's half.
struct Host {
    key: String,
}

impl Host {
    async fn say(&self, message: FromGuest) -> io::Result<()> {
        guest::say(&Signed { key: self.key.clone(), message }).await
    }

    async fn tell(&self, activity: Activity) -> Result<(), Failure> {
        self.say(FromGuest::Activity { activity }).await.map_err(host_gone)
    }
}

fn host_gone(error: io::Error) -> Failure {
    Failure::new(FailureKind::Protocol, format!("the host does not listen: {error}"))
}

struct Guest {
    host: Host,
    model: Model,
    toolbox: Toolbox,
    heard: mpsc::Receiver<Heard>,
    calls: u64,
    requests: u32,
    used: Usage,
}

impl Guest {
    fn new(start: &Start, heard: mpsc::Receiver<Heard>) -> Guest {
        let toolbox = Toolbox::new(start);
        let model = Model::new(start, Secret::new(start.token.clone()), toolbox.descriptions());
        Guest {
            host: Host { key: start.key.clone() },
            model,
            toolbox,
            heard,
            calls: 0,
            requests: 0,
            used: Usage::default(),
        }
    }

    async fn work(&mut self, start: &Start) -> Result<std::convert::Infallible, Failure> {
        self.host.tell(Activity::Started { session: start.session.clone() }).await?;
        let prompt = json!({"type": "input_text", "text": start.prompt});
        let mut input = vec![json!({"type": "message", "role": "user", "content": [prompt]})];
        loop {
            let summary = self.turn(start.max_turns, &mut input).await?;
            self.host.say(FromGuest::TurnOver { summary }).await.map_err(host_gone)?;
            let prompt = json!({"type": "input_text", "text": self.next_prompt().await?});
            input.push(json!({"type": "message", "role": "user", "content": [prompt]}));
        }
    }

    /// Asks and carries out until the model wants nothing more; its last words.
    async fn turn(&mut self, max_requests: u32, input: &mut Vec<Value>) -> Result<String, Failure> {
        loop {
            if max_requests > 0 && self.requests >= max_requests {
                let detail = format!("not done after {max_requests} requests to the model");
                return Err(Failure::new(FailureKind::TurnsExhausted, detail));
            }
            self.requests += 1;
            self.host.tell(Activity::Turn { n: self.requests }).await?;
            let answer = self.ask(input).await?;
            self.used = self.used.plus(answer.usage);
            self.host.tell(Activity::Usage { total: self.used }).await?;
            let (calls, said) = (answer.calls(), answer.said());
            for text in &said {
                self.host.tell(Activity::Said { text: text.clone() }).await?;
            }
            input.extend(answer.items);
            if calls.is_empty() {
                return Ok(said.join("\n"));
            }
            for call in calls {
                input.push(self.carry_out(call).await?);
            }
        }
    }

    async fn next_prompt(&mut self) -> Result<String, Failure> {
        loop {
            match self.heard.recv().await {
                Some(Heard::Turn(prompt)) => return Ok(prompt),
                Some(Heard::Answer(..)) => {}
                None => return Err(host_gone(io::ErrorKind::BrokenPipe.into())),
            }
        }
    }

    /// Asks the model, again where that can help.
    async fn ask(&self, input: &[Value]) -> Result<Answer, Failure> {
        let mut pause = FIRST_PAUSE;
        for _ in 0..MAX_RETRIES {
            let (why, after) = match self.model.respond(input).await {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Final(failure)) => return Err(failure),
                Err(Trouble::Passing { why, after }) => (why, after),
            };
            self.host.tell(Activity::Retrying { why }).await?;
            tokio::time::sleep(after.map_or(pause, |asked| asked.min(LONGEST_ASKED_PAUSE))).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        match self.model.respond(input).await {
            Ok(answer) => Ok(answer),
            Err(Trouble::Final(failure)) => Err(failure),
            Err(Trouble::Passing { why, .. }) => {
                Err(Failure::new(FailureKind::Model, format!("{why}, {} times in a row", MAX_RETRIES + 1)))
            }
        }
    }

    async fn carry_out(&mut self, call: Call) -> Result<Value, Failure> {
        if self.toolbox.is_hosts(&call.name) {
            let answer = self.ask_host(&call).await?;
            return Ok(call.output(&answer.text));
        }
        let (text, activity) = self.toolbox.use_own(&call).await;
        if let Some(activity) = activity {
            self.host.tell(activity).await?;
        }
        Ok(call.output(&text))
    }

    async fn ask_host(&mut self, call: &Call) -> Result<ToolAnswer, Failure> {
        self.calls += 1;
        let (id, name) = (self.calls, call.name.clone());
        let arguments = match call.arguments() {
            Ok(arguments) => arguments,
            Err(text) => return Ok(ToolAnswer { ok: false, text }),
        };
        self.host.say(FromGuest::ToolCall { id, name, arguments }).await.map_err(host_gone)?;
        loop {
            match self.heard.recv().await {
                Some(Heard::Answer(answered, answer)) if answered == id => return Ok(answer),
                Some(Heard::Answer(..) | Heard::Turn(_)) => {}
                None => return Err(host_gone(io::ErrorKind::BrokenPipe.into())),
            }
        }
    }
}
