//! One record of GitHub's as an issue.

use crate::tracker::normal;
use domain::IssueId;
use domain::issue::Issue;
use serde_json::{Value, json};

/// The issue in `record`; `None` when a field that every issue has cannot be read.
pub(super) fn issue(record: &Value, repo: &str) -> Option<Issue> {
    let number = record["number"].as_u64().filter(|number| *number > 0)?;
    let (title, state) = (normal::title(&record["title"])?, normal::name(&record["state"])?);
    let (id, identifier) = (IssueId::new(number.to_string()), format!("GH-{number}"));
    let labels = record["labels"].as_array().map_or(&[][..], Vec::as_slice);
    Some(normal::stamp(Issue {
        description: normal::body(&record["body"]),
        // A label is an object with a name, or a name.
        labels: normal::labels(
            labels.iter().map(|label| if label.is_string() { label } else { &label["name"] }),
        ),
        assignee_id: normal::name(&record["assignee"]["login"]),
        native_ref: normal::native_ref(&[
            ("id", &record["id"]),
            ("node_id", &record["node_id"]),
            ("number", &json!(number)),
            ("repo", &json!(repo)),
        ]),
        withheld: is_pull_request(record).then(|| "it is a pull request".to_owned()),
        url: normal::link(&record["html_url"]),
        created_at: normal::instant(&record["created_at"]),
        updated_at: normal::instant(&record["updated_at"]),
        ..Issue::new(id, &identifier, &title, &state)
    }))
}

/// GitHub lists pull requests among the issues.
pub(super) fn is_pull_request(record: &Value) -> bool {
    record.get("pull_request").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn optional_fields_that_cannot_be_used_never_hide_the_issue() {
        let odd = json!({"number": 7, "title": "t\u{1b}[31m", "state": "open", "body": 7, "labels": [7, "X", {"name": "x"}],
            "html_url": "javascript:alert(1)", "assignee": [], "id": {"a": 1}, "created_at": "today"});
        let issue = issue(&odd, "a/b").unwrap();
        assert_eq!((issue.title.as_str(), issue.identifier.as_str()), ("t[31m", "GH-7"));
        assert_eq!((issue.url, issue.description, issue.created_at), (None, None, None));
        assert_eq!((issue.labels, issue.assignee_id), (vec!["x".to_owned()], None));
        assert_eq!(issue.native_ref, Some(json!({"number": 7, "repo": "a/b"})));
    }

    #[test]
    fn a_pull_request_is_never_worked_on() {
        let record = json!({"number": 7, "title": "t", "state": "open", "pull_request": null});
        assert!(!issue(&record, "a/b").unwrap().is_dispatchable());
    }

    #[test]
    fn without_number_title_or_state_it_is_no_issue() {
        let record = json!({"number": 7, "title": "t", "state": "open"});
        for (key, value) in
            [("number", json!("7")), ("number", json!(0)), ("title", json!(" ")), ("state", json!(null))]
        {
            let mut broken = record.clone();
            broken[key] = value;
            assert_eq!(issue(&broken, "a/b"), None, "{key}");
        }
    }

    proptest! {
        #[test]
        fn no_record_panics(text in "\\PC{0,20}", number in any::<i64>()) {
            for value in [json!(text), json!(number), json!([text]), json!({"name": text, "login": text})] {
                let record = json!({"number": number, "title": value, "state": value, "labels": value,
                    "assignee": value, "html_url": value, "created_at": value});
                let _ = issue(&record, "a/b");
            }
        }
    }
}
