//! Pass-through and metering of messages.

use crate::house::{House, PROVIDER_KEY, Plan, claims, message, read, request};
use crate::provider::{COMPLETED, MESSAGE, Provider};
use domain::MicroUsd;
use domain::call::{Status, Usage};
use http_body_util::BodyExt;

const PATH: &str = "/v1/messages?beta=true";
const BODY: &str =
    " {\"odd\\u0041\":1.0E+2,\t\"max_tokens\":100,\"stream\":true,\n\"model\":\"large\" , \"é\":[]}\n";
const WHOLE: &str = r#"{"model":"large","max_tokens":10}"#;

#[tokio::test]
async fn a_message_passes_with_its_query_and_the_versions_it_names() {
    let provider = Provider::start().await;
    let house = House::open(Plan::anthropic(provider.base_url())).await;
    let (response, exchange) = tokio::join!(house.send(house.message(PATH, BODY)), async {
        let mut exchange = provider.accept().await;
        exchange.begin().await;
        exchange.chunk(MESSAGE).await;
        exchange.end().await;
        exchange
    });
    assert_eq!(String::from_utf8(exchange.body).unwrap(), BODY.replace("\"large\"", "\"gpt-x\""));
    let head = exchange.head;
    assert!(head.starts_with("POST /v1/messages?beta=true HTTP/1.1\r\n"), "{head}");
    for line in [
        &format!("x-api-key: {PROVIDER_KEY}"),
        "anthropic-version: 2026-10-21",
        "anthropic-beta: effort-2025-11-24",
        "accept-encoding: identity",
    ] {
        assert!(head.contains(&format!("{line}\r\n")), "{line} is not in {head}");
    }
    assert!(!head.contains("authorization"), "{head}");
    for (name, value) in [("x-seawall-run", "r1"), ("x-seawall-route", "p/gpt-x"), ("x-request-id", "req_1")]
    {
        assert_eq!(response.headers()[name], value, "{name}");
    }
    let id = response.headers()["x-seawall-call"].clone();
    assert_eq!(read(response).await.unwrap(), MESSAGE);
    assert_eq!(house.ledger.settled().await.id.as_str(), id);
}

#[tokio::test]
async fn a_message_is_billed_by_what_it_sent_read_from_the_cache_and_wrote_into_it() {
    let provider = Provider::start().await;
    let house = House::open(Plan::anthropic(provider.base_url())).await;
    let (response, ()) = tokio::join!(house.send(house.message(PATH, WHOLE)), async {
        let mut exchange = provider.accept().await;
        exchange.begin().await;
        exchange.chunk(MESSAGE).await;
        exchange.end().await;
    });
    read(response).await.unwrap();
    let call = house.ledger.settled().await;
    assert_eq!(call.usage, Usage { input: 60, cached: 30, cache_write: 20, output: 5, reasoning: 0 });
    // 10 and 20 at 1 micro-dollar, 30 at a tenth, 5 at 2.
    assert_eq!((call.status, call.cost), (Status::Done, MicroUsd(43)));
    // The bytes of the body at 1, and the 10 tokens that it allows at 2.
    assert_eq!(call.reserved, MicroUsd(WHOLE.len() as u64 + 20));
    assert_eq!(call.provider_id.as_deref(), Some("msg_7"));
}

#[tokio::test]
async fn a_whole_message_is_metered_from_its_document() {
    let provider = Provider::start().await;
    let house = House::open(Plan::anthropic(provider.base_url())).await;
    let json = r#"{"id":"msg_9","type":"message","usage":{"input_tokens":4,"output_tokens":1}}"#;
    let (response, ()) = tokio::join!(house.send(house.message(PATH, WHOLE)), async {
        provider.accept().await.answer("200 OK", json).await;
    });
    assert_eq!(read(response).await.unwrap(), json);
    assert_eq!(house.ledger.settled().await.cost, MicroUsd(6));
}

#[tokio::test]
async fn a_version_is_named_for_clients_that_name_none_and_the_address_may_end_with_one() {
    for end in ["", "/", "/v1", "/v1/"] {
        let provider = Provider::start().await;
        let base_url = provider.base_url().replace("/v1", end);
        let house = House::open(Plan::anthropic(base_url)).await;
        let mut request = house.message("/v1/messages", WHOLE);
        request.headers_mut().remove("anthropic-version");
        let (_, exchange) = tokio::join!(house.send(request), async {
            let mut exchange = provider.accept().await;
            exchange.answer("200 OK", "{}").await;
            exchange
        });
        assert!(exchange.head.starts_with("POST /v1/messages HTTP/1.1\r\n"), "{end}: {}", exchange.head);
        assert!(exchange.head.contains("anthropic-version: 2023-06-01\r\n"), "{}", exchange.head);
    }
}

#[tokio::test]
async fn counting_tokens_costs_nothing_and_needs_no_budget() {
    let provider = Provider::start().await;
    let mut plan = Plan::anthropic(provider.base_url());
    plan.team_budget = Some("0.000001 USD/day");
    let house = House::open(plan).await;
    let count = house.message("/v1/messages/count_tokens?beta=true", WHOLE);
    let (response, exchange) = tokio::join!(house.send(count), async {
        let mut exchange = provider.accept().await;
        exchange.answer("200 OK", r#"{"input_tokens":7}"#).await;
        exchange
    });
    assert!(exchange.head.starts_with("POST /v1/messages/count_tokens?beta=true HTTP/1.1\r\n"));
    assert_eq!(read(response).await.unwrap(), r#"{"input_tokens":7}"#);
    let call = house.ledger.settled().await;
    assert_eq!((call.status, call.reserved, call.cost), (Status::Done, MicroUsd::ZERO, MicroUsd::ZERO));
}

#[tokio::test]
async fn a_message_that_ends_before_its_last_event_breaks_at_the_client() {
    for clean in [true, false] {
        let provider = Provider::start().await;
        let house = House::open(Plan::anthropic(provider.base_url())).await;
        let begun = MESSAGE.split_once("event: message_delta").unwrap().0;
        let (response, ()) = tokio::join!(house.send(house.message(PATH, WHOLE)), async {
            let mut exchange = provider.accept().await;
            exchange.begin().await;
            exchange.chunk(begun).await;
            if clean {
                exchange.end().await;
            }
        });
        let mut body = response.into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), begun);
        assert!(body.frame().await.unwrap().is_err(), "not a clean end");
        let call = house.ledger.settled().await;
        assert_eq!((call.status, call.cost), (Status::Broken, call.reserved), "clean: {clean}");
    }
}

#[tokio::test]
async fn one_model_leads_each_protocol_to_a_provider_that_speaks_it() {
    let (openai, anthropic) = (Provider::start().await, Provider::start().await);
    let mut plan = Plan::provider(openai.base_url());
    plan.second = Some(Plan::anthropic(anthropic.base_url()).kind);
    let house = House::open(plan).await;
    let (body, token) = (r#"{"model":"both"}"#, house.token(&claims()));
    for (request, provider, text, route) in [
        (request(&token, body), &openai, COMPLETED, "p/gpt-x"),
        (message(&token, "/v1/messages", body), &anthropic, MESSAGE, "q/gpt-x"),
    ] {
        let (response, ()) = tokio::join!(house.send(request), async {
            let mut exchange = provider.accept().await;
            exchange.begin().await;
            exchange.chunk(text).await;
            exchange.end().await;
        });
        assert_eq!(response.headers()["x-seawall-route"], route);
        assert_eq!(read(response).await.unwrap(), text);
    }
}
