//! The `github` tracker reads.

use crate::github_fake::{GitHub, record};
use crate::server::Answer;
use crate::support::{NOW_US, ids, names, open_with, states, told};
use adapters::tracker::{Category, Error};
use base::env::Env;
use domain::{Millis, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn nothing_is_asked_for_nothing_nor_for_states_that_github_does_not_have() {
    let github = GitHub::with(vec![record(1, "open")]).await;
    assert_eq!(github.tracker.fetch_by_states(&[]).await.unwrap().issues, []);
    assert_eq!(github.tracker.fetch_by_states(&names(&["Todo", "Done"])).await.unwrap().issues, []);
    assert_eq!(github.tracker.fetch_by_ids(&[]).await.unwrap(), []);
    assert_eq!(
        github.tracker.fetch_by_ids(&ids(["SHOP-1", "", "0", "-1", "01", "1/../2"])).await.unwrap(),
        []
    );
    assert_eq!(github.server.count(), 0);
}

#[tokio::test]
async fn every_field_arrives_normalised() {
    let mut full = record(7, "open");
    full["body"] = json!("Body\r\nsecond");
    full["labels"] = json!([{"name": " Bug "}, "BUG", {"name": ""}, {"color": "red"}]);
    full["assignee"] = json!({"login": "ada"});
    let github = GitHub::with(vec![full]).await;
    let issue = github.tracker.fetch_by_ids(&ids(["7"])).await.unwrap().remove(0);
    assert_eq!(
        (issue.id.as_str(), issue.identifier.as_str(), issue.title.as_str()),
        ("7", "GH-7", "Title 7")
    );
    assert_eq!(
        issue.native_ref,
        Some(json!({"id": 9007, "node_id": "I_7", "number": 7, "repo": "acme/shop"}))
    );
    assert_eq!((issue.description.as_deref(), issue.state.as_str()), (Some("Body\nsecond"), "open"));
    assert_eq!((issue.labels, issue.assignee_id.as_deref()), (vec!["bug".to_owned()], Some("ada")));
    assert_eq!(issue.url.as_deref(), Some("https://github.com/acme/shop/issues/7"));
    assert_eq!(issue.created_at, Some(Timestamp(NOW_US - 4_000_000_000)));
    assert_eq!((issue.priority, issue.withheld, issue.version.len()), (None, None, 64));
    let seen = github.server.seen().remove(0);
    assert_eq!(seen.header("authorization"), format!("Bearer {}", github.token));
    assert_eq!(
        (seen.header("accept"), seen.header("user-agent").split('/').next()),
        ("application/vnd.github+json", Some("seawall"))
    );
}

#[tokio::test]
async fn pages_are_followed_in_their_order() {
    let github = GitHub::with((1..=250).map(|n| record(n, "open")).collect()).await;
    let listing = github.tracker.fetch_by_states(&names(&[" OPEN "])).await.unwrap();
    let expect: Vec<String> = (1..=250).map(|n: u64| n.to_string()).collect();
    assert_eq!(told(&listing.issues), expect);
    assert_eq!(github.asked()[0], "GET /issues?state=open&per_page=100&sort=created&direction=asc");
    assert_eq!(github.server.count(), 3);
}

#[tokio::test]
async fn an_issue_on_two_pages_comes_once() {
    let github = GitHub::with((0..101).map(|n| record(n % 100 + 1, "open")).collect()).await;
    let listing = github.tracker.fetch_by_states(&names(&["open"])).await.unwrap();
    assert_eq!((listing.issues.len(), github.server.count()), (100, 2));
}

#[tokio::test]
async fn both_states_are_one_list_and_pull_requests_are_no_issues() {
    let mut pull = record(2, "open");
    pull["pull_request"] = json!({"url": "x"});
    let github = GitHub::with(vec![record(1, "open"), pull, record(3, "closed")]).await;
    let listing = github.tracker.fetch_by_states(&names(&["open", "closed"])).await.unwrap();
    assert_eq!(told(&listing.issues), ["1", "3"]);
    assert_eq!(github.asked(), ["GET /issues?state=all&per_page=100&sort=created&direction=asc"]);
    let refreshed = github.tracker.fetch_by_ids(&ids(["2"])).await.unwrap();
    assert_eq!(refreshed[0].withheld.as_deref(), Some("it is a pull request"));
}

#[tokio::test]
async fn a_record_that_is_no_issue_is_told_in_a_list_and_an_error_in_a_refresh() {
    let mut broken = record(2, "open");
    broken["title"] = json!(7);
    let github = GitHub::with(vec![record(1, "open"), broken]).await;
    let listing = github.tracker.fetch_by_states(&names(&["open"])).await.unwrap();
    assert_eq!((told(&listing.issues), listing.problems.len()), (vec!["1"], 1));
    let refreshed = github.tracker.fetch_by_ids(&ids(["1", "2"])).await;
    assert_eq!(refreshed.map_err(|error| error.category()), Err(Category::Response));
}

#[tokio::test]
async fn what_is_deleted_or_transferred_is_not_visible_while_the_repository_is() {
    let github = GitHub::with(vec![record(1, "open"), record(2, "open")]).await;
    github.world().instead = vec![
        (3, Answer::json(410, &json!({"message": "This issue was deleted"}))),
        (
            4,
            Answer::json(301, &json!({"message": "Moved Permanently"}))
                .with("location", "/repositories/9/issues/1"),
        ),
    ];
    let found = github.tracker.fetch_by_ids(&ids(["2", "1", "2", "3", "4", "5"])).await.unwrap();
    assert_eq!(told(&found), ["1", "2"]);
}

#[tokio::test]
async fn a_repository_that_cannot_be_seen_takes_no_issue_with_it() {
    for (answer, status) in [
        (Answer::json(404, &json!({"message": "Not Found"})), 404),
        (Answer::json(301, &json!({"message": "Moved Permanently"})), 301),
        (Answer::json(500, &json!({})), 500),
    ] {
        let github = GitHub::with(vec![]).await;
        github.world().repository = Some(answer);
        let refreshed = github.tracker.fetch_by_ids(&ids(["1"])).await;
        assert!(
            matches!(&refreshed, Err(Error::Status { status: told, .. }) if *told == status),
            "{refreshed:?}"
        );
    }
}

#[tokio::test]
async fn an_error_on_refresh_is_never_missing() {
    for (answer, category) in [
        (Answer::json(500, &json!({"message": "oops"})), Category::Status),
        (Answer::json(401, &json!({"message": "Bad credentials"})), Category::Status),
        (Answer::json(403, &json!({"message": "Resource not accessible"})), Category::Status),
        (Answer::json(302, &json!({})).with("location", "/x"), Category::Status),
        (Answer::json(304, &json!(null)), Category::Response),
        (Answer::json(429, &json!({"message": "slow"})), Category::RateLimited),
        (Answer::json(403, &json!({})).with("retry-after", "7"), Category::RateLimited),
        (
            Answer::json(403, &json!({"message": "You have exceeded a secondary rate limit."})),
            Category::RateLimited,
        ),
        (Answer::text(200, "<html>"), Category::Response),
        (Answer::json(200, &json!([])), Category::Response),
        (Answer::json(200, &record(8, "open")), Category::Response),
        (Answer::Silence, Category::Request),
        (Answer::Cut, Category::Request),
    ] {
        // Only silence is waited out; a busy machine may take its time over the others.
        let timeout_ms = if matches!(answer, Answer::Silence) { 300 } else { 30_000 };
        let github = GitHub::configured(vec![], json!({"timeout_ms": timeout_ms})).await;
        // A connection that is cut before it was of use may be tried once more.
        github.world().first = vec![answer.clone(), answer.clone()];
        let refreshed = github.tracker.fetch_by_ids(&ids(["7"])).await;
        assert_eq!(refreshed.map_err(|error| error.category()), Err(category), "{answer:?}");
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_an_error() {
    for (answer, category) in [
        (Answer::json(404, &json!({})), Category::Status),
        (Answer::json(301, &json!({})), Category::Status),
        (Answer::json(200, &json!({"message": "x"})), Category::Response),
    ] {
        let github = GitHub::with(vec![]).await;
        github.world().first = vec![answer.clone()];
        let read = github.tracker.fetch_by_states(&names(&["open"])).await;
        assert_eq!(read.map_err(|error| error.category()), Err(category), "{answer:?}");
    }
}

#[tokio::test]
async fn a_next_page_elsewhere_or_in_a_circle_is_an_error() {
    let github = GitHub::with(vec![record(1, "open")]).await;
    let here = format!("{}/api/v3/repositories/17/issues?page=1", github.server.url);
    for target in ["https://evil.example/api/v3/repositories/17/issues", "/issues", here.as_str()] {
        github.world().link = Some(format!("<{target}>; rel=\"next\""));
        let read = github.tracker.fetch_by_states(&names(&["open"])).await;
        assert_eq!(read.map_err(|error| error.category()), Err(Category::Pagination), "{target}");
    }
}

#[tokio::test]
async fn what_did_not_change_is_not_sent_again() {
    let github = GitHub::with((1..=150).map(|n| record(n, "open")).collect()).await;
    let first = github.tracker.fetch_by_states(&names(&["open"])).await.unwrap();
    assert_eq!(github.tracker.fetch_by_states(&names(&["open"])).await.unwrap(), first);
    let tags: Vec<bool> =
        github.server.seen().iter().map(|seen| !seen.header("if-none-match").is_empty()).collect();
    assert_eq!(tags, [false, false, true, true]);
    github.world().issues[0]["title"] = json!("Other");
    let changed = github.tracker.fetch_by_states(&names(&["open"])).await.unwrap();
    assert_eq!(changed.issues[0].title, "Other");
    assert_ne!(changed.issues[0].version, first.issues[0].version);
    assert_eq!(changed.issues[1].version, first.issues[1].version);
}

#[tokio::test]
async fn a_used_up_allowance_stops_asking_until_it_is_full() {
    let github = GitHub::with(vec![record(1, "open")]).await;
    github.world().headers =
        vec![("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", "600".to_owned())];
    assert!(github.tracker.fetch_by_ids(&ids(["1"])).await.is_ok());
    let limited = Err(Error::RateLimited { retry_after: Some(Millis::seconds(600)) });
    assert_eq!(github.tracker.fetch_by_ids(&ids(["1"])).await, limited);
    assert_eq!(github.server.count(), 1);
    github.clock.advance(Duration::from_secs(600));
    assert!(github.tracker.fetch_by_ids(&ids(["1"])).await.is_ok());
}

#[tokio::test]
async fn the_secondary_limits_are_waited_out_longer_each_time() {
    let github = GitHub::with(vec![record(1, "open")]).await;
    let told = Answer::json(403, &json!({"message": "You have exceeded a secondary rate limit."}));
    github.world().first = vec![told.clone(), told];
    for wait in [60, 120] {
        let limited = Err(Error::RateLimited { retry_after: Some(Millis::seconds(wait)) });
        assert_eq!(github.tracker.fetch_by_ids(&ids(["1"])).await, limited);
        github.clock.advance(Duration::from_secs(wait));
    }
    assert!(github.tracker.fetch_by_ids(&ids(["1"])).await.is_ok());
}

#[tokio::test]
async fn settings_are_judged_before_anything_is_asked() {
    let env =
        Env::fixed([("EMPTY", ""), ("GITHUB_TOKEN", "from-environment"), ("GITHUB_REPO", "acme/other")]);
    let none = Env::fixed::<&str, &str>([]);
    let good = states(&["Open"], &[" closed "]);
    let judge = |provider: &Value, env: &Env| {
        open_with("github", provider, &good, env).map(|_| ()).map_err(|error| error.category())
    };
    let with = |key: &str, value: Value| {
        let mut provider = json!({"repo": "acme/shop"});
        provider[key] = value;
        provider
    };
    assert_eq!(judge(&json!({"repo": "acme/shop"}), &env), Ok(()));
    assert_eq!(judge(&json!({}), &env), Ok(()));
    for blank in [json!(" "), json!("$EMPTY"), json!(7)] {
        assert_eq!(judge(&with("token", blank.clone()), &env), Err(Category::MissingSecret), "{blank}");
    }
    assert_eq!(judge(&json!({"repo": "acme/shop"}), &none), Err(Category::MissingSecret));
    assert_eq!(judge(&json!({"token": "t"}), &none), Err(Category::InvalidConfig));
    for (key, value) in [
        ("repo", json!("shop")),
        ("repo", json!("acme/../other")),
        ("api_url", json!("http://github.example/api/v3")),
        ("api_url", json!("https://user:pass@github.example")),
        ("timeout_ms", json!(0)),
    ] {
        assert_eq!(judge(&with(key, value.clone()), &env), Err(Category::InvalidConfig), "{key} {value}");
    }
    for odd in
        [states(&["Todo"], &["closed"]), states(&["open"], &["Done"]), states(&["open", "closed"], &[])]
    {
        let judged = open_with("github", &json!({"repo": "acme/shop"}), &odd, &env);
        assert_eq!(
            judged.map(|_| ()).map_err(|error| error.category()),
            Err(Category::InvalidConfig),
            "{odd:?}"
        );
    }
    let (tracker, _hand) = open_with("github", &with("token", json!("$MINE")), &good, &env).unwrap();
    assert_eq!(tracker.secret_names(), ["GITHUB_TOKEN", "MINE"]);
}
