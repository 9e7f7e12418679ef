//! Paths, methods, limits, unix sockets, and the end of service.

use crate::house::{Client, House, Plan, claims, read, request};
use crate::provider::{COMPLETED, Provider};
use bytes::Bytes;
use gateway::Door;
use http_body_util::Full;
use hyper::{Request, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

const TALK: &str = "[[script]]\nname = 'a'\n[[script.turn]]\ntext = 'a'\nrepeat = true\n";
const BODY: &str = r#"{"model":"large","stream":true}"#;

fn plain(method: &str, path: &str) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri(path).header("host", "g").body(Full::default()).unwrap()
}

#[tokio::test]
async fn what_is_not_served_is_told_in_the_providers_shape() {
    let mut plan = Plan::rehearsal(TALK);
    plan.limits.body_bytes = 200;
    let house = House::open(plan).await;
    let mut upgrade = plain("GET", "/v1/responses");
    upgrade.headers_mut().insert("upgrade", "websocket".parse().unwrap());
    upgrade.headers_mut().insert("connection", "upgrade".parse().unwrap());
    let mut zipped = house.request(BODY);
    zipped.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    for (request, status, code) in [
        (upgrade, 426, "websocket_not_supported"),
        (plain("GET", "/v1/responses"), 405, "method_not_allowed"),
        (plain("POST", "/v1/models"), 405, "method_not_allowed"),
        (plain("GET", "/v1/other"), 404, "not_found"),
        (plain("GET", "/v1/models"), 401, "invalid_api_key"),
        (house.request("{"), 400, "invalid_body"),
        (house.request(r#"{"model":"huge"}"#), 400, "model_not_found"),
        (house.request(r#"{"model":"unpriced"}"#), 400, "price_unknown"),
        (house.request(&"x".repeat(201)), 413, "body_too_large"),
        (zipped, 400, "invalid_body"),
    ] {
        let refused = house.refused(request).await;
        assert_eq!((refused.0.as_u16(), refused.1.as_str()), (status, code), "{}", refused.2);
    }
    assert_eq!(house.send(plain("GET", "/healthz")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn models_are_listed_for_a_run() {
    let house = House::open(Plan::rehearsal(TALK)).await;
    let mut request = plain("GET", "/v1/models");
    let token = format!("Bearer {}", house.token(&claims()));
    request.headers_mut().insert("authorization", token.parse().unwrap());
    let body: Value = serde_json::from_slice(&read(house.send(request).await).await.unwrap()).unwrap();
    assert_eq!((body["data"][0]["id"].as_str(), body["object"].as_str()), (Some("large"), Some("list")));
}

#[tokio::test]
async fn a_request_that_could_be_read_two_ways_never_gets_past_the_door() {
    let house = House::open(Plan::rehearsal(TALK)).await;
    let token = house.token(&claims());
    for framing in [
        "content-length: 31\r\ncontent-length: 5\r\n",
        "content-length: +31\r\n",
        "transfer-encoding: chunked, gzip\r\n",
    ] {
        let mut socket = TcpStream::connect(house.address).await.unwrap();
        let text = format!(
            "POST /v1/responses HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {token}\r\n{framing}\r\n{BODY}"
        );
        socket.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"),
            "{framing}: {}",
            String::from_utf8_lossy(&answer)
        );
    }
    assert!(house.ledger.with(|state| state.calls.is_empty()));
}

#[tokio::test]
async fn the_socket_of_a_run_admits_that_run_only() {
    let (house, dir) = (House::open(Plan::rehearsal(TALK)).await, tempfile::tempdir().unwrap());
    let path = dir.path().join("gateway.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let (gateway, stop) = (house.gateway.clone(), CancellationToken::new());
    let serving = tokio::spawn({
        let stop = stop.clone();
        async move { gateway.serve_unix(listener, Door::Run("r1".into()), stop).await }
    });
    let mut other = claims();
    other.identity.run = "r2".into();
    for (claims, status) in [(claims(), StatusCode::OK), (other, StatusCode::FORBIDDEN)] {
        let mut client = Client::over(UnixStream::connect(&path).await.unwrap()).await;
        let response = client.send(request(&house.token(&claims), BODY)).await;
        assert_eq!(response.status(), status);
        read(response).await.unwrap();
    }
    stop.cancel();
    serving.await.unwrap();
}

#[tokio::test]
async fn an_open_stream_may_finish_when_the_gateway_is_told_to_end() {
    let provider = Provider::start().await;
    let house = House::open(Plan::provider(provider.base_url())).await;
    let (response, mut exchange) = tokio::join!(house.send(house.request(BODY)), async {
        let mut exchange = provider.accept().await;
        exchange.begin().await;
        exchange
    });
    house.stop.cancel();
    exchange.chunk(COMPLETED).await;
    exchange.end().await;
    assert_eq!(read(response).await.unwrap(), COMPLETED);
    house.ledger.settled().await;
    let drained = house.tasks.drain(std::time::Duration::from_secs(10)).await;
    assert_eq!((drained.abandoned, house.tasks.panics()), (0, 0));
}

#[tokio::test]
async fn a_body_that_dawdles_is_given_up() {
    let mut plan = Plan::rehearsal(TALK);
    plan.limits.body_time = std::time::Duration::from_millis(50);
    let house = House::open(plan).await;
    let mut socket = TcpStream::connect(house.address).await.unwrap();
    let token = house.token(&claims());
    let head = format!(
        "POST /v1/responses HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {token}\r\ncontent-length: 9\r\n\r\n{{"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_free_place() {
    let mut plan = Plan::rehearsal(TALK);
    plan.limits.connections = 1;
    let house = House::open(plan).await;
    let mut first = Client::over(TcpStream::connect(house.address).await.unwrap()).await;
    read(first.send(plain("GET", "/healthz")).await).await.unwrap();
    let mut second = Client::over(TcpStream::connect(house.address).await.unwrap()).await;
    let mut waiting = std::pin::pin!(second.send(plain("GET", "/healthz")));
    let soon = std::time::Duration::from_millis(100);
    assert!(tokio::time::timeout(soon, &mut waiting).await.is_err(), "the place is taken");
    first.leave();
    assert_eq!(waiting.await.status(), StatusCode::OK);
}
