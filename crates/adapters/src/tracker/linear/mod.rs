//! The `linear` tracker: the issues of one project of Linear's, over its GraphQL API.
//!
//! Its profile is `docs/trackers/linear.md`.

mod api;
mod document;
mod parse;
mod read;
mod settings;
mod tool;
mod webhook;
mod write;

pub use webhook::verify;

use super::http::Client;
use super::registry::{Kind, Scope};
use super::webhook::{Delivery, WebhookError};
use super::{Error, Listing, Mark, Remark, ToolContext, Tracker};
use crate::agent::{ToolAnswer, ToolSpec};
use api::Api;
use base::secret::Secret;
use domain::issue::Issue;
use domain::{IssueId, Timestamp};
use futures_util::future::BoxFuture;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Its line in the registry.
pub(super) const KIND: Kind = Kind { name: "linear", default_states: settings::default_states, open };

/// One project, with one snapshot of its settings.
struct Linear {
    api: Api,
    project: String,
    assignee: Option<String>,
    /// Who `me` is.
    viewer: OnceCell<String>,
    /// States in which a blocker is over, normalised.
    terminal: Vec<String>,
    webhook_secret: Option<Secret>,
    secret_names: Vec<String>,
}

fn open(scope: &Scope<'_>) -> Result<Arc<dyn Tracker>, Error> {
    let checked = settings::check(scope)?;
    let headers = HeaderMap::from_iter([(AUTHORIZATION, checked.authorization)]);
    let client = Client::new(checked.key, headers, checked.timeout, scope.clock);
    Ok(Arc::new(Linear {
        api: Api { client, endpoint: checked.endpoint },
        project: checked.project,
        assignee: checked.assignee,
        viewer: OnceCell::new(),
        terminal: checked.terminal,
        webhook_secret: checked.webhook_secret,
        secret_names: checked.secret_names,
    }))
}

impl Tracker for Linear {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn fetch_by_states<'a>(&'a self, states: &'a [String]) -> BoxFuture<'a, Result<Listing, Error>> {
        Box::pin(async move {
            if states.is_empty() { Ok(Listing::default()) } else { self.by_states(states).await }
        })
    }

    fn fetch_by_ids<'a>(&'a self, ids: &'a [IssueId]) -> BoxFuture<'a, Result<Vec<Issue>, Error>> {
        Box::pin(async move { if ids.is_empty() { Ok(vec![]) } else { self.by_ids(ids).await } })
    }

    fn tools(&self) -> Vec<ToolSpec> {
        vec![tool::spec()]
    }

    fn call_tool<'a>(
        &'a self,
        name: &'a str,
        arguments: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, ToolAnswer> {
        Box::pin(self.answer(name, arguments, context))
    }

    fn secret_names(&self) -> Vec<String> {
        self.secret_names.clone()
    }

    fn move_to<'a>(
        &'a self,
        issue: &'a IssueId,
        state: &'a str,
        mark: &'a Mark,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.move_issue(issue, state, mark))
    }

    fn remark<'a>(
        &'a self,
        issue: &'a IssueId,
        remark: &'a Remark,
        mark: &'a Mark,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.comment(issue, remark, mark))
    }

    fn verify_webhook(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Delivery, WebhookError> {
        verify(headers, body, self.webhook_secret.as_ref().ok_or(WebhookError::NotServed)?, now)
    }
}
