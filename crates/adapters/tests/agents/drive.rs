//! Runs one session of a driver on a stage, and keeps what it told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adapters::agent::{
    Activity, Driver, End, Host, MAX_LINE_BYTES, OneTurn, Session, SessionLimits, Then, ToolAnswer, ToolHost,
    ToolSpec, TurnHost,
};
use adapters::sandbox::{Sandbox, Spec};
use base::secret::Secret;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub const TOKEN: &str = "run-token-AbC123";

/// One tool, `set_issue`, that says what it was given.
struct Echo;

impl ToolHost for Echo {
    fn call<'a>(&'a self, name: &'a str, arguments: Value) -> BoxFuture<'a, ToolAnswer> {
        Box::pin(async move { ToolAnswer { ok: true, text: format!("{name} got {}", arguments["state"]) } })
    }
}

pub fn session() -> Session {
    let schema =
        json!({"type": "object", "properties": {"state": {"type": "string"}}, "required": ["state"]});
    Session {
        run: "r1".to_owned(),
        attempt: 1,
        prompt: "make it so".to_owned(),
        instructions: "be brief".to_owned(),
        title: "SHOP-1: make it so".to_owned(),
        model: Some("fake-model".to_owned()),
        resume: None,
        settings: json!({}),
        token: Secret::new(TOKEN),
        tools: vec![ToolSpec {
            name: "set_issue".to_owned(),
            description: "moves the issue".to_owned(),
            input_schema: schema,
        }],
        limits: SessionLimits {
            max_turns: 10,
            stall: Duration::from_secs(30),
            read: Duration::from_secs(30),
            turn: Duration::from_secs(30),
            deadline: Duration::from_secs(60),
            max_line: MAX_LINE_BYTES,
            max_garbage_bytes: 1 << 20,
        },
    }
}

pub struct Driven {
    pub end: End,
    pub told: Vec<Activity>,
}

impl Driven {
    /// The agent's own name for the session.
    pub fn session(&self) -> Option<&str> {
        self.told
            .iter()
            .find_map(|a| if let Activity::Started { session } = a { Some(session.as_str()) } else { None })
    }

    /// How each of its turns ended.
    pub fn turns(&self) -> Vec<&str> {
        let told = self.told.iter();
        told.filter_map(
            |a| if let Activity::TurnEnded { status, .. } = a { Some(status.as_str()) } else { None },
        )
        .collect()
    }

    pub fn noticed(&self, name: &str) -> bool {
        self.told.iter().any(|a| matches!(a, Activity::Noticed { event, .. } if event == name))
    }

    pub fn failure(&self) -> &'static str {
        match &self.end {
            End::Failed(failure) => failure.kind.name(),
            End::Finished { .. } => "finished",
            End::Blocked { .. } => "blocked",
            End::Interrupted => "interrupted",
        }
    }
}

pub async fn drive(driver: &dyn Driver, sandbox: &Sandbox, spec: Spec, session: Session) -> Driven {
    drive_until(driver, sandbox, spec, session, std::future::pending()).await
}

/// Continues the session with each of `prompts`, then finishes it.
pub struct Prompts(Mutex<VecDeque<String>>);

impl Prompts {
    pub fn new(prompts: &[&str]) -> Arc<Prompts> {
        Arc::new(Prompts(Mutex::new(prompts.iter().map(|prompt| (*prompt).to_owned()).collect())))
    }
}

impl TurnHost for Prompts {
    fn after<'a>(&'a self, _finished: u32) -> BoxFuture<'a, Then> {
        let next = self.0.lock().unwrap().pop_front();
        Box::pin(std::future::ready(next.map_or(Then::Finish, |prompt| Then::Continue { prompt })))
    }
}

/// Interrupts the session once `enough` completes.
pub async fn drive_until(
    driver: &dyn Driver,
    sandbox: &Sandbox,
    spec: Spec,
    session: Session,
    enough: impl Future<Output = ()>,
) -> Driven {
    drive_turns(driver, sandbox, spec, session, Arc::new(OneTurn), enough).await
}

/// Has `turns` say what follows each turn; interrupts once `enough` completes.
pub async fn drive_turns(
    driver: &dyn Driver,
    sandbox: &Sandbox,
    spec: Spec,
    session: Session,
    turns: Arc<dyn TurnHost>,
    enough: impl Future<Output = ()>,
) -> Driven {
    let (activity, mut inbox) = mpsc::channel(4);
    let interrupt = CancellationToken::new();
    let host = Host { tools: Arc::new(Echo), turns, activity, interrupt: interrupt.clone() };
    let listen = async {
        let mut told = Vec::new();
        while let Some(activity) = inbox.recv().await {
            told.push(activity);
        }
        told
    };
    let asking = async {
        enough.await;
        interrupt.cancel();
        std::future::pending().await
    };
    let driving = async { tokio::join!(driver.run(sandbox, spec, session, host), listen) };
    tokio::select! {
        (end, told) = driving => Driven { end, told },
        () = asking => unreachable!("it never ends"),
    }
}
