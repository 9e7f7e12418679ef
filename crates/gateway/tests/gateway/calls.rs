//! Pass-through, metering, and every way a call can end.

use crate::house::{Client, House, PROVIDER_KEY, Plan, read};
use crate::provider::{COMPLETED, Provider};
use domain::MicroUsd;
use domain::call::{Status, Usage};
use http_body_util::BodyExt;
use hyper::StatusCode;
use std::time::Duration;
use tokio::net::TcpStream;

const BODY: &str =
    " {\"input\":[{\"odd\\u0041\":1.0E+2, \"x\":null}],\t\"stream\":true,\n\"model\":\"large\" , \"é\":[]}\n";

#[tokio::test]
async fn bodies_pass_byte_for_byte_and_headers_by_list() {
    let provider = Provider::start().await;
    let house = House::open(Plan::provider(provider.base_url())).await;
    let send = house.send(house.request(BODY));
    let serve = async {
        let mut exchange = provider.accept().await;
        exchange.begin().await;
        exchange.chunk(": odd \r\n\r").await;
        exchange.chunk(COMPLETED).await;
        exchange.end().await;
        exchange
    };
    let (response, exchange) = tokio::join!(send, serve);
    assert_eq!(String::from_utf8(exchange.body).unwrap(), BODY.replace("\"large\"", "\"gpt-x\""));
    assert!(exchange.head.starts_with("POST /v1/responses HTTP/1.1\r\n"), "{}", exchange.head);
    assert!(exchange.head.contains(&format!("authorization: Bearer {PROVIDER_KEY}\r\n")));
    assert!(exchange.head.contains("x-codex-window-id: w1"));
    assert!(!exchange.head.contains("cookie"));
    let headers = response.headers().clone();
    for (name, value) in [
        ("x-seawall-run", "r1"),
        ("x-seawall-route", "p/gpt-x"),
        ("x-request-id", "req_1"),
        ("content-type", "text/event-stream; charset=utf-8"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert!(!headers.contains_key("set-cookie") && !headers.contains_key("x-seawall-rehearsal"));
    assert_eq!(read(response).await.unwrap(), format!(": odd \r\n\r{COMPLETED}"));
    let call = house.ledger.settled().await;
    assert_eq!(headers["x-seawall-call"], call.id.as_str());
    assert_eq!((call.status, call.cost), (Status::Done, MicroUsd(20)));
    assert_eq!(call.usage, Usage { input: 10, output: 5, ..Usage::default() });
    assert_eq!((call.provider_id.as_deref(), call.http_status), (Some("resp_7"), 200));
    assert!(call.first_byte_at.is_some() && call.reserved > call.cost);
}

#[tokio::test]
async fn each_chunk_leaves_as_it_came() {
    let provider = Provider::start().await;
    let house = House::open(Plan::provider(provider.base_url())).await;
    let (response, mut exchange) = tokio::join!(house.send(house.request(BODY)), async {
        let mut exchange = provider.accept().await;
        exchange.begin().await;
        exchange
    });
    let mut body = response.into_body();
    for at in 0..COMPLETED.len() {
        // The next byte is sent only after this one came out.
        exchange.chunk(&COMPLETED[at..=at]).await;
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(frame, &COMPLETED[at..=at]);
    }
    exchange.end().await;
    assert!(body.frame().await.is_none());
    assert_eq!(house.ledger.settled().await.usage.output, 5);
}

#[tokio::test]
async fn a_broken_answer_breaks_at_the_client_after_what_had_come() {
    let provider = Provider::start().await;
    let house = House::open(Plan::provider(provider.base_url())).await;
    let (response, ()) = tokio::join!(house.send(house.request(BODY)), async {
        let mut exchange = provider.accept().await;
        exchange.begin().await;
        exchange.chunk("data: {}\n\n").await;
    });
    let mut body = response.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "data: {}\n\n");
    assert!(body.frame().await.unwrap().is_err(), "not a clean end");
    let call = house.ledger.settled().await;
    assert_eq!((call.status, call.cost), (Status::Broken, call.reserved));
}

#[tokio::test]
async fn a_clean_end_before_the_last_event_is_a_broken_answer() {
    let provider = Provider::start().await;
    let house = House::open(Plan::provider(provider.base_url())).await;
    let (response, ()) = tokio::join!(house.send(house.request(BODY)), async {
        let mut exchange = provider.accept().await;
        exchange.begin().await;
        exchange.chunk("data: {}\n\n").await;
        exchange.end().await;
    });
    assert!(read(response).await.is_err());
    assert_eq!(house.ledger.settled().await.status, Status::Broken);
}

#[tokio::test]
async fn a_silent_answer_is_broken_off() {
    let provider = Provider::start().await;
    let mut plan = Plan::provider(provider.base_url());
    plan.limits.idle_time = Duration::from_millis(50);
    let house = House::open(plan).await;
    let (response, mut exchange) = tokio::join!(house.send(house.request(BODY)), async {
        let mut exchange = provider.accept().await;
        exchange.begin().await;
        exchange
    });
    assert!(read(response).await.is_err());
    exchange.closed().await;
    assert_eq!(house.ledger.settled().await.status, Status::Broken);
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_upstream_request_with_it() {
    for streaming in [false, true] {
        let provider = Provider::start().await;
        let house = House::open(Plan::provider(provider.base_url())).await;
        let mut client = Client::over(TcpStream::connect(house.address).await.unwrap()).await;
        let request = house.request(BODY);
        let mut exchange = if streaming {
            let (response, exchange) = tokio::join!(client.send(request), async {
                let mut exchange = provider.accept().await;
                exchange.begin().await;
                exchange.chunk("data: {}\n\n").await;
                exchange
            });
            response.into_body().frame().await.unwrap().unwrap();
            client.leave();
            exchange
        } else {
            tokio::select! {
                _ = client.send(request) => panic!("nothing was answered"),
                exchange = provider.accept() => { client.leave(); exchange }
            }
        };
        exchange.closed().await;
        let call = house.ledger.settled().await;
        assert_eq!((call.status, call.cost), (Status::Left, call.reserved), "streaming: {streaming}");
    }
}

#[tokio::test]
async fn an_answer_without_streaming_is_metered_from_its_document() {
    let provider = Provider::start().await;
    let house = House::open(Plan::provider(provider.base_url())).await;
    let json = r#"{"id":"resp_9","status":"completed","usage":{"input_tokens":4,"output_tokens":1}}"#;
    let (response, ()) = tokio::join!(house.send(house.request(r#"{"model":"large"}"#)), async {
        provider.accept().await.answer("200 OK", json).await;
    });
    assert_eq!(read(response).await.unwrap(), json);
    let call = house.ledger.settled().await;
    assert_eq!((call.status, call.cost, call.usage.input), (Status::Done, MicroUsd(6), 4));
}

#[tokio::test]
async fn a_providers_error_passes_and_costs_nothing() {
    let provider = Provider::start().await;
    let house = House::open(Plan::provider(provider.base_url())).await;
    let json = r#"{"error":{"code":"rate_limit_exceeded","message":"slow down"}}"#;
    let (response, ()) = tokio::join!(house.send(house.request(BODY)), async {
        let mut exchange = provider.accept().await;
        exchange.write("HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-type: application/json\r\n").await;
        exchange.write(&format!("content-length: {}\r\n\r\n{json}", json.len())).await;
    });
    assert_eq!(
        (response.status(), &response.headers()["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"7".parse().unwrap())
    );
    assert_eq!(read(response).await.unwrap(), json);
    let call = house.ledger.settled().await;
    assert_eq!((call.status, call.cost, call.http_status), (Status::Failed, MicroUsd(0), 429));
    assert_eq!(call.error.as_deref(), Some("rate_limit_exceeded"));
}

#[tokio::test]
async fn what_a_provider_says_of_our_key_stays_here() {
    let provider = Provider::start().await;
    let house = House::open(Plan::provider(provider.base_url())).await;
    let (refused, ()) = tokio::join!(house.refused(house.request(BODY)), async {
        let mut exchange = provider.accept().await;
        exchange.answer("401 No", &format!("{{\"error\":\"bad key {PROVIDER_KEY}\"}}")).await;
    });
    assert_eq!((refused.0, refused.1.as_str()), (StatusCode::BAD_GATEWAY, "provider_key_refused"));
    assert!(!refused.2.contains("secret"), "{}", refused.2);
    let call = house.ledger.settled().await;
    assert_eq!((call.status, call.cost), (Status::Failed, MicroUsd(0)));
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_costs_nothing() {
    let nobody = Provider::start().await.base_url();
    let house = House::open(Plan::provider(nobody)).await;
    let (status, code, _) = house.refused(house.request(BODY)).await;
    assert_eq!((status, code.as_str()), (StatusCode::BAD_GATEWAY, "provider_unreachable"));
    let call = house.ledger.settled().await;
    assert_eq!((call.status, call.cost), (Status::Failed, MicroUsd(0)));
}

#[tokio::test]
async fn both_bodies_are_kept_when_asked() {
    let (provider, root) = (Provider::start().await, tempfile::tempdir().unwrap());
    let mut plan = Plan::provider(provider.base_url());
    plan.blobs = Some(root.path().join("blobs"));
    let house = House::open(plan).await;
    let (response, sent) = tokio::join!(house.send(house.request(BODY)), async {
        let mut exchange = provider.accept().await;
        exchange.begin().await;
        exchange.chunk(COMPLETED).await;
        exchange.end().await;
        exchange.body
    });
    read(response).await.unwrap();
    let call = house.ledger.settled().await;
    house.stop.cancel();
    assert_eq!(house.tasks.drain(Duration::from_secs(10)).await.abandoned, 0);
    for (name, body) in [(call.request_blob, sent), (call.response_blob, COMPLETED.into())] {
        let name = name.expect("a name");
        assert_eq!(name, base::digest::sha256_hex(&body));
        assert!(root.path().join("blobs").join(&name[..2]).join(format!("{name}.gz")).exists());
    }
}

#[tokio::test]
async fn a_provider_that_does_not_begin_to_answer_is_given_up() {
    let provider = Provider::start().await;
    let mut plan = Plan::provider(provider.base_url());
    plan.limits.answer_time = Duration::from_millis(50);
    let house = House::open(plan).await;
    let ((status, code, _), mut exchange) =
        tokio::join!(house.refused(house.request(BODY)), provider.accept());
    assert_eq!((status, code.as_str()), (StatusCode::GATEWAY_TIMEOUT, "provider_silent"));
    exchange.closed().await;
    let call = house.ledger.settled().await;
    assert_eq!((call.status, call.cost), (Status::Broken, call.reserved));
}

#[tokio::test]
async fn nothing_is_forwarded_while_the_store_is_down() {
    let provider = Provider::start().await;
    let house = House::open(Plan::provider(provider.base_url())).await;
    house.ledger.with(|state| state.down = true);
    tokio::select! {
        _ = provider.accept() => panic!("a call went out without a reservation"),
        (status, code, _) = house.refused(house.request(BODY)) => {
            assert_eq!((status, code.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"));
        }
    }
}

#[tokio::test]
async fn a_settlement_that_fails_is_tried_again() {
    let provider = Provider::start().await;
    let house = House::open(Plan::provider(provider.base_url())).await;
    house.ledger.with(|state| state.failing_settlements = 2);
    let (response, ()) = tokio::join!(house.send(house.request(BODY)), async {
        let mut exchange = provider.accept().await;
        exchange.begin().await;
        exchange.chunk(COMPLETED).await;
        exchange.end().await;
    });
    read(response).await.unwrap();
    assert_eq!(house.ledger.settled().await.cost, MicroUsd(20));
}

#[tokio::test]
async fn a_client_that_leaves_after_the_last_event_has_been_answered_whole() {
    let provider = Provider::start().await;
    let house = House::open(Plan::provider(provider.base_url())).await;
    let mut client = Client::over(TcpStream::connect(house.address).await.unwrap()).await;
    let (response, _exchange) = tokio::join!(client.send(house.request(BODY)), async {
        let mut exchange = provider.accept().await;
        exchange.begin().await;
        exchange.chunk(COMPLETED).await;
        exchange
    });
    response.into_body().frame().await.unwrap().unwrap();
    client.leave();
    let call = house.ledger.settled().await;
    assert_eq!((call.status, call.cost), (Status::Done, MicroUsd(20)));
}
