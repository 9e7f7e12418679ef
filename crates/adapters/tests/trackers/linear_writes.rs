//! The `linear` tracker writes, answers its tool, and judges deliveries.

use crate::linear_fake::{Linear, node};
use crate::server::Answer;
use crate::support::{NOW_US, context, json, mark, remark};
use adapters::tracker::webhook::WebhookError;
use adapters::tracker::{Error, Remark};
use domain::{IssueId, Millis, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use hyper::HeaderMap;
use serde_json::json;

fn id(text: &str) -> IssueId {
    text.into()
}

#[tokio::test]
async fn an_issue_is_moved_by_the_name_of_its_teams_state_and_once() {
    let linear = Linear::with(vec![node("a-1", "Todo")]).await;
    linear.tracker.move_to(&id("a-1"), " in progress ", &mark()).await.unwrap();
    linear.tracker.move_to(&id("a-1"), "In Progress", &mark()).await.unwrap();
    assert_eq!(linear.world().issues[0]["state"]["name"], "In Progress");
    assert_eq!(linear.changes(), 1);
    let written =
        linear.server.seen().into_iter().find(|s| s.body["query"].as_str().unwrap().starts_with("mutation"));
    assert_eq!(written.unwrap().header("x-seawall-run"), "0123456789abcdef/7");
}

#[tokio::test]
async fn a_state_that_the_team_does_not_have_is_refused_and_a_stranger_is_no_issue() {
    let linear = Linear::with(vec![node("a-1", "Todo")]).await;
    let refused = linear.tracker.move_to(&id("a-1"), "Shipped", &mark()).await.unwrap_err();
    assert!(matches!(&refused, Error::Refused(why) if why.contains("Todo, In Progress, Done")), "{refused}");
    let gone = linear.tracker.move_to(&id("a-9"), "Done", &mark()).await;
    assert_eq!(gone, Err(Error::NoIssue(id("a-9"))));
    assert_eq!(
        linear.tracker.remark(&id("a-9"), &remark("hi"), &mark()).await,
        Err(Error::NoIssue(id("a-9")))
    );
    assert_eq!(linear.changes(), 0);
}

#[tokio::test]
async fn a_change_that_is_not_confirmed_is_an_error() {
    let linear = Linear::with(vec![node("a-1", "Todo")]).await;
    let found = json!({"data": {"issues": {"nodes": [{"id": "a-1", "state": {"name": "Todo"},
        "team": {"states": {"nodes": [{"id": "s", "name": "Done"}]}}}]}}});
    let unconfirmed = json!({"data": {"issueUpdate": {"success": false}}});
    linear.world().first = vec![Answer::json(200, &found), Answer::json(200, &unconfirmed)];
    let moved = linear.tracker.move_to(&id("a-1"), "Done", &mark()).await;
    assert!(matches!(moved, Err(Error::Response(_))), "{moved:?}");
}

#[tokio::test]
async fn the_same_remark_is_one_comment_however_often_it_is_asked_for() {
    let linear = Linear::with(vec![node("a-1", "Todo")]).await;
    for _ in 0..2 {
        linear.tracker.remark(&id("a-1"), &remark("Landed."), &mark()).await.unwrap();
    }
    let later = Remark { at: Timestamp(NOW_US + 1), ..remark("Landed.") };
    linear.tracker.remark(&id("a-1"), &later, &mark()).await.unwrap();
    let comments = linear.world().comments.clone();
    assert_eq!(comments.len(), 2);
    assert_eq!(
        (&comments[0]["issueId"], &comments[0]["body"]),
        (&json!("a-1"), &json!("**ada**\n\nLanded."))
    );
}

#[tokio::test]
async fn the_tool_runs_one_operation_in_the_name_of_the_run() {
    let linear = Linear::with(vec![node("a-1", "Todo")]).await;
    let call = json!({"query": "query { viewer { id } }", "variables": {"a": 1}});
    let answer = linear.tracker.call_tool("linear_graphql", call, &context("a-1")).await;
    assert_eq!((answer.ok, json(&answer.text)), (true, json!({"data": {"viewer": {"id": "user-me"}}})));
    let seen = linear.server.seen().remove(0);
    assert_eq!(
        (seen.header("authorization"), seen.header("x-seawall-run")),
        (linear.key.as_str(), "0123456789abcdef/7")
    );
    assert_eq!(seen.body["variables"], json!({"a": 1}));
    assert_eq!(linear.tracker.tools()[0].name, "linear_graphql");
}

#[tokio::test]
async fn what_the_tool_cannot_do_is_told_with_a_name_and_nothing_is_sent() {
    let linear = Linear::with(vec![]).await;
    for (name, call) in [
        ("linear_graphql", json!({"query": "query A { a } mutation B { b }"})),
        ("linear_graphql", json!({"query": ""})),
        ("linear_graphql", json!({"query": "{ a }", "variables": 7})),
        ("linear_graphql", json!(null)),
        ("github_api", json!({"query": "{ a }"})),
    ] {
        let answer = linear.tracker.call_tool(name, call, &context("a-1")).await;
        let told = json(&answer.text);
        assert_eq!((answer.ok, &told["success"]), (false, &json!(false)), "{told}");
        assert_eq!(told["error"]["category"], "tracker_refused");
    }
    assert_eq!(linear.server.count(), 0);
}

#[tokio::test]
async fn what_linear_refuses_reaches_the_agent_without_the_key() {
    let linear = Linear::with(vec![]).await;
    let errors = json!({"errors": [{"message": format!("no such field, {}", linear.key)}], "data": null});
    linear.world().first = vec![
        Answer::json(200, &errors),
        Answer::text(401, &format!("bad key {}", linear.key)),
        Answer::text(429, "").with("retry-after", "5"),
    ];
    let call = json!({"query": "{ a }"});
    for (category, part) in [
        ("tracker_response", "no such field, [secret]"),
        ("tracker_status", "401: bad key [secret]"),
        ("tracker_rate_limited", "in 5 s"),
    ] {
        let answer = linear.tracker.call_tool("linear_graphql", call.clone(), &context("a-1")).await;
        let told = json(&answer.text);
        assert_eq!(
            (answer.ok, &told["success"], &told["error"]["category"]),
            (false, &json!(false), &json!(category))
        );
        assert!(told["error"]["message"].as_str().unwrap().contains(part), "{told}");
        assert!(!answer.text.contains(&linear.key));
    }
}

#[tokio::test]
async fn an_answer_that_would_flood_the_model_is_not_handed_on() {
    let linear = Linear::with(vec![]).await;
    linear.world().first = vec![Answer::json(200, &json!({"data": "x".repeat(300_000)}))];
    let answer = linear.tracker.call_tool("linear_graphql", json!("{ a }"), &context("a-1")).await;
    assert!(!answer.ok && answer.text.len() < 300, "{}", answer.text);
}

fn delivery(secret: &str, body: &str) -> HeaderMap {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    HeaderMap::from_iter([
        ("linear-signature".parse().unwrap(), hex.parse().unwrap()),
        ("linear-event".parse().unwrap(), "Issue".parse().unwrap()),
    ])
}

#[tokio::test]
async fn a_delivery_counts_when_it_is_signed_and_fresh() {
    let linear = Linear::configured(vec![], json!({"webhook_secret": "hush"})).await;
    let body = json!({"action": "update", "webhookTimestamp": NOW_US / 1_000}).to_string();
    let check = |headers: &HeaderMap, body: &str, now: Timestamp| {
        linear.tracker.verify_webhook(headers, body.as_bytes(), now).map(|delivery| delivery.event)
    };
    let (signed, now) = (delivery("hush", &body), Timestamp(NOW_US));
    assert_eq!(check(&signed, &body, now), Ok("Issue".to_owned()));
    assert_eq!(check(&signed, &body, now.plus(Millis::seconds(61))), Err(WebhookError::Stale));
    assert_eq!(check(&signed, &body, Timestamp(NOW_US - 61_000_000)), Err(WebhookError::Stale));
    assert_eq!(check(&signed, &body.replace("update", "remove"), now), Err(WebhookError::Forged));
    assert_eq!(check(&delivery("other", &body), &body, now), Err(WebhookError::Forged));
    assert_eq!(check(&HeaderMap::new(), &body, now), Err(WebhookError::Unsigned));
    let timeless = "{}";
    assert!(matches!(check(&delivery("hush", timeless), timeless, now), Err(WebhookError::Malformed(_))));
    let deaf = Linear::with(vec![]).await;
    assert_eq!(deaf.tracker.verify_webhook(&signed, body.as_bytes(), now), Err(WebhookError::NotServed));
}
