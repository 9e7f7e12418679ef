//! Asks the HTTP API of the implementation.

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// An answer is not larger than this.
const BODY_BYTES: usize = 8 * 1024 * 1024;
/// One question takes no longer than this; the step asks again.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
}

/// Asks once.
pub(crate) async fn ask(
    method: &str,
    url: &str,
    headers: &BTreeMap<String, String>,
    body: Option<&str>,
) -> Result<Answer, String> {
    let said = |error: &dyn std::fmt::Display| format!("{method} {url}: {error}");
    let method_ = Method::from_bytes(method.as_bytes()).map_err(|error| said(&error))?;
    let mut request =
        Request::builder().method(method_).uri(url).header("accept", "application/json, text/html");
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let body = Full::new(Bytes::from(body.unwrap_or_default().to_owned()));
    let request = request.body(body).map_err(|error| said(&error))?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let asking = async {
        let response = client.request(request).await.map_err(|error| said(&error))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), BODY_BYTES).collect().await;
        let bytes = body.map_err(|error| said(&error))?.to_bytes();
        Ok(Answer { status, text: String::from_utf8_lossy(&bytes).into_owned() })
    };
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("{method} {url}: no answer within {PATIENCE:?}")),
    }
}
