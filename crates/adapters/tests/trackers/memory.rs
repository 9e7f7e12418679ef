//! The `memory` tracker, and what all kinds have in common.

use crate::support::{context, ids, mark, names, open_with, remark, states, told};
use adapters::tracker::memory::MemoryTracker;
use adapters::tracker::{self, Category, Error, Tracker};
use base::clock::Clock;
use base::env::Env;
use domain::IssueId;
use domain::issue::Issue;
use serde_json::{Value, json};

fn open(provider: &Value) -> Result<std::sync::Arc<dyn Tracker>, Error> {
    let meaning = tracker::default_states("memory").unwrap().unwrap();
    open_with("memory", provider, &meaning, &Env::fixed::<&str, &str>([])).map(|(tracker, _hand)| tracker)
}

#[tokio::test]
async fn the_workflows_own_issues_are_read_with_every_field() {
    let tracker = open(&json!({"issues": [
        {"id": "1", "identifier": "M-1", "title": "First", "state": "Todo", "description": "Body", "priority": 1,
         "labels": [" Bug ", "bug"], "blocked_by": ["0", {"identifier": "M-0", "state": "Done"}, 7],
         "branch_name": "m/1", "assignee_id": "ada", "native_ref": {"a": 1}, "url": "https://host/1",
         "created_at": "2026-11-18T10:00:00Z", "dispatchable": false},
        {"id": "2", "title": "Second", "state": "done"},
    ]}))
    .unwrap();
    let listing = tracker.fetch_by_states(&names(&["todo"])).await.unwrap();
    let issue = &listing.issues[0];
    assert_eq!((issue.identifier.as_str(), issue.priority, issue.labels.len()), ("M-1", Some(1), 1));
    assert_eq!(issue.blocked_by.iter().map(|b| b.name()).collect::<Vec<_>>(), ["0", "M-0"]);
    assert!(!issue.is_dispatchable() && issue.created_at.is_some() && issue.native_ref.is_some());
    let found = tracker.fetch_by_ids(&ids(["2", "3"])).await.unwrap();
    assert_eq!((told(&found), found[0].identifier.as_str()), (vec!["2"], "2"));
}

#[tokio::test]
async fn an_issue_that_is_none_is_told_by_its_place() {
    let issue = json!({"id": "1", "title": "t", "state": "Todo"});
    for bad in [json!("none"), json!([7]), json!([{"id": "1", "title": "t"}]), json!([issue, issue])] {
        let error = open(&json!({"issues": bad})).map(|_| ()).unwrap_err();
        assert_eq!(error.category(), Category::InvalidConfig, "{bad}");
        assert!(error.to_string().contains("tracker.provider.issues"), "{error}");
    }
    assert_eq!(open(&json!(null)).unwrap().fetch_by_ids(&ids(["1"])).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_changed_is_seen_by_every_clone() {
    let tracker = MemoryTracker::new([Issue::new("1".into(), "M-1", "t", "Todo")]);
    let id = IssueId::from("1");
    let other = tracker.clone();
    let before = other.fetch_by_ids(&ids(["1"])).await.unwrap().remove(0).version;
    let call = json!({"action": "move", "state": "In Progress"});
    assert!(tracker.call_tool("tracker", call, &context("1")).await.ok);
    let after = other.fetch_by_ids(&ids(["1"])).await.unwrap().remove(0);
    assert_eq!((after.state.as_str(), after.version == before), ("In Progress", false));
    for _ in 0..2 {
        tracker.remark(&id, &remark("hi"), &mark()).await.unwrap();
    }
    assert_eq!(other.remarks(&id), [remark("hi")]);
    other.remove(&id);
    assert_eq!(tracker.move_to(&id, "Done", &mark()).await, Err(Error::NoIssue(id.clone())));
    assert_eq!(tracker.remark(&id, &remark("hi"), &mark()).await, Err(Error::NoIssue(id)));
}

#[tokio::test]
async fn a_kind_that_is_not_there_is_told_with_those_that_are() {
    let none = Env::fixed::<&str, &str>([]);
    let error = open_with("trello", &json!({}), &states(&[], &[]), &none).map(|_| ()).unwrap_err();
    assert_eq!(error.category(), Category::UnsupportedKind);
    assert_eq!(error.category().name(), "unsupported_tracker_kind");
}

#[tokio::test]
async fn the_files_tracker_lies_beside_the_workflow_unless_it_says_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["issues", "other"] {
        std::fs::create_dir(dir.path().join(folder)).unwrap();
        let text = format!("---\ntitle: in {folder}\nstate: Todo\n---\n");
        std::fs::write(dir.path().join(folder).join("a.md"), text).unwrap();
    }
    let (env, clock) = (Env::fixed([("WHERE", "other")]), Clock::system());
    let meaning = tracker::default_states("files").unwrap().unwrap();
    for (provider, title) in [
        (json!(null), "in issues"),
        (json!({"path": "other"}), "in other"),
        (json!({"path": "$WHERE"}), "in other"),
    ] {
        let scope = tracker::Scope {
            provider: &provider,
            states: &meaning,
            folder: dir.path(),
            env: &env,
            clock: &clock,
        };
        let tracker = tracker::open("files", &scope).unwrap();
        let found = tracker.fetch_by_ids(&ids(["a"])).await.unwrap();
        assert_eq!(found[0].title, title, "{provider}");
        let none = tracker.verify_webhook(&hyper::HeaderMap::new(), b"", domain::Timestamp(0));
        assert_eq!(none, Err(tracker::webhook::WebhookError::NotServed));
    }
}
