//! A provider that speaks Anthropic's Messages API.

use super::http::{Client, Http};
use crate::config::Problem;
use crate::protocol::Operation;
use base::secret::Secret;
use hyper::header::{HeaderName, HeaderValue};

/// The version that is asked for when the client names none; the API refuses requests without one.
const VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// The provider `name` at `base_url`. Anthropic's own clients take an address without the API's version, others one
/// with it: both mean the same here.
pub(super) fn provider(
    name: &str,
    base_url: &str,
    key: Option<&Secret>,
    client: Client,
) -> Result<Http, Problem> {
    let root = base_url.trim_end_matches('/');
    let root = root.strip_suffix("/v1").unwrap_or(root);
    let served = [Operation::CreateMessage, Operation::CountTokens];
    let targets = served.map(|operation| (operation, format!("{root}{}", operation.path())));
    let http = Http::new(name, targets, client)?.with_key(HeaderName::from_static("x-api-key"), "", key)?;
    Ok(http.with_default(HeaderName::from_static("anthropic-version"), VERSION))
}
