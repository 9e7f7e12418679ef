//! An issue as a prompt sees it: every normalised field is there, also one without a value, and instants are texts.

use domain::Timestamp;
use domain::issue::Issue;
use serde_json::{Value, json};

/// The variable `issue` of a prompt (Symphony 4.1.1 and 12.2).
pub fn issue_view(issue: &Issue) -> Value {
    let blocked_by = issue
        .blocked_by
        .iter()
        .map(|blocker| json!({"id": blocker.id, "identifier": blocker.identifier, "state": blocker.state}));
    json!({
        "id": issue.id,
        "native_ref": issue.native_ref,
        "identifier": issue.identifier,
        "title": issue.title,
        "description": issue.description,
        "priority": issue.priority,
        "state": issue.state,
        "branch_name": issue.branch_name,
        "url": issue.url,
        "assignee_id": issue.assignee_id,
        "labels": issue.labels,
        "blocked_by": blocked_by.collect::<Vec<_>>(),
        "dispatchable": issue.is_dispatchable(),
        "created_at": issue.created_at.map(rfc3339),
        "updated_at": issue.updated_at.map(rfc3339),
    })
}

/// RFC 3339 in UTC. An instant beyond what that can say is the nearest that it can.
fn rfc3339(at: Timestamp) -> String {
    let clamped = at.0.clamp(jiff::Timestamp::MIN.as_microsecond(), jiff::Timestamp::MAX.as_microsecond());
    jiff::Timestamp::from_microsecond(clamped).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_there_and_instants_are_texts() {
        let made = Issue { created_at: Some(Timestamp(0)), ..Issue::new("1".into(), "A-1", "t", "Todo") };
        let view = issue_view(&made);
        assert_eq!(view["created_at"], "1970-01-01T00:00:00Z");
        assert_eq!(view["dispatchable"], true);
        assert!(view.as_object().is_some_and(|fields| fields.contains_key("native_ref")));
        assert_eq!(issue_view(&Issue { updated_at: Some(Timestamp(i64::MAX)), ..made })["labels"], json!([]));
    }
}
