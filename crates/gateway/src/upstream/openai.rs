//! A provider that speaks OpenAI's API over HTTP/1.1, with or without TLS.

use super::{Answer, Errand, Failed, Stream};
use crate::config::Problem;
use crate::door::Refusal;
use base::secret::Secret;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderValue};
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
pub(super) struct OpenAi {
    name: String,
    responses: Uri,
    authorization: Option<HeaderValue>,
    client: Client,
}

impl OpenAi {
    pub(super) fn new(
        name: &str,
        base_url: &str,
        key: Option<&Secret>,
        client: Client,
    ) -> Result<Self, Problem> {
        let provider = || name.to_owned();
        let url = format!("{}/responses", base_url.trim_end_matches('/'));
        let responses: Uri = url.parse().map_err(|_| Problem::BaseUrl { provider: provider() })?;
        let known = [Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&responses.scheme());
        if !known || responses.host().is_none() {
            return Err(Problem::BaseUrl { provider: provider() });
        }
        let authorization = key.map(header).transpose().map_err(|_| Problem::Key { provider: provider() })?;
        Ok(Self { name: provider(), responses, authorization, client })
    }

    pub(super) async fn ask(&self, errand: Errand<'_>) -> Result<Answer, Failed> {
        let mut request = Request::new(Full::new(errand.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.responses.clone();
        *request.headers_mut() = errand.headers;
        // What is compressed cannot be metered.
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        let response = self.client.request(request).await.map_err(|error| Failed {
            sent: !error.is_connect(),
            refusal: Refusal::Unreachable { provider: self.name.clone(), why: base::error::chain(&error) },
        })?;
        let (head, body) = response.into_parts();
        // The provider speaks of our key here, and quotes part of it.
        if matches!(head.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let (provider, status) = (self.name.clone(), head.status.as_u16());
            return Err(Failed { refusal: Refusal::ProviderKey { provider, status }, sent: false });
        }
        Ok(Answer { status: head.status, headers: head.headers, body: Stream::Http(body) })
    }
}

fn header(key: &Secret) -> Result<HeaderValue, hyper::header::InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose()))?;
    value.set_sensitive(true);
    Ok(value)
}
