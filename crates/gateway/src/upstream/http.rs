//! A provider over HTTP/1.1, with or without TLS, whatever protocol it speaks.

use super::{Answer, Errand, Failed, Stream};
use crate::config::Problem;
use crate::door::Refusal;
use crate::protocol::Operation;
use base::secret::Secret;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT_ENCODING, HeaderName, HeaderValue};
use hyper::http::uri::Scheme;
use hyper::{Method, Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::time::Duration;

/// Connections to one provider that are kept open unused.
const IDLE_CONNECTIONS: usize = 64;
/// How long they are kept; providers close theirs after a minute or more.
const IDLE_TIME: Duration = Duration::from_secs(45);

/// The HTTP client that all providers share.
pub(super) type Client = legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Makes it. The roots of trust are those of the Mozilla programme, compiled in.
pub(super) fn client(connect_time: Duration) -> Client {
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(connect_time));
    tcp.set_nodelay(true);
    // The scheme is the TLS layer's business.
    tcp.enforce_http(false);
    let tls =
        HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().wrap_connector(tcp);
    legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIME)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .build(tls)
}

/// One provider.
pub(super) struct Http {
    name: String,
    /// Where each operation is asked for.
    targets: Vec<(Operation, Uri)>,
    credential: Option<(HeaderName, HeaderValue)>,
    /// Sent when the client did not send its own.
    default: Option<(HeaderName, HeaderValue)>,
    client: Client,
}

impl Http {
    pub(super) fn new(
        name: &str,
        targets: impl IntoIterator<Item = (Operation, String)>,
        client: Client,
    ) -> Result<Self, Problem> {
        let wrong = || Problem::BaseUrl { provider: name.to_owned() };
        let targets = targets.into_iter().map(|(operation, url)| {
            let target: Uri = url.parse().map_err(|_| wrong())?;
            let known = [Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&target.scheme());
            if known && target.host().is_some() { Ok((operation, target)) } else { Err(wrong()) }
        });
        let targets = targets.collect::<Result<_, _>>()?;
        Ok(Self { name: name.to_owned(), targets, credential: None, default: None, client })
    }

    /// Sends `key` as `header`, after `prefix`.
    pub(super) fn with_key(
        mut self,
        header: HeaderName,
        prefix: &str,
        key: Option<&Secret>,
    ) -> Result<Self, Problem> {
        if let Some(key) = key {
            let value = HeaderValue::from_str(&format!("{prefix}{}", key.expose()));
            let mut value = value.map_err(|_| Problem::Key { provider: self.name.clone() })?;
            value.set_sensitive(true);
            self.credential = Some((header, value));
        }
        Ok(self)
    }

    /// Sends `header` when the client did not.
    pub(super) fn with_default(mut self, header: HeaderName, value: HeaderValue) -> Self {
        self.default = Some((header, value));
        self
    }

    pub(super) async fn ask(&self, errand: Errand<'_>) -> Result<Answer, Failed> {
        let target = self.target(errand.operation, errand.query)?;
        let mut request = Request::new(Full::new(errand.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target;
        *request.headers_mut() = errand.headers;
        let headers = request.headers_mut();
        // What is compressed cannot be metered.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some((name, value)) = &self.default {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        if let Some((name, value)) = &self.credential {
            headers.insert(name, value.clone());
        }
        let response = self.client.request(request).await.map_err(|error| Failed {
            sent: !error.is_connect(),
            refusal: self.unreachable(base::error::chain(&error)),
        })?;
        let (head, body) = response.into_parts();
        // The provider speaks of our key here, and quotes part of it.
        if matches!(head.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let (provider, status) = (self.name.clone(), head.status.as_u16());
            return Err(Failed { refusal: Refusal::ProviderKey { provider, status }, sent: false });
        }
        Ok(Answer { status: head.status, headers: head.headers, body: Stream::Http(body) })
    }

    /// Where `operation` is asked for, with the client's own query.
    fn target(&self, operation: Operation, query: Option<&str>) -> Result<Uri, Failed> {
        let unsent = |refusal| Failed { refusal, sent: false };
        let target = self.targets.iter().find(|(known, _)| *known == operation).map(|(_, target)| target);
        // Routing asks only those who speak the operation's protocol.
        let target =
            target.ok_or_else(|| unsent(self.unreachable(format!("it has no {}", operation.path()))))?;
        let Some(query) = query else { return Ok(target.clone()) };
        let unusable =
            |_| unsent(Refusal::Body("the query string cannot be forwarded; leave it out".to_owned()));
        format!("{target}?{query}").parse().map_err(unusable)
    }

    fn unreachable(&self, why: String) -> Refusal {
        Refusal::Unreachable { provider: self.name.clone(), why }
    }
}
