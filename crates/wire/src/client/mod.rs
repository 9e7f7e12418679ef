//! A typed client of the control door, for the command line and for tests.
//!
//! Invariants: every answer is bounded in bytes and in time; the secret is sent to the configured address and
//! is in no error. One connection per request: commands make a handful of them.

mod error;
mod feed;
mod send;

pub use error::Error;
pub use feed::Feed;

use crate::order::{LiftRequest, LiftView, OrderPreview, OrderRequest, OrderView};
use crate::{
    BudgetView, EventView, Page, PauseRequest, PauseView, ResumeRequest, RunDetail, RunState, RunSummary,
    State, Trace, WhyView,
};
use hyper::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::time::Duration;

/// How long a connection may take on this machine or next door.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a whole answer may take; the slowest is a long trace.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Talks to one control door. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    /// `host:port`.
    address: String,
    secret: Option<String>,
    answer_timeout: Duration,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the control door at `address` (`host:port`); `secret` is sent as a bearer.
    pub fn new(address: impl Into<String>, secret: Option<String>) -> Self {
        Self { address: address.into(), secret, answer_timeout: ANSWER_TIMEOUT }
    }

    /// The same client with another limit for a whole answer.
    #[must_use]
    pub fn with_answer_timeout(mut self, timeout: Duration) -> Self {
        self.answer_timeout = timeout;
        self
    }

    /// One page of runs, newest first.
    pub async fn runs(
        &self,
        state: RunState,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<RunSummary>, Error> {
        let mut path = format!("/api/v1/runs?state={}&limit={limit}", state.name());
        if let Some(cursor) = cursor {
            path.push_str("&cursor=");
            path.push_str(&encoded(cursor));
        }
        self.get(&path).await
    }

    /// One run.
    pub async fn run(&self, id: &str) -> Result<RunDetail, Error> {
        self.get(&format!("/api/v1/runs/{}", encoded(id))).await
    }

    /// The trace of a run.
    pub async fn trace(&self, id: &str) -> Result<Trace, Error> {
        self.get(&format!("/api/v1/runs/{}/trace", encoded(id))).await
    }

    /// What happened to a run after `after` (a `next` of an earlier page), oldest first.
    pub async fn log(&self, id: &str, after: Option<&str>) -> Result<Page<EventView>, Error> {
        let after = after.map(|seq| format!("?after={}", encoded(seq))).unwrap_or_default();
        self.get(&format!("/api/v1/runs/{}/log{after}", encoded(id))).await
    }

    /// Gives an order. Its receipts come later: ask for [`Client::order`].
    pub async fn give(&self, request: &OrderRequest) -> Result<OrderView, Error> {
        self.post("/api/v1/orders", request).await
    }

    /// Whom an order would reach; `request.dry_run` must be set.
    pub async fn preview(&self, request: &OrderRequest) -> Result<OrderPreview, Error> {
        self.post("/api/v1/orders", request).await
    }

    /// One order with its receipts so far.
    pub async fn order(&self, id: &str) -> Result<OrderView, Error> {
        self.get(&format!("/api/v1/orders/{}", encoded(id))).await
    }

    /// One page of orders, newest first.
    pub async fn orders(&self, cursor: Option<&str>) -> Result<Page<OrderView>, Error> {
        let cursor = cursor.map(|c| format!("?cursor={}", encoded(c))).unwrap_or_default();
        self.get(&format!("/api/v1/orders{cursor}")).await
    }

    /// Ends a containment.
    pub async fn lift(&self, request: &LiftRequest) -> Result<LiftView, Error> {
        self.post("/api/v1/lifts", request).await
    }

    /// How the budgets stand.
    pub async fn budgets(&self) -> Result<Page<BudgetView>, Error> {
        self.get("/api/v1/budgets").await
    }

    /// How each project stands.
    pub async fn pauses(&self) -> Result<Page<PauseView>, Error> {
        self.get("/api/v1/pauses").await
    }

    /// Has a project start no work.
    pub async fn pause(&self, request: &PauseRequest) -> Result<PauseView, Error> {
        self.post("/api/v1/pauses", request).await
    }

    /// Lets a project start work again.
    pub async fn resume(&self, request: &ResumeRequest) -> Result<PauseView, Error> {
        self.post("/api/v1/resumes", request).await
    }

    /// Why an issue is, or is not, being worked on.
    pub async fn why(&self, issue: &str) -> Result<WhyView, Error> {
        self.get(&format!("/api/v1/why/{}", encoded(issue))).await
    }

    /// Symphony's overview.
    pub async fn state(&self) -> Result<State, Error> {
        self.get("/api/v1/state").await
    }

    /// Whether the control door answers at all; needs no secret.
    pub async fn healthy(&self) -> Result<(), Error> {
        self.request(Method::GET, "/healthz", Vec::new()).await.map(drop)
    }

    /// The live feed of everything, from after `last` on.
    pub async fn events(&self, last: Option<u64>) -> Result<Feed, Error> {
        Feed::open(self, last).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.read(&self.request(Method::GET, path, Vec::new()).await?)
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        let body = serde_json::to_vec(body).map_err(|source| self.unreadable(source))?;
        self.read(&self.request(Method::POST, path, body).await?)
    }

    fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(body).map_err(|source| self.unreadable(source))
    }

    fn unreadable(&self, source: serde_json::Error) -> Error {
        Error::Unreadable { address: self.address.clone(), source }
    }
}

/// `text` as one segment of a path or one value of a query (RFC 3986: all but unreserved is escaped).
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests;
