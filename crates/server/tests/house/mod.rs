//! A seeded server without a socket, and requests against it.
#![allow(dead_code, reason = "each user takes what it needs")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails the test")]

use crate::seed;
use crate::seed::control::FakeControl;
use axum::Router;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use base::clock::Clock;
use base::secret::Secret;
use domain::Timestamp;
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use server::{Server, State};
use std::sync::Arc;
use store::Store;
use tempfile::TempDir;

pub const SECRET: &str = "the-control-secret-of-the-tests";

pub struct House {
    pub store: Store,
    pub control: Arc<FakeControl>,
    pub state: State,
    pub orders_of_the_seed: usize,
    router: Router,
    _dir: TempDir,
}

/// The path of a route with the names of the seed in place of its variable.
pub fn concrete(path: &str) -> String {
    let id = match path {
        p if p.contains("/runs/") => "7q0m4zt2k9landed",
        p if p.contains("/calls/") => "7q0m4zt2k9landed-002",
        p if p.contains("/orders/") => "o001",
        _ => "SHOP-17",
    };
    let query = if path == "/api/v1/findings" { "?run=7q0m4zt2k9landed" } else { "" };
    format!(
        "{}{query}",
        path.replace("{id}", id).replace("{issue}", id).replace("{identifier}", id).replace("{project}", id)
    )
}

impl House {
    pub async fn open() -> Self {
        Self::with(false).await
    }

    pub async fn open_loopback() -> Self {
        Self::with(true).await
    }

    async fn with(insecure_loopback: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", dir.path().join("door.db").display())).await.unwrap();
        let control = Arc::new(FakeControl::new(store.clone()));
        let (clock, _) = Clock::manual(seed::NOON);
        let blobs = dir.path().join("blobs");
        seed::day::write(&store, control.as_ref(), &blobs, Timestamp(seed::NOON)).await;
        let state = State {
            store: store.clone(),
            control: control.clone(),
            clock,
            secret: Secret::new(SECRET),
            insecure_loopback,
            fleet: seed::fleet(),
            hosts: vec![],
            blobs,
        };
        let router = Server::new(state.clone()).router();
        let orders_of_the_seed = control.given.lock().unwrap().len();
        Self { store, control, state, orders_of_the_seed, router, _dir: dir }
    }

    pub fn get(&self, path: &str) -> Ask {
        self.request(Method::GET, path)
    }

    pub fn request(&self, method: Method, path: &str) -> Ask {
        let ask = Ask {
            router: self.router.clone(),
            method,
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: String::new(),
        };
        ask.header(HOST, "127.0.0.1:7700")
    }

    /// The cookie of a fresh session.
    pub async fn log_in(&self) -> String {
        let answer = self.get(&format!("/login?key={SECRET}")).send().await;
        answer.header("set-cookie").split(';').next().unwrap().to_owned()
    }
}

pub struct Ask {
    router: Router,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: String,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Ask {
    pub fn header(mut self, name: impl TryInto<HeaderName>, value: &str) -> Self {
        let name = name.try_into().unwrap_or_else(|_| panic!("a header's name"));
        self.headers.insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    pub fn bearer(self) -> Self {
        self.header(AUTHORIZATION, &format!("Bearer {SECRET}"))
    }

    pub fn own_origin(self) -> Self {
        self.header("sec-fetch-site", "same-origin")
    }

    pub fn body(mut self, kind: &str, body: &str) -> Self {
        self.body = body.to_owned();
        let length = body.len().to_string();
        self.header(CONTENT_TYPE, kind).header(CONTENT_LENGTH, &length)
    }

    pub async fn send(self) -> Answer {
        let mut request =
            Request::builder().method(self.method).uri(&self.path).body(Body::from(self.body)).unwrap();
        *request.headers_mut() = self.headers;
        let answer = TowerToHyperService::new(self.router).call(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|v| v.to_str().unwrap()).unwrap_or_default()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}
