//! One node of Linear's as an issue.

use crate::tracker::normal;
use domain::IssueId;
use domain::issue::{Blocker, Issue, normal as same};
use serde_json::Value;

/// The state in which blockers count: in any other, work has begun and goes on.
const GATED_STATE: &str = "todo";

/// What makes an issue one to be worked on here.
pub(super) struct Rules<'a> {
    /// Whose issues; anybody's when not given.
    pub(super) assignee: Option<&'a str>,
    /// States in which a blocker is over, normalised.
    pub(super) terminal: &'a [String],
}

/// The issue in `node`; `None` when a field that every issue has cannot be read.
pub(super) fn issue(node: &Value, rules: &Rules<'_>) -> Option<Issue> {
    let (id, identifier) = (normal::name(&node["id"])?, normal::name(&node["identifier"])?);
    let (title, state) = (normal::title(&node["title"])?, normal::name(&node["state"]["name"])?);
    let assignee_id = normal::name(&node["assignee"]["id"]);
    let relations = &node["inverseRelations"];
    let blocked_by = normal::blockers(list(relations).iter().filter_map(blocker));
    let waits = waits_for(&state, &blocked_by, relations, rules.terminal);
    Some(normal::stamp(Issue {
        description: normal::body(&node["description"]),
        priority: priority(&node["priority"]),
        labels: normal::labels(list(&node["labels"]).iter().map(|label| &label["name"])),
        withheld: not_ours(assignee_id.as_deref(), rules.assignee).or(waits),
        blocked_by,
        branch_name: normal::name(&node["branchName"]),
        assignee_id,
        url: normal::link(&node["url"]),
        created_at: normal::instant(&node["createdAt"]),
        updated_at: normal::instant(&node["updatedAt"]),
        ..Issue::new(IssueId::new(id), &identifier, &title, &state)
    }))
}

fn list(connection: &Value) -> &[Value] {
    connection["nodes"].as_array().map_or(&[], Vec::as_slice)
}

/// Linear has a number in any case; 0 means that there is no priority. It is a float there.
fn priority(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be a small whole number")]
    let whole = value.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 1e6).map(|n| n as i64);
    whole.filter(|number| *number != 0)
}

fn blocker(relation: &Value) -> Option<Blocker> {
    let kind = relation["type"].as_str()?;
    let other = &relation["issue"];
    same(kind).eq("blocks").then(|| Blocker {
        id: normal::name(&other["id"]).map(IssueId::new),
        identifier: normal::name(&other["identifier"]),
        state: normal::name(&other["state"]["name"]),
    })
}

fn not_ours(assignee: Option<&str>, wanted: Option<&str>) -> Option<String> {
    let wanted = wanted?;
    match assignee {
        Some(assignee) if assignee == wanted => None,
        Some(_) => Some("it is assigned to somebody else".to_owned()),
        None => Some("it is assigned to nobody".to_owned()),
    }
}

/// What an issue that has not begun waits for. A blocker whose state is not known may not be over.
fn waits_for(state: &str, blockers: &[Blocker], relations: &Value, terminal: &[String]) -> Option<String> {
    if same(state) != GATED_STATE {
        return None;
    }
    let is_over =
        |blocker: &&Blocker| blocker.state.as_ref().is_some_and(|state| terminal.contains(&same(state)));
    if let Some(open) = blockers.iter().find(|blocker| !is_over(blocker)) {
        let state = open.state.as_deref().unwrap_or("in an unknown state");
        return Some(format!("it waits for {} ({state})", open.name()));
    }
    // What we did not read may block it.
    let more = relations["pageInfo"]["hasNextPage"].as_bool() == Some(true);
    more.then(|| "it has more relations than are read, and one of them may block it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(node: &Value) -> Option<Issue> {
        issue(node, &Rules { assignee: Some("me"), terminal: &["done".to_owned()] })
    }

    fn node(state: &str, blocker: &Value) -> Value {
        json!({"id": "u1", "identifier": "A-1", "title": "t", "state": {"name": state}, "priority": 2,
            "assignee": {"id": "me"}, "inverseRelations": {"nodes": [{"type": " Blocks ", "issue": blocker}]}})
    }

    #[test]
    fn a_todo_waits_for_what_is_not_over_and_nothing_else_does() {
        let withheld = |state: &str, blocker: Value| read(&node(state, &blocker)).unwrap().withheld;
        let open = json!({"identifier": "A-2", "state": {"name": "Todo"}});
        let unknown = json!({"identifier": "A-2"});
        assert_eq!(withheld(" TODO", open.clone()).as_deref(), Some("it waits for A-2 (Todo)"));
        assert!(withheld("Todo", unknown).is_some());
        assert_eq!(withheld("Todo", json!({"id": "u2", "state": {"name": "DONE"}})), None);
        assert_eq!(withheld("In Progress", open), None);
    }

    #[test]
    fn a_relation_that_was_not_read_may_block() {
        let mut more = node("Todo", &json!({"id": "u2", "state": {"name": "Done"}}));
        more["inverseRelations"]["pageInfo"] = json!({"hasNextPage": true});
        assert!(read(&more).unwrap().withheld.is_some());
    }

    #[test]
    fn priorities_are_whole_and_zero_is_none() {
        let priority = |value: Value| priority(&value);
        assert_eq!(priority(json!(2)), Some(2));
        assert_eq!(priority(json!(2.0)), Some(2));
        for none in [json!(0), json!(0.0), json!(1.5), json!("1"), json!(null), json!(1e300)] {
            assert_eq!(priority(none.clone()), None, "{none}");
        }
    }

    #[test]
    fn optional_fields_that_cannot_be_used_never_hide_the_issue() {
        let odd = json!({"id": "u1", "identifier": "A-1", "title": "t", "state": {"name": "Todo"},
            "description": 7, "priority": "high", "labels": {"nodes": [{"name": 7}, null]}, "url": "javascript:x",
            "assignee": "me", "inverseRelations": {"nodes": "none"}, "createdAt": "today", "branchName": []});
        let issue = read(&odd).unwrap();
        assert_eq!((issue.priority, issue.url, issue.created_at, issue.labels), (None, None, None, vec![]));
        assert_eq!(issue.withheld.as_deref(), Some("it is assigned to nobody"));
        for key in ["id", "identifier", "title", "state"] {
            let mut broken = odd.clone();
            broken[key] = json!("\u{7} ");
            assert_eq!(read(&broken), None, "{key}");
        }
    }

    proptest! {
        #[test]
        fn no_node_panics(text in "\\PC{0,20}", number in any::<f64>()) {
            for value in [json!(text), json!(number), json!([text]), json!({"nodes": [{"name": text}], "name": text})] {
                let node = json!({"id": text, "identifier": "A-1", "title": value, "state": {"name": "Todo"},
                    "labels": value, "inverseRelations": value, "priority": value, "assignee": value});
                let _ = read(&node);
            }
        }
    }
}
