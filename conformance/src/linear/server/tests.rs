use super::*;
use crate::run::ask;

const QUESTION: &str =
    "{\"query\": \"{ issues(filter: {state: {name: {in: [\\\"Todo\\\"]}}}) { nodes { id } } }\"}";

async fn started(setup: Value) -> (Linear, Timeline) {
    let issues = serde_json::from_value(json!([{"identifier": "A-1"}])).unwrap();
    let timeline = Timeline::new();
    let setup = serde_json::from_value(setup).unwrap();
    (Linear::start(issues, setup, "key", timeline.clone()).await.unwrap(), timeline)
}

async fn asked(linear: &Linear, key: &str) -> Result<(u16, Value), String> {
    let headers = BTreeMap::from([("authorization".to_owned(), key.to_owned())]);
    let answer = ask("POST", &linear.url, &headers, Some(QUESTION)).await?;
    Ok((answer.status, answer.json()))
}

#[tokio::test]
async fn a_question_is_answered_and_written_down() {
    let (linear, timeline) = started(json!({})).await;
    let (status, body) = asked(&linear, "key").await.unwrap();
    assert_eq!((status, body), (200, json!({"data": {"issues": {"nodes": [{"id": "id-A-1"}]}}})));
    let events = timeline.sorted();
    assert_eq!((events[0].kind.as_str(), &events[0].data["states"]), ("by_states", &json!(["Todo"])));
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let (linear, timeline) = started(json!({})).await;
    assert_eq!(asked(&linear, "another").await.unwrap().0, 401);
    assert_eq!(timeline.sorted()[0].data["authorized"], json!(false));
}

#[tokio::test]
async fn faults_come_as_they_are_ordered() {
    let faults = json!([
        {"on": "by_states", "times": 1, "wrong": {"status": 429}},
        {"on": "by_states", "times": 1, "wrong": {"errors": "no"}},
        {"on": "by_states", "times": 1, "wrong": "garbage"},
        {"on": "by_states", "times": 1, "wrong": "hang_up"},
    ]);
    let (linear, _) = started(json!({"faults": faults})).await;
    assert_eq!(asked(&linear, "key").await.unwrap().0, 429);
    let (status, body) = asked(&linear, "key").await.unwrap();
    assert_eq!((status, body.get("data")), (200, None));
    assert_eq!(asked(&linear, "key").await.unwrap(), (200, Value::Null));
    assert!(asked(&linear, "key").await.is_err());
    assert_eq!(asked(&linear, "key").await.unwrap().0, 200);
}

#[tokio::test]
async fn a_change_is_in_force_when_its_request_is_answered() {
    let changes = json!([{"after": "by_states", "count": 2, "issue": "A-1", "set": {"state": "Done"}}]);
    let (linear, _) = started(json!({"changes": changes})).await;
    assert_eq!(asked(&linear, "key").await.unwrap().1["data"]["issues"]["nodes"], json!([{"id": "id-A-1"}]));
    assert_eq!(asked(&linear, "key").await.unwrap().1["data"]["issues"]["nodes"], json!([]));
}
