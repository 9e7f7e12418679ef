//! The HTTP client of all trackers: bounded in time and size, and patient when it is told to be.
//!
//! Invariants: nothing is asked while the token's allowance is used up; no redirect is followed, so no token goes where
//! it was not sent; no error and no answer that leaves here holds the token.

pub(super) mod endpoint;
mod ledger;
mod limits;

use super::settings::{bad, dotted};
use super::{Error, Mark};
use base::clock::Clock;
use base::error::chain;
use base::secret::Secret;
use bytes::Bytes;
use domain::{Millis, Timestamp};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use hyper::{HeaderMap, Method, Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use ledger::Ledger;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// A larger answer is not a page of issues.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// Of what a provider says about an error, so much is told: it may be a page of HTML.
const MAX_EXCERPT_CHARS: usize = 1_000;
/// Unused connections are closed before most providers do.
const IDLE_TIME: Duration = Duration::from_secs(45);
/// The header that says in whose name something is written.
const MARK: HeaderName = HeaderName::from_static("x-seawall-run");

/// Speaks to one provider with one token.
pub(super) struct Client {
    http: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    token: Secret,
    ledger: Arc<Ledger>,
    clock: Clock,
    timeout: Duration,
    /// Sent with every request.
    headers: HeaderMap,
}

/// One request.
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) body: Option<Value>,
    /// Headers of this request alone.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

/// One answer, whatever its status.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Ask {
    pub(super) fn new(method: Method, uri: Uri, body: Option<Value>) -> Self {
        Self { method, uri, body, headers: vec![] }
    }

    /// In the name of `mark`.
    pub(super) fn marked(mut self, mark: &Mark) -> Self {
        // Ids of ours are plain; one that is not goes without.
        if let Ok(value) = HeaderValue::from_str(&format!("{}/{}", mark.run, mark.fence)) {
            self.headers.push((MARK, value));
        }
        self
    }
}

impl Client {
    /// A client that sends `headers` with every request; `token` is what must not be seen, and whose allowance counts.
    pub(super) fn new(token: Secret, headers: HeaderMap, timeout: Duration, clock: &Clock) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(timeout));
        tcp.set_nodelay(true);
        // The scheme is the TLS layer's business.
        tcp.enforce_http(false);
        let tls = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIME)
            .build(tls);
        Self { http, ledger: Ledger::of(&token), token, clock: clock.clone(), timeout, headers }
    }

    /// Asks, unless the allowance is used up. An answer that says so is [`Error::RateLimited`]; every other is an
    /// answer, whatever its status.
    pub(super) async fn send(&self, ask: Ask) -> Result<Reply, Error> {
        let limited = |wait| Error::RateLimited { retry_after: Some(wait) };
        let _permit = self.ledger.admit(self.now()).map_err(limited)?;
        let within = tokio::time::timeout(self.timeout, self.exchange(self.request(ask)?));
        let late = |_| Error::Request(format!("no answer within {} ms", self.timeout.as_millis()));
        let reply = within.await.map_err(late)??;
        self.ledger.learn(&reply.headers, self.now());
        let patience = match reply.status {
            429 => true,
            403 => reply.headers.contains_key("retry-after") || self.ledger.is_exhausted(self.now()),
            503 => reply.headers.contains_key("retry-after"),
            _ => false,
        };
        if patience {
            return Err(self.limited(&reply));
        }
        Ok(reply)
    }

    /// `reply` asks for patience in words that only its adapter understands.
    pub(super) fn limited(&self, reply: &Reply) -> Error {
        Error::RateLimited { retry_after: Some(self.ledger.pause(&reply.headers, self.now())) }
    }

    /// `reply` was no complaint.
    pub(super) fn served(&self) {
        self.ledger.served();
    }

    /// The answer's status as an error.
    pub(super) fn status(&self, reply: &Reply) -> Error {
        Error::Status { status: reply.status, what: self.excerpt(&String::from_utf8_lossy(&reply.body)) }
    }

    /// The start of a text that a provider sent, on one line and without the token.
    pub(super) fn excerpt(&self, text: &str) -> String {
        let shown = self.scrub(text);
        let mut line = String::new();
        for word in shown.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty())
        {
            if line.len() > 4 * MAX_EXCERPT_CHARS {
                break;
            }
            line.push_str(word);
            line.push(' ');
        }
        line.trim_end().chars().take(MAX_EXCERPT_CHARS).collect()
    }

    /// `text` without the token.
    pub(super) fn scrub(&self, text: &str) -> String {
        text.replace(self.token.expose(), "[secret]")
    }

    /// Now, by the tracker's clock.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp(self.clock.now_us())
    }

    fn request(&self, ask: Ask) -> Result<Request<Full<Bytes>>, Error> {
        let bytes = match &ask.body {
            Some(body) => serde_json::to_vec(body).map_err(|e| Error::Refused(e.to_string()))?,
            None => vec![],
        };
        let mut request = Request::new(Full::new(Bytes::from(bytes)));
        *request.method_mut() = ask.method;
        *request.uri_mut() = ask.uri;
        *request.headers_mut() = self.headers.clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("seawall/", env!("CARGO_PKG_VERSION"))));
        if ask.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.extend(ask.headers);
        Ok(request)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Reply, Error> {
        let response =
            self.http.request(request).await.map_err(|e| Error::Request(self.excerpt(&chain(&e))))?;
        let (head, body) = response.into_parts();
        let body = match Limited::new(body, MAX_ANSWER_BYTES).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Err(Error::Response(format!("it is larger than {MAX_ANSWER_BYTES} bytes")));
            }
            Err(error) => return Err(Error::Request(self.excerpt(&chain(&*error)))),
        };
        Ok(Reply { status: head.status.as_u16(), headers: head.headers, body })
    }
}

impl Reply {
    /// Whether it is one of success.
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value, Error> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Error::Response(format!("it is not JSON: {error}")))
    }
}

/// The header `Authorization` that says `text`; `key` is the setting that its secret came from.
pub(super) fn authorization(key: &str, text: &str) -> Result<HeaderValue, Error> {
    let unfit = |_| bad(&dotted(key), "is a secret that no header can carry", "copy it again, on one line");
    let mut value = HeaderValue::from_str(text).map_err(unfit)?;
    value.set_sensitive(true);
    Ok(value)
}

/// A wait in words that an agent may read.
pub(super) fn in_seconds(wait: Option<Millis>) -> String {
    wait.map_or_else(|| "later".to_owned(), |wait| format!("in {} s", wait.0.div_ceil(1_000)))
}
