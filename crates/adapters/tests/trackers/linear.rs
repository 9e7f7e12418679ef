//! The `linear` tracker reads.

use crate::linear_fake::{Linear, node};
use crate::server::{Answer, Server};
use crate::support::{NOW_US, ids, names, open_with, states, told};
use adapters::tracker::{Category, Error};
use base::env::Env;
use domain::{Millis, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn nothing_is_asked_for_nothing() {
    let linear = Linear::with(vec![node("a-1", "Todo")]).await;
    assert_eq!(linear.tracker.fetch_by_states(&[]).await.unwrap().issues, []);
    assert_eq!(linear.tracker.fetch_by_ids(&[]).await.unwrap(), []);
    assert_eq!(linear.server.count(), 0);
}

#[tokio::test]
async fn every_field_arrives_normalised() {
    let mut full = node("a-1", "In Progress");
    full["description"] = json!("Body\u{1b}[31m\nsecond");
    full["priority"] = json!(2.0);
    full["assignee"] = json!({"id": "user-1"});
    full["labels"] = json!({"nodes": [{"name": " Bug "}, {"name": "BUG"}, {"name": ""}, {"name": 7}]});
    full["inverseRelations"] = json!({"nodes": [
        {"type": "blocks", "issue": {"id": "a-0", "identifier": "A-0", "state": {"name": "Todo"}}},
        {"type": "related", "issue": {"id": "a-9"}},
    ]});
    let linear = Linear::with(vec![full]).await;
    let issue = linear.tracker.fetch_by_ids(&ids(["a-1"])).await.unwrap().remove(0);
    assert_eq!((issue.identifier.as_str(), issue.title.as_str()), ("A-1", "Title of a-1"));
    assert_eq!(issue.description.as_deref(), Some("Body[31m\nsecond"));
    assert_eq!((issue.state.as_str(), issue.priority), ("In Progress", Some(2)));
    assert_eq!(issue.labels, ["bug"]);
    assert_eq!((issue.branch_name.as_deref(), issue.assignee_id.as_deref()), (Some("x/a-1"), Some("user-1")));
    assert_eq!(issue.url.as_deref(), Some("https://linear.app/x/issue/a-1"));
    assert_eq!(issue.created_at, Some(Timestamp(NOW_US - 4_000_000_000)));
    assert_eq!((issue.blocked_by.len(), issue.blocked_by[0].name()), (1, "A-0"));
    assert_eq!((issue.withheld, issue.version.len()), (None, 64));
}

#[tokio::test]
async fn pages_keep_their_order_and_states_are_compared_without_case() {
    let issues = (0..120).map(|n| node(&format!("a-{n}"), if n == 7 { "Done" } else { "Todo" })).collect();
    let linear = Linear::with(issues).await;
    let listing = linear.tracker.fetch_by_states(&names(&[" TODO "])).await.unwrap();
    let expect: Vec<String> = (0..120).filter(|n| *n != 7).map(|n| format!("a-{n}")).collect();
    assert_eq!(told(&listing.issues), expect);
    let pages: Vec<_> =
        linear.asked().iter().map(|asked| (asked["first"].clone(), asked["after"].clone())).collect();
    assert_eq!(pages, [(json!(50), json!(null)), (json!(50), json!("50")), (json!(50), json!("100"))]);
    assert_eq!(linear.server.seen()[0].header("authorization"), linear.key);
}

#[tokio::test]
async fn an_issue_on_two_pages_comes_once() {
    let issues = (0..51).map(|n| node(&format!("a-{}", n % 50), "Todo")).collect();
    let linear = Linear::with(issues).await;
    let listing = linear.tracker.fetch_by_states(&names(&["Todo"])).await.unwrap();
    assert_eq!((listing.issues.len(), linear.server.count()), (50, 2));
}

#[tokio::test]
async fn a_record_that_is_no_issue_is_told_in_a_list_and_an_error_in_a_refresh() {
    let mut broken = node("a-2", "Todo");
    broken["title"] = json!(null);
    let linear = Linear::with(vec![node("a-1", "Todo"), broken, node("a-3", "Todo")]).await;
    let listing = linear.tracker.fetch_by_states(&names(&["Todo"])).await.unwrap();
    assert_eq!((told(&listing.issues), listing.problems.len()), (vec!["a-1", "a-3"], 1));
    let refreshed = linear.tracker.fetch_by_ids(&ids(["a-1", "a-2"])).await;
    assert!(matches!(refreshed, Err(Error::Response(_))), "{refreshed:?}");
}

#[tokio::test]
async fn ids_are_asked_for_in_batches_and_each_issue_comes_once() {
    let all: Vec<String> = (0..120).map(|n| format!("a-{n}")).collect();
    let linear = Linear::with(all.iter().map(|id| node(id, "Done")).collect()).await;
    let wanted = ids(all.iter().map(String::as_str).chain(["a-0", "a-1"]));
    let found = linear.tracker.fetch_by_ids(&wanted).await.unwrap();
    assert_eq!(told(&found), all);
    let batches: Vec<_> =
        linear.asked().iter().map(|asked| asked["filter"]["id"]["in"].as_array().unwrap().len()).collect();
    assert_eq!(batches, [50, 50, 20]);
}

#[tokio::test]
async fn what_left_the_project_is_not_visible() {
    let mut moved = node("a-2", "Todo");
    moved["project"] = json!("other");
    let linear = Linear::with(vec![node("a-1", "Todo"), moved]).await;
    let found = linear.tracker.fetch_by_ids(&ids(["a-1", "a-2", "a-3"])).await.unwrap();
    assert_eq!(told(&found), ["a-1"]);
}

#[tokio::test]
async fn pages_that_do_not_fit_together_are_an_error() {
    let linear = Linear::with(vec![node("a-1", "Todo")]).await;
    for info in [
        json!({"hasNextPage": true}),
        json!({"hasNextPage": true, "endCursor": ""}),
        json!({"hasNextPage": true, "endCursor": "0"}),
        json!({"hasNextPage": "yes", "endCursor": "1"}),
        json!({}),
        json!(null),
    ] {
        linear.world().page_info = Some(info.clone());
        let read = linear.tracker.fetch_by_states(&names(&["Todo"])).await;
        let category = read.map_err(|error| error.category());
        assert_eq!(category, Err(Category::Pagination), "{info}");
    }
    linear.world().page_info = Some(json!({"hasNextPage": true, "endCursor": "1"}));
    let refreshed = linear.tracker.fetch_by_ids(&ids(["a-1"])).await;
    assert_eq!(refreshed.map_err(|error| error.category()), Err(Category::Pagination));
}

#[tokio::test]
async fn an_error_on_refresh_is_never_missing() {
    for (answer, category) in [
        (Answer::text(500, "oops"), Category::Status),
        (Answer::text(401, "{\"errors\":[{\"message\":\"no key\"}]}"), Category::Status),
        (Answer::text(403, ""), Category::Status),
        (Answer::text(404, ""), Category::Status),
        (Answer::text(301, "").with("location", "/elsewhere"), Category::Status),
        (Answer::text(429, "slow"), Category::RateLimited),
        (Answer::text(503, "").with("retry-after", "7"), Category::RateLimited),
        (Answer::text(200, "<html>"), Category::Response),
        (Answer::text(200, "{\"data\":null}"), Category::Response),
        (Answer::text(200, "{\"data\":{\"issues\":{\"nodes\":{}}}}"), Category::Response),
        (
            Answer::text(200, "{\"errors\":[{\"message\":\"x\"}],\"data\":{\"issues\":{\"nodes\":[]}}}"),
            Category::Response,
        ),
        (Answer::Silence, Category::Request),
        (Answer::Cut, Category::Request),
    ] {
        // Only silence is waited out; a busy machine may take its time over the others.
        let timeout_ms = if matches!(answer, Answer::Silence) { 300 } else { 30_000 };
        let linear = Linear::configured(vec![node("a-1", "Todo")], json!({"timeout_ms": timeout_ms})).await;
        // A connection that is cut before it was of use may be tried once more.
        linear.world().first = vec![answer.clone(), answer.clone()];
        let refreshed = linear.tracker.fetch_by_ids(&ids(["a-1"])).await;
        assert_eq!(refreshed.map_err(|error| error.category()), Err(category), "{answer:?}");
    }
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_an_error() {
    let linear = Linear::with(vec![]).await;
    let Linear { server, tracker, .. } = linear;
    drop(server);
    let refreshed = tracker.fetch_by_ids(&ids(["a-1"])).await;
    assert_eq!(refreshed.map_err(|error| error.category()), Err(Category::Request));
}

#[tokio::test]
async fn an_issue_that_was_not_asked_for_is_an_error() {
    let linear = Linear::with(vec![]).await;
    let other =
        json!({"data": {"issues": {"nodes": [node("a-2", "Todo")], "pageInfo": {"hasNextPage": false}}}});
    linear.world().first = vec![Answer::json(200, &other)];
    let refreshed = linear.tracker.fetch_by_ids(&ids(["a-1"])).await;
    assert_eq!(refreshed.map_err(|error| error.category()), Err(Category::Response));
}

#[tokio::test]
async fn no_redirect_takes_the_key_elsewhere() {
    let elsewhere = Server::start(|_| Answer::text(200, "{}")).await;
    let linear = Linear::with(vec![]).await;
    linear.world().first = vec![Answer::text(302, "").with("location", &elsewhere.url)];
    assert!(linear.tracker.fetch_by_ids(&ids(["a-1"])).await.is_err());
    assert_eq!(elsewhere.count(), 0);
}

#[tokio::test]
async fn an_error_is_short_and_without_the_key() {
    let linear = Linear::with(vec![]).await;
    let page = format!("bad \u{7}key\n{} {}", linear.key, "x".repeat(5_000));
    linear.world().first = vec![Answer::text(500, &page)];
    let error = linear.tracker.fetch_by_ids(&ids(["a-1"])).await.unwrap_err();
    let Error::Status { status: 500, what } = &error else { panic!("{error:?}") };
    assert!(what.starts_with("bad key [secret] xxx") && what.chars().count() == 1_000, "{what}");
    assert!(!format!("{error} {error:?}").contains(&linear.key));
}

#[tokio::test]
async fn an_answer_without_end_is_not_read() {
    let linear = Linear::with(vec![]).await;
    linear.world().first = vec![Answer::text(200, &" ".repeat(16 * 1024 * 1024 + 1))];
    let read = linear.tracker.fetch_by_ids(&ids(["a-1"])).await;
    assert!(matches!(read, Err(Error::Response(_))), "{read:?}");
}

#[tokio::test]
async fn a_key_whose_allowance_is_used_up_is_not_used_by_anybody_until_it_is_full() {
    let linear = Linear::with(vec![node("a-1", "Todo")]).await;
    linear.world().headers = vec![
        ("X-RateLimit-Requests-Remaining", "0".to_owned()),
        ("X-RateLimit-Requests-Reset", "90".to_owned()),
    ];
    let other = json!({"endpoint": format!("{}/graphql", linear.server.url), "api_key": linear.key, "project_slug": "b"});
    let meaning = states(&[], &[]);
    let none = Env::fixed::<&str, &str>([]);
    let (same_key, _hand) = open_with("linear", &other, &meaning, &none).unwrap();
    assert!(linear.tracker.fetch_by_ids(&ids(["a-1"])).await.is_ok());
    let limited = Err(Error::RateLimited { retry_after: Some(Millis::seconds(90)) });
    assert_eq!(same_key.fetch_by_ids(&ids(["a-1"])).await, limited);
    linear.clock.advance(Duration::from_secs(89));
    let almost = Err(Error::RateLimited { retry_after: Some(Millis::seconds(1)) });
    assert_eq!(linear.tracker.fetch_by_ids(&ids(["a-1"])).await, almost);
    assert_eq!(linear.server.count(), 1);
    linear.clock.advance(Duration::from_secs(1));
    assert!(linear.tracker.fetch_by_ids(&ids(["a-1"])).await.is_ok());
}

#[tokio::test]
async fn linears_own_words_for_patience_are_understood() {
    for status in [400, 200] {
        let linear = Linear::with(vec![node("a-1", "Todo")]).await;
        let body = json!({"errors": [{"message": "slow", "extensions": {"code": "RATELIMITED"}}]});
        let limited = Answer::json(status, &body)
            .with("X-RateLimit-Complexity-Remaining", "0")
            .with("X-RateLimit-Complexity-Reset", "30");
        linear.world().first = vec![limited];
        let expect = Err(Error::RateLimited { retry_after: Some(Millis::seconds(30)) });
        assert_eq!(linear.tracker.fetch_by_ids(&ids(["a-1"])).await, expect);
        assert_eq!(linear.tracker.fetch_by_ids(&ids(["a-1"])).await, expect);
        assert_eq!(linear.server.count(), 1);
    }
}

#[tokio::test]
async fn only_what_is_assigned_to_me_is_worked_on_and_who_i_am_is_asked_once() {
    let mut mine = node("a-1", "Todo");
    mine["assignee"] = json!({"id": "user-me"});
    let mut theirs = node("a-2", "Todo");
    theirs["assignee"] = json!({"id": "user-2"});
    let linear = Linear::configured(vec![mine, theirs, node("a-3", "Todo")], json!({"assignee": "me"})).await;
    let listing = linear.tracker.fetch_by_states(&names(&["Todo"])).await.unwrap();
    let open: Vec<bool> = listing.issues.iter().map(|issue| issue.is_dispatchable()).collect();
    assert_eq!(open, [true, false, false]);
    let again = linear.tracker.fetch_by_ids(&ids(["a-1"])).await.unwrap();
    assert!(again[0].is_dispatchable());
    let viewers =
        linear.server.seen().iter().filter(|s| s.body["query"].as_str().unwrap().contains("viewer")).count();
    assert_eq!(viewers, 1);
}

#[tokio::test]
async fn not_knowing_who_i_am_is_an_error() {
    let linear = Linear::configured(vec![node("a-1", "Todo")], json!({"assignee": "me"})).await;
    linear.world().first = vec![Answer::json(200, &json!({"data": {"viewer": {"id": ""}}}))];
    let read = linear.tracker.fetch_by_states(&names(&["Todo"])).await;
    assert_eq!(read.map_err(|error| error.category()), Err(Category::Response));
}

#[tokio::test]
async fn settings_are_judged_before_anything_is_asked() {
    let env =
        Env::fixed([("EMPTY", ""), ("LINEAR_API_KEY", "from-environment"), ("LINEAR_ASSIGNEE", "user-1")]);
    let none = Env::fixed::<&str, &str>([]);
    let meaning = states(&["Todo"], &["Done"]);
    let judge = |provider: Value, env: &Env| {
        open_with("linear", &provider, &meaning, env).map(|_| ()).map_err(|error| error.category())
    };
    let with = |key: &str, value: Value| {
        let mut provider = json!({"project_slug": "shop"});
        provider[key] = value;
        provider
    };
    assert_eq!(judge(json!({"project_slug": "shop"}), &env), Ok(()));
    assert_eq!(judge(with("api_key", json!("$UNSET")), &env), Ok(()));
    for blank in [json!("  "), json!("$EMPTY"), json!(7)] {
        assert_eq!(judge(with("api_key", blank.clone()), &env), Err(Category::MissingSecret), "{blank}");
    }
    assert_eq!(judge(json!({"project_slug": "shop"}), &none), Err(Category::MissingSecret));
    for bad in [
        with("project_slug", json!(" ")),
        with("project_slug", json!(7)),
        with("assignee", json!(7)),
        with("endpoint", json!("http://linear.example/graphql")),
        with("endpoint", json!("linear")),
        with("api_key", json!("two\nlines")),
        with("timeout_ms", json!("soon")),
        json!([]),
    ] {
        assert_eq!(judge(bad.clone(), &env), Err(Category::InvalidConfig), "{bad}");
    }
    let (tracker, _hand) = open_with("linear", &with("api_key", json!("$MINE")), &meaning, &env).unwrap();
    assert_eq!(tracker.secret_names(), ["LINEAR_API_KEY", "MINE"]);
}
