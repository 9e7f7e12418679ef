//! What the door asks of the engine: a few verbs, and nothing else can be done from outside.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::HeaderMap;
use domain::call::Usage;
use domain::containment::{Lift, Mode, Order, Scope};
use domain::{ProjectName, RunId, Timestamp};
use futures_util::future::BoxFuture;
use serde_json::Value;

/// The engine as the door sees it. The real one and the fake of the tests are its two implementations.
pub trait Control: Send + Sync {
    /// Records the order and sets every layer to work; answers once the order is durable, before the proofs.
    fn give_order(&self, wanted: WantedOrder) -> BoxFuture<'_, Result<Order, Error>>;

    /// Ends the containment of `scope`.
    fn lift(&self, scope: Scope, reason: String, actor: String) -> BoxFuture<'_, Result<Lift, Error>>;

    /// Wakes the reconciler: trackers are read now, not at the next tick. True: somebody had asked already, and the
    /// reading had not begun.
    fn refresh(&self) -> BoxFuture<'_, bool>;

    /// What each attempt that lives in this process reported so far.
    fn live(&self) -> BoxFuture<'_, Vec<(RunId, Live)>>;

    /// The rate limits that any agent told last, also one that has ended.
    fn rate_limits(&self) -> BoxFuture<'_, Option<Value>>;

    /// A tracker of `project` says that something happened. One that is signed, fresh and new has it read now.
    fn webhook(&self, project: ProjectName, headers: HeaderMap, body: Bytes) -> BoxFuture<'_, Webhook>;

    /// Something changed that may let work start: the schedule is looked at anew.
    fn reschedule(&self) -> BoxFuture<'_, ()>;

    /// Each part that must work before work may start, and what is wrong with it.
    fn readiness(&self) -> BoxFuture<'_, Vec<Part>>;
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Webhook {
    /// The tracker is read now.
    Taken,
    /// It came before.
    Replayed,
    /// It is not what it should be; the text says why.
    Refused(String),
}

/// A live attempt, as its agent tells it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live {
    /// The agent's `thread-turn`, once it named them.
    pub session: Option<String>,
    /// Turns begun.
    pub turns: u32,
    /// The name of what it did last.
    pub last_event: Option<String>,
    /// The same in a few words.
    pub last_message: String,
    /// When.
    pub last_at: Option<Timestamp>,
    /// Tokens of this attempt.
    pub tokens: Usage,
    /// What its provider allows, as it told last.
    pub rate_limits: Option<Value>,
    /// When its process appeared.
    pub started_at: Option<Timestamp>,
}

/// A shared [`Control`].
pub type SharedControl = Arc<dyn Control>;

/// An order that a person wants to be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedOrder {
    /// Whom it reaches.
    pub scope: Scope,
    /// How.
    pub mode: Mode,
    /// Why, in the person's words; not empty.
    pub reason: String,
    /// Who gives it.
    pub actor: String,
    /// When it was asked for.
    pub now: Timestamp,
}

/// One part of the installation and whether it works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name: `store`, `kill_plane`, `tracker/shop`.
    pub name: String,
    /// What is wrong with it and how to mend it.
    pub state: Result<(), String>,
}

/// The part without which nothing may be started, and so the server is not ready.
pub const KILL_PLANE: &str = "kill_plane";

/// Why the engine did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The scope names nothing that is known.
    #[error("nothing is called {0}; see `seawall runs` for what there is")]
    UnknownScope(Scope),
    /// There is no containment to lift.
    #[error("{0} is not stopped; there is nothing to lift")]
    NotStopped(Scope),
    /// The order could not be made durable.
    #[error("the order was not recorded: {0}; use `seawall kill`, which works without the control door")]
    Unavailable(String),
}
