//! The `github` tracker writes, answers its tool, and judges deliveries.

use crate::github_fake::{GitHub, record};
use crate::server::Answer;
use crate::support::{NOW_US, context, json, mark, remark};
use adapters::tracker::webhook::{Seen, WebhookError};
use adapters::tracker::{Error, Remark};
use domain::{IssueId, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use hyper::HeaderMap;
use serde_json::json;

fn id(text: &str) -> IssueId {
    text.into()
}

#[tokio::test]
async fn an_issue_is_closed_once_and_in_the_name_of_the_run() {
    let github = GitHub::with(vec![record(1, "open")]).await;
    github.tracker.move_to(&id("1"), "Closed", &mark()).await.unwrap();
    github.tracker.move_to(&id("1"), "closed", &mark()).await.unwrap();
    assert_eq!(github.asked(), ["GET /issues/1", "PATCH /issues/1", "GET /issues/1"]);
    assert_eq!(github.world().issues[0]["state"], "closed");
    assert_eq!(github.server.seen()[1].header("x-seawall-run"), "0123456789abcdef/7");
    github.tracker.move_to(&id("1"), "open", &mark()).await.unwrap();
    assert_eq!(github.world().issues[0]["state"], "open");
}

#[tokio::test]
async fn what_cannot_be_moved_is_told_and_left_alone() {
    let mut pull = record(2, "open");
    pull["pull_request"] = json!({});
    let github = GitHub::with(vec![record(1, "open"), pull]).await;
    let state = github.tracker.move_to(&id("1"), "Done", &mark()).await;
    assert!(matches!(state, Err(Error::Refused(_))), "{state:?}");
    let pull = github.tracker.move_to(&id("2"), "closed", &mark()).await;
    assert!(matches!(pull, Err(Error::Refused(_))), "{pull:?}");
    for gone in ["9", "SHOP-1"] {
        assert_eq!(github.tracker.move_to(&id(gone), "closed", &mark()).await, Err(Error::NoIssue(id(gone))));
    }
    assert!(github.asked().iter().all(|asked| asked.starts_with("GET")));
}

#[tokio::test]
async fn a_write_that_is_refused_is_an_error() {
    let github = GitHub::with(vec![record(1, "open")]).await;
    let no = Answer::json(403, &json!({"message": "Resource not accessible by personal access token"}));
    github.world().first = vec![Answer::json(200, &record(1, "open")), no];
    let moved = github.tracker.move_to(&id("1"), "closed", &mark()).await;
    assert!(matches!(moved, Err(Error::Status { status: 403, .. })), "{moved:?}");
}

#[tokio::test]
async fn the_same_remark_is_one_comment_even_among_many() {
    let github = GitHub::with(vec![record(1, "open")]).await;
    github.tracker.remark(&id("1"), &remark("Landed."), &mark()).await.unwrap();
    let comments: Vec<_> = (0..230).map(|n| json!({"of": 1, "body": format!("talk {n}")})).collect();
    github.world().comments.splice(0..0, comments);
    github.tracker.remark(&id("1"), &remark("Landed."), &mark()).await.unwrap();
    let later = Remark { at: Timestamp(NOW_US + 1), ..remark("Landed.") };
    github.tracker.remark(&id("1"), &later, &mark()).await.unwrap();
    let posts = github.asked().iter().filter(|asked| asked.starts_with("POST")).count();
    assert_eq!((posts, github.world().comments.len()), (2, 232));
    let body = github.world().comments[230]["body"].as_str().unwrap().to_owned();
    assert!(body.starts_with("**ada**\n\nLanded.\n\n<!-- seawall:") && body.ends_with(" -->"), "{body}");
    assert!(
        github.asked()[0].ends_with("comments?per_page=100&since=2026-11-17T11:06:40Z"),
        "{:?}",
        github.asked()
    );
}

#[tokio::test]
async fn a_remark_under_an_issue_that_is_gone_says_so() {
    let github = GitHub::with(vec![]).await;
    github.world().first = vec![Answer::json(410, &json!({}))];
    assert_eq!(github.tracker.remark(&id("1"), &remark("hi"), &mark()).await, Err(Error::NoIssue(id("1"))));
    github.world().first = vec![Answer::json(500, &json!({}))];
    let failed = github.tracker.remark(&id("1"), &remark("hi"), &mark()).await;
    assert!(matches!(failed, Err(Error::Status { status: 500, .. })), "{failed:?}");
}

#[tokio::test]
async fn the_tool_sends_what_is_allowed_in_the_name_of_the_run() {
    let github = GitHub::with(vec![record(1, "open")]).await;
    let call =
        json!({"method": "POST", "path": "/repos/acme/shop/issues/1/comments", "body": {"body": "hi"}});
    let answer = github.tracker.call_tool("github_api", call, &context("1")).await;
    assert_eq!((answer.ok, json(&answer.text)), (true, json!({"status": 201, "body": {"id": 1}})));
    let seen = github.server.seen().remove(0);
    assert_eq!(seen.header("authorization"), format!("Bearer {}", github.token));
    assert_eq!(seen.header("x-seawall-run"), "0123456789abcdef/7");
    let list = json!({"method": "GET", "path": "/repos/acme/shop/issues", "params": {"state": "open"}});
    assert!(github.tracker.call_tool("github_api", list, &context("1")).await.ok);
    assert_eq!(github.asked()[1], "GET /issues?state=open");
}

#[tokio::test]
async fn what_github_refuses_reaches_the_agent_with_its_status_and_without_the_token() {
    let github = GitHub::with(vec![]).await;
    let echo = json!({"message": format!("bad {}", github.token)});
    github.world().first = vec![Answer::json(422, &echo), Answer::text(500, "<html>"), Answer::text(204, "")];
    let call = json!({"method": "GET", "path": "/repos/acme/shop/issues/1"});
    let mut told = vec![];
    for _ in 0..3 {
        let answer = github.tracker.call_tool("github_api", call.clone(), &context("1")).await;
        told.push((answer.ok, json(&answer.text)));
    }
    let expect = [
        (false, json!({"status": 422, "body": {"message": "bad [secret]"}})),
        (false, json!({"status": 500, "body": "<html>"})),
        (true, json!({"status": 204, "body": null})),
    ];
    assert_eq!(told, expect);
}

#[tokio::test]
async fn what_the_tool_cannot_do_is_told_with_a_name_and_nothing_is_sent() {
    let github = GitHub::with(vec![]).await;
    for (name, call) in [
        ("github_api", json!({"method": "GET", "path": "https://evil.example/repos/acme/shop"})),
        ("github_api", json!({"method": "GET", "path": "/repos/acme/shop/../other"})),
        ("github_api", json!({"method": "GET", "path": "/repos/acme/other/issues"})),
        ("github_api", json!({"method": "TRACE", "path": "/repos/acme/shop"})),
        ("github_api", json!({"method": "PUT", "path": "/repos/acme/shop/pulls/1/merge"})),
        ("github_api", json!([])),
        ("linear_graphql", json!({"query": "{ a }"})),
    ] {
        let answer = github.tracker.call_tool(name, call, &context("1")).await;
        let told = json(&answer.text);
        assert_eq!((answer.ok, &told["success"]), (false, &json!(false)), "{told}");
        assert_eq!(told["error"]["category"], "tracker_refused");
    }
    assert_eq!(github.server.count(), 0);
}

fn delivery(secret: &str, body: &str, id: &str) -> HeaderMap {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let pairs = [("x-hub-signature-256", format!("sha256={hex}")), ("x-github-delivery", id.to_owned())];
    pairs.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

#[tokio::test]
async fn a_delivery_counts_when_it_is_signed_and_new() {
    let github = GitHub::configured(vec![], json!({"webhook_secret": "hush"})).await;
    let (now, body, seen) = (Timestamp(NOW_US), r#"{"action":"opened"}"#, Seen::default());
    let check = |headers: &HeaderMap, body: &str| {
        let delivery = github.tracker.verify_webhook(headers, body.as_bytes(), now)?;
        seen.first_time(&delivery, now).map(|()| delivery.id)
    };
    assert_eq!(check(&delivery("hush", body, "d-1"), body), Ok("d-1".to_owned()));
    // The id is not signed: a copy under another one is a copy.
    assert_eq!(check(&delivery("hush", body, "d-2"), body), Err(WebhookError::Replayed));
    assert_eq!(check(&delivery("hush", body, "d-3"), "{}"), Err(WebhookError::Forged));
    assert_eq!(check(&delivery("other", body, "d-4"), body), Err(WebhookError::Forged));
    let mut bare = delivery("hush", "{}", "d-5");
    let signature = bare["x-hub-signature-256"].to_str().unwrap().replace("sha256=", "");
    bare.insert("x-hub-signature-256", signature.parse().unwrap());
    assert_eq!(check(&bare, "{}"), Err(WebhookError::Forged));
    assert_eq!(check(&HeaderMap::new(), "{}"), Err(WebhookError::Unsigned));
    assert_eq!(check(&delivery("hush", "{}", "d-6"), "{}"), Ok("d-6".to_owned()));
}
