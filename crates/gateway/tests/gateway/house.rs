//! A gateway with everything around it, and a client.

use crate::ledger::Fake;
use base::clock::Clock;
use base::ids::Ids;
use base::secret::Secret;
use base::signing::{Signer, token};
use base::tasks::Tasks;
use bytes::Bytes;
use domain::budget::Limit;
use domain::call::Price;
use domain::containment::{Containment, Identity, Mode, Order, Scope};
use domain::fleet::{Fleet, Team};
use domain::run::Purpose;
use domain::token::Claims;
use domain::{Epoch, Fence, MicroUsd, Timestamp};
use gateway::ledger::Key;
use gateway::rehearsal::Scenario;
use gateway::{Config, Door, Gateway, Kind, Ledger, Limits, Provider, Route};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

pub const NOW_S: i64 = 1_800_000_000;
pub const PROVIDER_KEY: &str = "sk-provider-secret";

pub struct House {
    pub ledger: Arc<Fake>,
    pub gateway: Gateway,
    pub signer: Signer,
    pub address: SocketAddr,
    pub stop: CancellationToken,
    pub tasks: Tasks,
}

/// What a test varies.
pub struct Plan {
    pub kind: Kind,
    /// A second provider, to which the model `both` leads after the first.
    pub second: Option<Kind>,
    pub team_budget: Option<&'static str>,
    pub blobs: Option<PathBuf>,
    pub limits: Limits,
}

impl Plan {
    pub fn provider(base_url: String) -> Self {
        Self::of(Kind::OpenAi { base_url, key: Some(Secret::new(PROVIDER_KEY)) })
    }

    pub fn anthropic(base_url: String) -> Self {
        Self::of(Kind::Anthropic { base_url, key: Some(Secret::new(PROVIDER_KEY)) })
    }

    pub fn rehearsal(text: &str) -> Self {
        Self::of(Kind::Rehearsal { scenario: Arc::new(Scenario::parse(text, "test.toml").unwrap()) })
    }

    fn of(kind: Kind) -> Self {
        Self { kind, second: None, team_budget: None, blobs: None, limits: Limits::default() }
    }

    fn config(self) -> Config {
        let price = Price {
            input: MicroUsd(1_000_000),
            cached: MicroUsd(100_000),
            cache_write: MicroUsd(1_000_000),
            output: MicroUsd(2_000_000),
            max_output_tokens: 1_000,
        };
        let provider = |kind| Provider { kind, prices: [("gpt-x".into(), price)].into() };
        let route = |provider: &str, model: &str| Route { provider: provider.into(), model: model.into() };
        let second = self.second.map(|kind| ("q".to_owned(), provider(kind)));
        let both = second.is_some().then(|| vec![route("p", "gpt-x"), route("q", "gpt-x")]);
        let budget = self.team_budget.map(|text| Limit::parse(text).unwrap());
        let team = Team { name: "pay".into(), budget, reviewer: None, knowledge: String::new() };
        Config {
            providers: [("p".to_owned(), provider(self.kind))].into_iter().chain(second).collect(),
            models: [
                ("large".into(), vec![route("p", "gpt-x")]),
                ("unpriced".into(), vec![route("p", "gpt-y")]),
            ]
            .into_iter()
            .chain(both.map(|routes| ("both".into(), routes)))
            .collect(),
            fleet: Fleet { teams: [("pay".into(), team)].into(), ..Fleet::default() },
            limits: self.limits,
            blobs: self.blobs,
        }
    }
}

pub fn claims() -> Claims {
    let identity =
        Identity { run: "r1".into(), agent: "author".into(), team: "pay".into(), project: "shop".into() };
    Claims {
        identity,
        issue: "1".into(),
        purpose: Purpose::Author,
        attempt: 1,
        fence: Fence(3),
        epoch: Epoch(0),
        iat: NOW_S,
        exp: NOW_S + 600,
    }
}

pub fn order(scope: Scope) -> Containment {
    let order = Order {
        id: "o1".into(),
        scope,
        mode: Mode::Hard,
        reason: "it loops".into(),
        actor: "ana".into(),
        epoch: Epoch(1),
        given_at: Timestamp(NOW_S * 1_000_000),
    };
    Containment { order, lifted: None }
}

/// A gateway on `ledger`, served on a port of its own.
pub async fn open(
    plan: Plan,
    ledger: Arc<dyn Ledger>,
    tasks: &Tasks,
) -> (Gateway, SocketAddr, CancellationToken) {
    let (clock, _) = Clock::manual(NOW_S * 1_000_000);
    let gateway = Gateway::new(plan.config(), ledger, clock, Ids::seeded(1), tasks.clone()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let (serving, until) = (gateway.clone(), stop.clone());
    tokio::spawn(async move { serving.serve(listener, Door::AnyRun, until).await });
    (gateway, address, stop)
}

impl House {
    pub async fn open(plan: Plan) -> Self {
        let (ledger, signer, tasks) = (Arc::new(Fake::new()), Signer::generate(), Tasks::new());
        let key = Key { public: signer.public_key(), expires_at: Timestamp((NOW_S + 9_000) * 1_000_000) };
        ledger.with(|state| state.keys.insert(signer.key_id().to_owned(), key));
        let (gateway, address, stop) = open(plan, Arc::clone(&ledger) as _, &tasks).await;
        Self { ledger, gateway, signer, address, stop, tasks }
    }

    pub fn token(&self, claims: &Claims) -> String {
        token::seal(&self.signer, &serde_json::to_string(claims).unwrap())
    }

    pub fn request(&self, body: &str) -> Request<Full<Bytes>> {
        request(&self.token(&claims()), body)
    }

    pub async fn send(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        let mut client = Client::over(TcpStream::connect(self.address).await.unwrap()).await;
        client.send(request).await
    }

    /// A request to `path` of the Messages API, as its clients send it.
    pub fn message(&self, path: &str, body: &str) -> Request<Full<Bytes>> {
        message(&self.token(&claims()), path, body)
    }

    /// Sends and reads the error that must come: status, type, text.
    pub async fn refused_message(&self, request: Request<Full<Bytes>>) -> (u16, String, String) {
        let response = self.send(request).await;
        let status = response.status();
        let stops = response.headers().get("x-should-retry").is_some_and(|value| value == "false");
        let body: Value = serde_json::from_slice(&read(response).await.unwrap()).unwrap();
        let [kind, text] = ["type", "message"].map(|key| body["error"][key].as_str().expect(key).to_owned());
        let shape = serde_json::json!({"type": "error", "error": {"type": kind, "message": text}});
        assert_eq!(body, shape, "nothing but what the API has");
        assert!(stops || !status.is_client_error(), "{kind} does not stop its clients");
        (status.as_u16(), kind, text)
    }

    /// Sends and reads the error that must come.
    pub async fn refused(&self, request: Request<Full<Bytes>>) -> (StatusCode, String, String) {
        let response = self.send(request).await;
        let status = response.status();
        let retry = response.headers().get("x-should-retry").map(|v| v.to_str().unwrap().to_owned());
        let body: Value = serde_json::from_slice(&read(response).await.unwrap()).unwrap();
        let code = body["error"]["code"].as_str().expect("a code").to_owned();
        let text = body["error"]["message"].as_str().expect("a message").to_owned();
        assert!(retry.is_some() || !status.is_client_error(), "{code} does not stop its clients");
        (status, code, text)
    }
}

pub fn request(token: &str, body: &str) -> Request<Full<Bytes>> {
    Request::post("/v1/responses")
        .header("host", "gateway")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .header("x-codex-window-id", "w1")
        .header("cookie", "c=1")
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap()
}

pub fn message(token: &str, path: &str, body: &str) -> Request<Full<Bytes>> {
    Request::post(path)
        .header("host", "gateway")
        .header("x-api-key", token)
        .header("content-type", "application/json")
        .header("anthropic-version", "2026-10-21")
        .header("anthropic-beta", "effort-2025-11-24")
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap()
}

pub async fn read(response: Response<Incoming>) -> Result<Bytes, hyper::Error> {
    response.into_body().collect().await.map(|body| body.to_bytes())
}

/// One connection; dropping it closes it.
pub struct Client {
    sender: hyper::client::conn::http1::SendRequest<Full<Bytes>>,
    driver: tokio::task::JoinHandle<()>,
}

impl Client {
    pub async fn over(socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.unwrap();
        let driver = tokio::spawn(async move { drop(connection.await) });
        Self { sender, driver }
    }

    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        self.sender.send_request(request).await.unwrap()
    }

    /// Leaves at once, whatever is under way.
    pub fn leave(&self) {
        self.driver.abort();
    }
}
