//! GitHub's REST API over HTTP.

use super::cache::Cache;
use crate::tracker::http::{Ask, Client, Reply};
use crate::tracker::{Error, Mark};
use hyper::header::IF_NONE_MATCH;
use hyper::{Method, Uri};
use serde_json::Value;

pub(super) struct Api {
    pub(super) client: Client,
    /// Where the API is, without a slash at the end.
    pub(super) base: String,
    /// `owner/name`.
    pub(super) repo: String,
    pub(super) cache: Cache,
}

impl Api {
    /// The address of `rest` (which begins with a slash, or is empty) below the repository.
    pub(super) fn in_repo(&self, rest: &str) -> Result<Uri, Error> {
        self.address(&format!("/repos/{}{rest}", self.repo))
    }

    /// The address of `path`, which begins with a slash.
    pub(super) fn address(&self, path: &str) -> Result<Uri, Error> {
        let unfit = |_| Error::Refused(format!("{path:?} is no address"));
        format!("{}{path}", self.base).parse().map_err(unfit)
    }

    /// Reads what is at `uri`. What did not change since it was read last is not sent again.
    pub(super) async fn get(&self, uri: &Uri) -> Result<Reply, Error> {
        let address = uri.to_string();
        let mut ask = Ask::new(Method::GET, uri.clone(), None);
        ask.headers.extend(self.cache.tag(&address).map(|tag| (IF_NONE_MATCH, tag)));
        let reply = self.send(ask).await?;
        if reply.status == 304 {
            let unasked =
                || Error::Response("it says that nothing changed, and was not asked that".to_owned());
            return self.cache.get(&address).ok_or_else(unasked);
        }
        if reply.status == 200 {
            self.cache.put(&address, &reply);
        }
        Ok(reply)
    }

    /// Changes something in the name of `mark`.
    pub(super) async fn change(
        &self,
        method: Method,
        uri: Uri,
        body: Option<Value>,
        mark: &Mark,
    ) -> Result<Reply, Error> {
        self.send(Ask::new(method, uri, body).marked(mark)).await
    }

    async fn send(&self, ask: Ask) -> Result<Reply, Error> {
        let reply = self.client.send(ask).await?;
        // The secondary limits may be told by the text alone.
        if reply.status == 403 && says_rate_limit(&reply) {
            return Err(self.client.limited(&reply));
        }
        if reply.is_success() || reply.status == 304 {
            self.client.served();
        }
        Ok(reply)
    }
}

fn says_rate_limit(reply: &Reply) -> bool {
    let message = reply.json().unwrap_or_default()["message"].as_str().unwrap_or("").to_lowercase();
    message.contains("rate limit") || message.contains("abuse detection")
}
