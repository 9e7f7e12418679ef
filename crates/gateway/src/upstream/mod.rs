//! Those who answer: a provider over HTTP, or a rehearsal in this process.
//!
//! Invariant: dropping an answer, or the wait for one, ends the request at the provider.

mod anthropic;
mod http;
mod openai;

use crate::config::{Config, Kind, Problem};
use crate::door::Refusal;
use crate::protocol::Operation;
use crate::rehearsal::{self, Playback, Reply, Scenario};
use base::ids::Ids;
use bytes::Bytes;
use domain::Timestamp;
use http::Http;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, StatusCode};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Every configured provider, ready to be asked.
pub(crate) struct Upstream {
    providers: BTreeMap<String, Provider>,
}

enum Provider {
    Http(Box<Http>),
    Rehearsal(Arc<Scenario>),
}

/// A request on its way to a provider.
pub(crate) struct Errand<'a> {
    /// What is asked for.
    pub(crate) operation: Operation,
    /// The query of the client's request, as it came.
    pub(crate) query: Option<&'a str>,
    /// The client's headers, the allowed ones only.
    pub(crate) headers: HeaderMap,
    /// The body, as it goes out.
    pub(crate) body: Bytes,
    /// The most output tokens that were paid for.
    pub(crate) max_output_tokens: u64,
    /// Names of what a rehearsal makes.
    pub(crate) ids: &'a Ids,
    /// When.
    pub(crate) now: Timestamp,
}

/// The head of an answer, with its body to follow.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// As the provider sent them.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Stream,
}

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum Stream {
    Http(Incoming),
    Played(Playback),
}

/// Why there is no answer, and whether the provider may have begun to work on it.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) refusal: Refusal,
    /// True when the request may have reached the provider: then it may cost.
    pub(crate) sent: bool,
}

impl Upstream {
    pub(crate) fn new(config: &Config) -> Result<Self, Problem> {
        let client = http::client(config.limits.connect_time);
        let mut providers = BTreeMap::new();
        for (name, provider) in &config.providers {
            let ready = match &provider.kind {
                Kind::Rehearsal { scenario } => Provider::Rehearsal(Arc::clone(scenario)),
                Kind::OpenAi { base_url, key } => {
                    Provider::Http(Box::new(openai::provider(name, base_url, key.as_ref(), client.clone())?))
                }
                Kind::Anthropic { base_url, key } => Provider::Http(Box::new(anthropic::provider(
                    name,
                    base_url,
                    key.as_ref(),
                    client.clone(),
                )?)),
            };
            providers.insert(name.clone(), ready);
        }
        Ok(Self { providers })
    }

    /// Whether the provider only rehearses.
    pub(crate) fn is_rehearsal(&self, provider: &str) -> bool {
        matches!(self.providers.get(provider), Some(Provider::Rehearsal(_)))
    }

    /// Asks `provider` and waits for the head of its answer.
    pub(crate) async fn ask(&self, provider: &str, errand: Errand<'_>) -> Result<Answer, Failed> {
        match self.providers.get(provider) {
            Some(Provider::Http(http)) => http.ask(errand).await,
            Some(Provider::Rehearsal(scenario)) => Ok(rehearse(scenario, errand).await),
            // `Config::check` ran before this was built.
            None => {
                let (provider, why) = (provider.to_owned(), "it is not configured".to_owned());
                Err(Failed { refusal: Refusal::Unreachable { provider, why }, sent: false })
            }
        }
    }
}

async fn rehearse(scenario: &Scenario, errand: Errand<'_>) -> Answer {
    let Errand { operation, body, max_output_tokens, ids, now, .. } = errand;
    let reply = rehearsal::answer(scenario, operation, &body, max_output_tokens, ids, now);
    let Reply { status, content_type, retry_after, delay, body } = reply;
    if delay.0 > 0 {
        tokio::time::sleep(Duration::from_millis(delay.0)).await;
    }
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer { status, headers, body: Stream::Played(body) }
}

impl Body for Stream {
    type Data = Bytes;
    /// A short sentence; never a body.
    type Error = String;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Http(body) => Pin::new(body).poll_frame(cx).map_err(|error| base::error::chain(&error)),
            Self::Played(body) => Pin::new(body).poll_frame(cx).map_err(|error| error.to_string()),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http(body) => body.is_end_stream(),
            Self::Played(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http(body) => body.size_hint(),
            Self::Played(body) => body.size_hint(),
        }
    }
}
