//! Reads issues, page by page or one by one.
//!
//! Invariant: an issue is not visible only when GitHub says so while the repository itself is visible. A token that lost
//! its rights, and a repository that was renamed, look the same for each issue: those are errors.

use super::{GitHub, pages, parse, settings};
use crate::tracker::{Error, Listing};
use domain::IssueId;
use domain::issue::{Issue, normal};
use futures_util::{StreamExt, TryStreamExt, stream};
use hyper::Uri;
use serde_json::Value;
use std::collections::HashSet;

/// 10000 issues; GitHub itself stops there in many lists.
const MAX_PAGES: usize = 100;
/// Issues that are read at the same time. GitHub asks for few: more bring its secondary limits.
const AT_ONCE: usize = 4;

/// What became of one issue that was asked for.
enum Looked {
    Found(Box<Issue>),
    /// Deleted, for certain.
    Gone,
    /// Deleted or transferred, or we may not see it.
    Unseen,
}

impl GitHub {
    pub(super) async fn by_states(&self, states: &[String]) -> Result<Listing, Error> {
        let wanted: Vec<String> = states.iter().map(|state| normal(state)).collect();
        let has = |state: &str| wanted.iter().any(|wanted| wanted == state);
        let query = match (has(settings::OPEN), has(settings::CLOSED)) {
            (true, true) => "all",
            (true, false) => settings::OPEN,
            (false, true) => settings::CLOSED,
            (false, false) => return Ok(Listing::default()),
        };
        let first = format!("/issues?state={query}&per_page=100&sort=created&direction=asc");
        let (mut listing, mut seen) = (Listing::default(), HashSet::new());
        let mut page_number = 0;
        self.walk(self.api.in_repo(&first)?, |records| {
            page_number += 1;
            for (index, record) in records.iter().enumerate() {
                match parse::issue(record, &self.api.repo) {
                    // They are no issues, and there may be many.
                    Some(_) if parse::is_pull_request(record) => {}
                    Some(issue) if !wanted.contains(&normal(&issue.state)) => {}
                    // An issue that moved while we turned the page is on both.
                    Some(issue) if !seen.insert(issue.id.clone()) => {}
                    Some(issue) => listing.issues.push(issue),
                    None => listing.problems.push(format!(
                        "record {} of page {page_number} is no issue: number, title or state cannot be read",
                        index + 1,
                    )),
                }
            }
        })
        .await?;
        Ok(listing)
    }

    pub(super) async fn by_ids(&self, ids: &[IssueId]) -> Result<Vec<Issue>, Error> {
        // What is no number names no issue here, and never did.
        let mut numbers: Vec<u64> = ids.iter().filter_map(number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let looks = stream::iter(numbers).map(|number| self.look(number)).buffered(AT_ONCE);
        let looked: Vec<Looked> = looks.try_collect().await?;
        if looked.iter().any(|looked| matches!(looked, Looked::Unseen)) {
            self.see_repository().await?;
        }
        let found = looked.into_iter().filter_map(|looked| match looked {
            Looked::Found(issue) => Some(*issue),
            Looked::Gone | Looked::Unseen => None,
        });
        Ok(found.collect())
    }

    /// Hands each page that begins at `first` to `each`.
    pub(super) async fn walk(&self, first: Uri, mut each: impl FnMut(&[Value])) -> Result<(), Error> {
        let (mut at, mut turned) = (first, HashSet::new());
        for _ in 0..MAX_PAGES {
            if !turned.insert(at.to_string()) {
                return Err(Error::Pagination("a page came twice".to_owned()));
            }
            let reply = self.api.get(&at).await?;
            if reply.status != 200 {
                return Err(self.api.client.status(&reply));
            }
            let body = reply.json()?;
            each(body.as_array().ok_or_else(|| Error::Response("there is no list".to_owned()))?);
            match pages::next(&reply.headers, &at)? {
                Some(next) => at = next,
                None => return Ok(()),
            }
        }
        Err(Error::Pagination(format!("there are more than {MAX_PAGES}")))
    }

    async fn look(&self, number: u64) -> Result<Looked, Error> {
        let reply = self.api.get(&self.api.in_repo(&format!("/issues/{number}"))?).await?;
        match reply.status {
            200 => {}
            410 => return Ok(Looked::Gone),
            301 | 404 => return Ok(Looked::Unseen),
            _ => return Err(self.api.client.status(&reply)),
        }
        let issue = parse::issue(&reply.json()?, &self.api.repo)
            .ok_or_else(|| Error::Response(format!("issue {number} cannot be read")))?;
        if issue.id.as_str() != number.to_string() {
            return Err(Error::Response(format!("it answers with {}, and not {number}", issue.identifier)));
        }
        Ok(Looked::Found(Box::new(issue)))
    }

    /// Errors unless the repository is there under its name and we may see it.
    async fn see_repository(&self) -> Result<(), Error> {
        let reply = self.api.get(&self.api.in_repo("")?).await?;
        let repo = &self.api.repo;
        let what = match reply.status {
            200 => return Ok(()),
            301 | 307 | 308 => {
                format!("the repository {repo} was renamed or moved; correct tracker.provider.repo")
            }
            404 => format!("the repository {repo} is gone, or the token may not see it"),
            _ => return Err(self.api.client.status(&reply)),
        };
        Err(Error::Status { status: reply.status, what })
    }
}

/// The issue's number.
pub(super) fn number(id: &IssueId) -> Option<u64> {
    let text = id.as_str();
    let plain = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}
