//! Orders cut what is open and refuse what comes.

use crate::house::{House, Plan, claims, order, read};
use crate::provider::Provider;
use domain::call::Status;
use domain::containment::{Layer, Lift, Proof, Scope};
use domain::{Epoch, Timestamp};
use http_body_util::BodyExt;
use hyper::StatusCode;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const BODY: &str = r#"{"model":"large","stream":true}"#;
const TALK: &str = "[[script]]\nname = 'a'\n[[script.turn]]\ntext = 'a'\nrepeat = true\n";

#[tokio::test]
async fn an_order_cuts_an_open_stream_both_ways_and_proves_it() {
    let provider = Provider::start().await;
    let house = House::open(Plan::provider(provider.base_url())).await;
    let (response, mut exchange) = tokio::join!(house.send(house.request(BODY)), async {
        let mut exchange = provider.accept().await;
        exchange.begin().await;
        exchange.chunk("data: {}\n\n").await;
        exchange
    });
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    house.ledger.contain(order(Scope::Agent("author".into())));
    assert!(body.frame().await.unwrap().is_err(), "the stream is broken, not ended");
    exchange.closed().await;
    assert_eq!(house.ledger.settled().await.status, Status::Cut);
    let (status, code, text) = house.refused(house.request(BODY)).await;
    assert_eq!((status, code.as_str()), (StatusCode::FORBIDDEN, "contained"));
    assert!(text.contains("it loops"), "{text}");
    let receipts = house.ledger.until(|s| (s.receipts.len() >= 2).then(|| s.receipts.clone())).await;
    let proof = |layer| receipts.iter().find(|r| r.layer == layer).map(|r| r.proof.clone());
    let Some(Proof::Verified { by }) = proof(Layer::Gateway) else { panic!("{receipts:?}") };
    assert!(by.contains("1 open calls cut, 0 left"), "{by}");
    let Some(Proof::Verified { by }) = proof(Layer::Identity) else { panic!("{receipts:?}") };
    assert!(by.contains("1 known to the gateway"), "{by}");
}

#[tokio::test]
async fn an_order_answers_a_call_that_still_waits() {
    let provider = Provider::start().await;
    let house = House::open(Plan::provider(provider.base_url())).await;
    let ((status, code, _), mut exchange) = tokio::join!(house.refused(house.request(BODY)), async {
        let exchange = provider.accept().await;
        house.ledger.contain(order(Scope::All));
        exchange
    });
    assert_eq!((status, code.as_str()), (StatusCode::FORBIDDEN, "contained"));
    exchange.closed().await;
    assert_eq!(house.ledger.settled().await.status, Status::Cut);
}

#[tokio::test]
async fn an_order_leaves_other_runs_alone() {
    let house = House::open(Plan::rehearsal(TALK)).await;
    house.ledger.contain(order(Scope::Team("web".into())));
    house.ledger.until(|state| (state.receipts.len() >= 2).then_some(())).await;
    assert_eq!(house.send(house.request(BODY)).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn after_a_lift_new_tokens_work_and_old_ones_never_again() {
    let house = House::open(Plan::rehearsal(TALK)).await;
    let mut entry = order(Scope::All);
    entry.lifted = Some(Lift { epoch: Epoch(2), actor: "bo".into(), reason: "ok".into(), at: Timestamp(0) });
    house.ledger.contain(entry);
    let mut new = claims();
    new.epoch = Epoch(2);
    // The gateway learns of it by a hint; the old token is refused from then on.
    loop {
        let response = house.send(house.request(BODY)).await;
        if response.status() == StatusCode::FORBIDDEN {
            assert!(String::from_utf8_lossy(&read(response).await.unwrap()).contains("revoked"));
            break;
        }
        tokio::task::yield_now().await;
    }
    let response = house.send(crate::house::request(&house.token(&new), BODY)).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_order_cuts_a_stream_whose_client_does_not_read() {
    let provider = Provider::start().await;
    let house = House::open(Plan::provider(provider.base_url())).await;
    // A socket that is never read from: the answer backs up to the provider.
    let mut socket = tokio::net::TcpStream::connect(house.address).await.unwrap();
    let (token, length) = (house.token(&claims()), BODY.len());
    let head = format!(
        "POST /v1/responses HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n"
    );
    socket.write_all(format!("{head}{BODY}").as_bytes()).await.unwrap();
    let mut exchange = provider.accept().await;
    exchange.begin().await;
    let piece = format!("data: {}\n\n", "x".repeat(64 << 10));
    // Stuffed until nothing more fits.
    while tokio::time::timeout(Duration::from_millis(200), exchange.chunk(&piece)).await.is_ok() {}
    house.ledger.contain(order(Scope::All));
    assert_eq!(house.ledger.settled().await.status, Status::Cut);
    let receipts = house.ledger.until(|s| (s.receipts.len() >= 2).then(|| s.receipts.clone())).await;
    assert!(receipts.iter().all(|r| matches!(r.proof, Proof::Verified { .. })), "{receipts:?}");
}

#[tokio::test]
async fn an_order_still_cuts_while_the_gateway_drains() {
    let provider = Provider::start().await;
    let house = House::open(Plan::provider(provider.base_url())).await;
    let (response, _exchange) = tokio::join!(house.send(house.request(BODY)), async {
        let mut exchange = provider.accept().await;
        exchange.begin().await;
        exchange
    });
    let draining = house.tasks.drain(Duration::from_secs(20));
    let cutting = async {
        house.ledger.contain(order(Scope::All));
        assert!(read(response).await.is_err());
    };
    let (drained, ()) = tokio::join!(draining, cutting);
    assert_eq!(drained.abandoned, 0);
    assert_eq!(house.ledger.settled().await.status, Status::Cut);
}
