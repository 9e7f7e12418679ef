//! Errors in the shape, and with the statuses, that Anthropic's clients obey.

use crate::house::{House, PROVIDER_KEY, Plan, claims, message, order, read};
use crate::provider::Provider;
use domain::Fence;
use domain::call::Status;
use domain::containment::Scope;
use http_body_util::BodyExt;
use serde_json::{Value, json};

const PATH: &str = "/v1/messages?beta=true";
const BODY: &str = r#"{"model":"large","stream":true,"max_tokens":100}"#;
const TALK: &str = "[[script]]\nname = 'a'\n[[script.turn]]\ntext = 'a'\nrepeat = true\n";

#[tokio::test]
async fn what_is_not_served_is_told_in_anthropics_shape() {
    let mut plan = Plan::rehearsal(TALK);
    plan.limits.body_bytes = 200;
    let house = House::open(plan).await;
    let mut zipped = house.message(PATH, BODY);
    zipped.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    let mut other = house.message("/v1/complete", "");
    *other.method_mut() = hyper::Method::GET;
    let mut get = house.message(PATH, "");
    *get.method_mut() = hyper::Method::GET;
    for (request, status, kind) in [
        (message("sk-anything", PATH, BODY), 401, "authentication_error"),
        (house.message(PATH, "{"), 400, "invalid_request_error"),
        (house.message(PATH, r#"{"model":"large","max_tokens":"many"}"#), 400, "invalid_request_error"),
        (house.message(PATH, r#"{"model":"huge"}"#), 404, "not_found_error"),
        (house.message("/v1/messages/count_tokens", r#"{"model":"huge"}"#), 404, "not_found_error"),
        (house.message(PATH, r#"{"model":"unpriced"}"#), 404, "not_found_error"),
        (house.message(PATH, &"x".repeat(201)), 413, "request_too_large"),
        (zipped, 400, "invalid_request_error"),
        (get, 405, "invalid_request_error"),
        (other, 404, "not_found_error"),
    ] {
        let refused = house.refused_message(request).await;
        assert_eq!((refused.0, refused.1.as_str()), (status, kind), "{}", refused.2);
    }
}

#[tokio::test]
async fn a_spent_budget_is_402() {
    let mut plan = Plan::rehearsal(TALK);
    plan.team_budget = Some("0.0001 USD/day");
    let house = House::open(plan).await;
    let (status, kind, text) = house.refused_message(house.message(PATH, BODY)).await;
    assert_eq!((status, kind.as_str()), (402, "billing_error"));
    assert!(text.contains("team/pay") && text.contains("0.000100 USD"), "{text}");
    assert!(house.ledger.with(|state| state.calls.is_empty()));
}

#[tokio::test]
async fn a_token_of_an_older_claim_is_403_for_every_operation() {
    let house = House::open(Plan::rehearsal(TALK)).await;
    house.ledger.with(|state| state.fences.insert(claims().identity.run, Fence(4)));
    for path in [PATH, "/v1/messages/count_tokens"] {
        let (status, kind, text) = house.refused_message(house.message(path, BODY)).await;
        assert_eq!((status, kind.as_str()), (403, "permission_error"));
        assert!(text.contains("older claim"), "{text}");
    }
}

#[tokio::test]
async fn an_order_cuts_an_open_message_and_refuses_the_next() {
    let provider = Provider::start().await;
    let house = House::open(Plan::anthropic(provider.base_url())).await;
    let (response, mut exchange) = tokio::join!(house.send(house.message(PATH, BODY)), async {
        let mut exchange = provider.accept().await;
        exchange.begin().await;
        exchange.chunk("event: ping\ndata: {\"type\": \"ping\"}\n\n").await;
        exchange
    });
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    house.ledger.contain(order(Scope::Agent("author".into())));
    assert!(body.frame().await.unwrap().is_err(), "the stream is broken, not ended");
    exchange.closed().await;
    let call = house.ledger.settled().await;
    assert_eq!((call.status, call.cost), (Status::Cut, call.reserved));
    let (status, kind, text) = house.refused_message(house.message(PATH, BODY)).await;
    assert_eq!((status, kind.as_str()), (403, "permission_error"));
    assert!(text.contains("it loops"), "{text}");
}

#[tokio::test]
async fn a_provider_is_never_asked_in_a_protocol_that_it_does_not_speak() {
    let nobody = Provider::start().await.base_url();
    let house = House::open(Plan::provider(nobody.clone())).await;
    let (status, kind, text) = house.refused_message(house.message(PATH, BODY)).await;
    assert_eq!((status, kind.as_str()), (404, "not_found_error"));
    assert!(text.contains("speaks the Messages API, only p/gpt-x"), "{text}");
    let house = House::open(Plan::anthropic(nobody)).await;
    let (status, code, text) = house.refused(house.request(BODY)).await;
    assert_eq!((status.as_u16(), code.as_str()), (400, "protocol_not_spoken"));
    assert!(text.contains("speaks the Responses API, only p/gpt-x"), "{text}");
}

#[tokio::test]
async fn a_providers_own_error_passes_and_what_it_says_of_our_key_does_not() {
    let provider = Provider::start().await;
    let house = House::open(Plan::anthropic(provider.base_url())).await;
    let json = r#"{"type":"error","error":{"type":"overloaded_error","message":"later"}}"#;
    let (response, ()) = tokio::join!(house.send(house.message(PATH, BODY)), async {
        provider.accept().await.answer("529 Overloaded", json).await;
    });
    assert_eq!((response.status().as_u16(), read(response).await.unwrap()), (529, json.into()));
    let call = house.ledger.settled().await;
    assert_eq!((call.status, call.error.as_deref()), (Status::Failed, Some("overloaded_error")));
    let (refused, ()) = tokio::join!(house.refused_message(house.message(PATH, BODY)), async {
        provider.accept().await.answer("401 No", &format!("{{\"error\":\"bad {PROVIDER_KEY}\"}}")).await;
    });
    assert_eq!((refused.0, refused.1.as_str()), (502, "api_error"));
    assert!(!refused.2.contains("secret"), "{}", refused.2);
}

#[tokio::test]
async fn the_token_may_come_as_a_bearer_and_models_are_listed_in_anthropics_shape() {
    let house = House::open(Plan::rehearsal(TALK)).await;
    let mut request = house.message("/v1/models", "");
    *request.method_mut() = hyper::Method::GET;
    request.headers_mut().remove("x-api-key");
    let token = format!("Bearer {}", house.token(&claims()));
    request.headers_mut().insert("authorization", token.parse().unwrap());
    let body: Value = serde_json::from_slice(&read(house.send(request).await).await.unwrap()).unwrap();
    assert_eq!(
        (&body["first_id"], &body["last_id"], &body["has_more"]),
        (&json!("large"), &json!("unpriced"), &json!(false))
    );
    assert_eq!((&body["data"][0]["id"], &body["data"][0]["type"]), (&json!("large"), &json!("model")));
}
