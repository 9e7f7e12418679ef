//! A provider that speaks OpenAI's Responses API.

use super::http::{Client, Http};
use crate::config::Problem;
use crate::protocol::Operation;
use base::secret::Secret;
use hyper::header::AUTHORIZATION;

/// The provider `name` at `base_url`, which ends with the API's version.
pub(super) fn provider(
    name: &str,
    base_url: &str,
    key: Option<&Secret>,
    client: Client,
) -> Result<Http, Problem> {
    let url = format!("{}/responses", base_url.trim_end_matches('/'));
    Http::new(name, [(Operation::CreateResponse, url)], client)?.with_key(AUTHORIZATION, "Bearer ", key)
}
