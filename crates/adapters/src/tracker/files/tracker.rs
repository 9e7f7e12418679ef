//! The folder as a [`Tracker`].

use super::{Error, Fetched, FilesTracker};
use crate::agent::{ToolAnswer, ToolSpec};
use crate::tracker::registry::{Kind, Scope};
use crate::tracker::settings::Settings;
use crate::tracker::tool;
use crate::tracker::{self, Listing, Mark, Remark, ToolContext, Tracker};
use base::error::chain;
use domain::IssueId;
use domain::issue::{Issue, States, normal};
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::sync::Arc;

/// The folder of issues beside WORKFLOW.md, unless `provider.path` says otherwise.
const DEFAULT_PATH: &str = "issues";

/// Its line in the registry.
pub(in crate::tracker) const KIND: Kind =
    Kind { name: "files", default_states: || Some(States::default()), open };

fn open(scope: &Scope<'_>) -> Result<Arc<dyn Tracker>, tracker::Error> {
    let path = Settings::of(scope.provider, scope.env)?.text("path", None)?;
    let folder = scope.folder.join(path.as_deref().unwrap_or(DEFAULT_PATH));
    Ok(Arc::new(FilesTracker::new(folder, &scope.states.terminal)))
}

impl Tracker for FilesTracker {
    fn kind(&self) -> &'static str {
        "files"
    }

    fn fetch_by_states<'a>(&'a self, states: &'a [String]) -> BoxFuture<'a, Result<Listing, tracker::Error>> {
        Box::pin(async move {
            if states.is_empty() {
                return Ok(Listing::default());
            }
            let wanted: Vec<String> = states.iter().map(|state| normal(state)).collect();
            let listing = self.list().await?;
            let issues = listing.issues.into_iter().filter(|issue| wanted.contains(&normal(&issue.state)));
            let problems = listing.problems.iter().map(ToString::to_string).collect();
            Ok(Listing { issues: issues.collect(), problems })
        })
    }

    fn fetch_by_ids<'a>(&'a self, ids: &'a [IssueId]) -> BoxFuture<'a, Result<Vec<Issue>, tracker::Error>> {
        Box::pin(async move {
            if ids.is_empty() {
                return Ok(vec![]);
            }
            let Fetched { issues, missing: _, unsure } = self.fetch(ids).await?;
            match unsure.first() {
                // It may be the file that cannot be read: gone is something else.
                Some(id) => Err(tracker::Error::Response(format!(
                    "{id} was not found, and a file of the folder cannot be read and may be it"
                ))),
                None => Ok(issues),
            }
        })
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
        Box::pin(tool::answer(self, name, arguments, context))
    }

    fn secret_names(&self) -> Vec<String> {
        vec![]
    }

    fn move_to<'a>(
        &'a self,
        issue: &'a IssueId,
        state: &'a str,
        _mark: &'a Mark,
    ) -> BoxFuture<'a, Result<(), tracker::Error>> {
        Box::pin(async move { Ok(FilesTracker::move_to(self, issue, state).await?) })
    }

    fn remark<'a>(
        &'a self,
        issue: &'a IssueId,
        remark: &'a Remark,
        _mark: &'a Mark,
    ) -> BoxFuture<'a, Result<(), tracker::Error>> {
        Box::pin(async move { Ok(self.comment(issue, &remark.author, &remark.text, remark.at).await?) })
    }
}

impl From<Error> for tracker::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::NoIssue(id) => Self::NoIssue(id),
            Error::BadText(why) => Self::Refused(why.to_owned()),
            Error::Unavailable { .. }
            | Error::TooMany { .. }
            | Error::Unfit(_)
            | Error::Contended { .. }
            | Error::Write { .. } => Self::Request(chain(&error)),
        }
    }
}
