//! Opens, closes, and comments on issues.

use super::{GitHub, parse, read, settings};
use crate::tracker::http::Reply;
use crate::tracker::{Error, Mark, Remark, normal};
use domain::issue::normal as same;
use domain::{IssueId, Timestamp};
use hyper::Method;
use serde_json::{Value, json};

/// GitHub takes 65536 characters; author and marker need a few.
const MAX_TEXT_CHARS: usize = 60_000;
/// How far GitHub's clock may be from ours when we look for a remark of ours.
const CLOCK_SLACK_US: i64 = 24 * 60 * 60 * 1_000_000;

impl GitHub {
    pub(super) async fn move_issue(&self, id: &IssueId, state: &str, mark: &Mark) -> Result<(), Error> {
        let wanted = same(state);
        if wanted != settings::OPEN && wanted != settings::CLOSED {
            return Err(Error::Refused(format!("GitHub has no state {state:?}; it has open and closed")));
        }
        let address = self.api.in_repo(&format!("/issues/{}", known(id)?))?;
        let record = self.told(self.api.get(&address).await?, id)?;
        if parse::is_pull_request(&record) {
            return Err(Error::Refused(format!("{id} is a pull request, and no issue")));
        }
        if record["state"].as_str().is_some_and(|now| same(now) == wanted) {
            return Ok(());
        }
        let body = json!({"state": wanted});
        let moved = self.told(self.api.change(Method::PATCH, address, Some(body), mark).await?, id)?;
        match moved["state"].as_str() {
            Some(now) if same(now) == wanted => Ok(()),
            Some(_) | None => Err(Error::Response("it does not say that the state was changed".to_owned())),
        }
    }

    pub(super) async fn comment(&self, id: &IssueId, remark: &Remark, mark: &Mark) -> Result<(), Error> {
        let marker = format!("<!-- seawall:{} -->", normal::remark_key(id, remark));
        let comments = format!("/issues/{}/comments", known(id)?);
        let since = since(remark.at);
        let mut is_there = false;
        let first = self.api.in_repo(&format!("{comments}?per_page=100{since}"))?;
        let walked = self.walk(first, |page| {
            let has = |comment: &Value| {
                comment["body"].as_str().is_some_and(|body| body.lines().any(|line| line.trim() == marker))
            };
            is_there |= page.iter().any(has);
        });
        match walked.await {
            Ok(()) => {}
            Err(Error::Status { status: 301 | 404 | 410, .. }) => return Err(Error::NoIssue(id.clone())),
            Err(error) => return Err(error),
        }
        if is_there {
            return Ok(());
        }
        let text: String = remark.text.trim().chars().take(MAX_TEXT_CHARS).collect();
        let body = json!({"body": format!("**{}**\n\n{text}\n\n{marker}", normal::one_line(&remark.author))});
        let reply = self.api.change(Method::POST, self.api.in_repo(&comments)?, Some(body), mark).await?;
        self.told(reply, id).map(drop)
    }

    /// What GitHub says of the issue `id`.
    fn told(&self, reply: Reply, id: &IssueId) -> Result<Value, Error> {
        match reply.status {
            301 | 404 | 410 => Err(Error::NoIssue(id.clone())),
            _ if reply.is_success() => reply.json(),
            _ => Err(self.api.client.status(&reply)),
        }
    }
}

fn known(id: &IssueId) -> Result<u64, Error> {
    read::number(id).ok_or_else(|| Error::NoIssue(id.clone()))
}

/// Comments that are older than the remark cannot be it.
fn since(at: Timestamp) -> String {
    let from = jiff::Timestamp::from_microsecond(at.0.saturating_sub(CLOCK_SLACK_US));
    from.map_or_else(|_| String::new(), |from| format!("&since={}", from.strftime("%Y-%m-%dT%H:%M:%SZ")))
}
