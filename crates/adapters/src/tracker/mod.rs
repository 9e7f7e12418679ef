//! Talks to trackers: where people keep issues. One folder for each kind, behind one contract.
//!
//! Invariants:
//! - a tracker that cannot be read is an error, never an empty list; otherwise a blip would look as if every issue
//!   had been withdrawn;
//! - a refresh by id that succeeds is complete: what it does not name is certainly not visible;
//! - credentials stay here: an agent sees results of its tools, never a token.
//!
//! `docs/trackers/` has the profile of each: keys, defaults, secrets, scope, paging, mapping, tools and errors.

mod error;
pub mod files;
pub mod github;
mod http;
pub mod linear;
pub mod memory;
mod native;
mod normal;
mod registry;
mod settings;
pub mod tool;
pub mod webhook;

pub use error::{Category, Error};
pub use registry::{Scope, default_states, kinds, open};

use crate::agent::{ToolAnswer, ToolSpec};
use domain::issue::Issue;
use domain::{Fence, IssueId, RunId, Timestamp};
use futures_util::future::BoxFuture;
use hyper::HeaderMap;
use serde_json::Value;
use webhook::{Delivery, WebhookError};

/// What a reading by states found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Issues, in the tracker's own order.
    pub issues: Vec<Issue>,
    /// Records that are no issues and were left out, each in a line that says which and why.
    pub problems: Vec<String>,
}

/// In whose name something is written: every write carries it, so that one of an older claim can be told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The run.
    pub run: RunId,
    /// Its claim.
    pub fence: Fence,
}

/// What Seawall itself says under an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// In whose name people read it.
    pub author: String,
    /// Markdown.
    pub text: String,
    /// When; together with author and text it makes the same remark one remark, however often it is asked for.
    pub at: Timestamp,
}

/// For whom a tool is answered.
#[derive(Clone, Debug)]
pub struct ToolContext {
    /// The issue as it reads now.
    pub issue: Issue,
    /// The claim that calls.
    pub mark: Mark,
    /// The agent's name, for what people read.
    pub author: String,
    /// Now.
    pub now: Timestamp,
}

/// A tracker, bound to one scope (project, repository, folder) and one snapshot of its settings.
pub trait Tracker: Send + Sync {
    /// The value of `tracker.kind` that selects it.
    fn kind(&self) -> &'static str;

    /// The scope's issues in any of `states` (compared without case and outer blanks), also those that are withheld.
    /// No states: no issues, and nothing is asked.
    fn fetch_by_states<'a>(&'a self, states: &'a [String]) -> BoxFuture<'a, Result<Listing, Error>>;

    /// The issues called `ids` as they read now, each once; one that is not named is not visible in the scope. A record
    /// that cannot be read is an error. No ids: no issues, and nothing is asked.
    fn fetch_by_ids<'a>(&'a self, ids: &'a [IssueId]) -> BoxFuture<'a, Result<Vec<Issue>, Error>>;

    /// The tools of its own that an agent may call.
    fn tools(&self) -> Vec<ToolSpec>;

    /// Answers one of [`Tracker::tools`]. Must not trust the arguments.
    fn call_tool<'a>(
        &'a self,
        name: &'a str,
        arguments: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, ToolAnswer>;

    /// Environment variables that hold its secrets: no agent and no hook inherits them.
    fn secret_names(&self) -> Vec<String>;

    /// Moves an issue to a state. One that is there already is left alone.
    fn move_to<'a>(
        &'a self,
        issue: &'a IssueId,
        state: &'a str,
        mark: &'a Mark,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// Adds a remark, once.
    fn remark<'a>(
        &'a self,
        issue: &'a IssueId,
        remark: &'a Remark,
        mark: &'a Mark,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// Whether a delivery comes from the provider and is not stale. It tells nothing but that the tracker is worth
    /// reading now; whether it came before is [`webhook::Seen`]'s business.
    fn verify_webhook(
        &self,
        _headers: &HeaderMap,
        _body: &[u8],
        _now: Timestamp,
    ) -> Result<Delivery, WebhookError> {
        Err(WebhookError::NotServed)
    }
}
