//! The `github` tracker: the issues of one repository of GitHub's, over its REST API.
//!
//! Its profile is `docs/trackers/github.md`.

mod api;
mod cache;
mod pages;
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
use hyper::header::{ACCEPT, AUTHORIZATION, HeaderName, HeaderValue};
use serde_json::Value;
use std::sync::Arc;

/// Its line in the registry. GitHub's states say little; the workflow has to say that they are meant.
pub(super) const KIND: Kind = Kind { name: "github", default_states: || None, open };

/// One repository, with one snapshot of its settings.
struct GitHub {
    api: Api,
    webhook_secret: Option<Secret>,
    secret_names: Vec<String>,
}

fn open(scope: &Scope<'_>) -> Result<Arc<dyn Tracker>, Error> {
    let checked = settings::check(scope)?;
    let headers = HeaderMap::from_iter([
        (AUTHORIZATION, checked.authorization),
        (ACCEPT, HeaderValue::from_static("application/vnd.github+json")),
        (HeaderName::from_static("x-github-api-version"), HeaderValue::from_static("2022-11-28")),
    ]);
    let client = Client::new(checked.token, headers, checked.timeout, scope.clock);
    let base = checked.api_url.to_string().trim_end_matches('/').to_owned();
    Ok(Arc::new(GitHub {
        api: Api { client, base, repo: checked.repo, cache: cache::Cache::default() },
        webhook_secret: checked.webhook_secret,
        secret_names: checked.secret_names,
    }))
}

impl Tracker for GitHub {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn fetch_by_states<'a>(&'a self, states: &'a [String]) -> BoxFuture<'a, Result<Listing, Error>> {
        Box::pin(self.by_states(states))
    }

    fn fetch_by_ids<'a>(&'a self, ids: &'a [IssueId]) -> BoxFuture<'a, Result<Vec<Issue>, Error>> {
        Box::pin(self.by_ids(ids))
    }

    fn tools(&self) -> Vec<ToolSpec> {
        vec![tool::spec(&self.api.repo)]
    }

    fn call_tool<'a>(
        &'a self,
        name: &'a str,
        arguments: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, ToolAnswer> {
        Box::pin(async move { self.answer(name, &arguments, context).await })
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
