//! The issues of a case, and the records that Linear would give for them.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The project that the cases' workflows name.
pub(crate) const PROJECT: &str = "conformance";
/// The states of the team, with the kinds that Linear gives them.
const STATES: [(&str, &str); 8] = [
    ("Backlog", "backlog"),
    ("Todo", "unstarted"),
    ("In Progress", "started"),
    ("Human Review", "started"),
    ("Done", "completed"),
    ("Closed", "completed"),
    ("Cancelled", "canceled"),
    ("Duplicate", "canceled"),
];

/// An issue as a case writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Issue {
    pub(crate) identifier: String,
    /// Else made of the identifier.
    #[serde(default)]
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) title: Option<String>,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) priority: Value,
    #[serde(default = "todo")]
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) labels: Vec<String>,
    #[serde(default)]
    pub(crate) assignee: Option<String>,
    /// Identifiers of other issues of the case.
    #[serde(default)]
    pub(crate) blocked_by: Vec<String>,
    #[serde(default)]
    pub(crate) created: Option<String>,
    #[serde(default = "project")]
    pub(crate) project: String,
    /// Fields of the record that are set to exactly this, however wrong it is.
    #[serde(default)]
    pub(crate) raw: Map<String, Value>,
}

fn todo() -> String {
    "Todo".to_owned()
}

fn project() -> String {
    PROJECT.to_owned()
}

/// All issues, and the comments that were made.
#[derive(Debug, Default)]
pub(crate) struct Board {
    pub(crate) issues: Vec<Issue>,
    pub(crate) comments: Vec<(String, String)>,
}

impl Issue {
    pub(crate) fn id(&self) -> String {
        self.id.clone().unwrap_or_else(|| format!("id-{}", self.identifier))
    }

    /// Changes the fields that `patch` names.
    pub(crate) fn patch(&mut self, patch: &Map<String, Value>) -> Result<(), String> {
        let mut whole = self.as_written();
        whole.extend(patch.clone());
        *self = serde_json::from_value(Value::Object(whole)).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn as_written(&self) -> Map<String, Value> {
        let value = json!({
            "identifier": self.identifier, "id": self.id, "title": self.title, "description": self.description,
            "priority": self.priority, "state": self.state, "labels": self.labels, "assignee": self.assignee,
            "blocked_by": self.blocked_by, "created": self.created, "project": self.project, "raw": self.raw,
        });
        value.as_object().cloned().unwrap_or_default()
    }
}

impl Board {
    pub(crate) fn issue(&mut self, identifier: &str) -> Option<&mut Issue> {
        self.issues.iter_mut().find(|issue| issue.identifier == identifier)
    }

    pub(crate) fn by_id(&mut self, id: &str) -> Option<&mut Issue> {
        self.issues.iter_mut().find(|issue| issue.id() == id || issue.identifier == id)
    }

    /// Every record, in the order of the case.
    pub(crate) fn records(&self) -> Vec<Value> {
        self.issues.iter().map(|issue| self.record(issue)).collect()
    }

    /// The record of one issue, in the shape of Linear's `Issue`.
    pub(crate) fn record(&self, issue: &Issue) -> Value {
        let created = issue.created.as_deref().unwrap_or("2026-01-01T00:00:00.000Z");
        let labels: Vec<Value> = issue.labels.iter().map(|name| label(name)).collect();
        let comments: Vec<Value> = self.comments_of(&issue.id());
        let mut record = json!({
            "__typename": "Issue", "id": issue.id(), "identifier": issue.identifier,
            "title": issue.title.clone().unwrap_or_else(|| format!("Title of {}", issue.identifier)),
            "description": issue.description,
            "priority": if issue.priority.is_null() { json!(0) } else { issue.priority.clone() },
            "state": state(&issue.state), "branchName": format!("branch/{}", issue.identifier.to_lowercase()),
            "url": format!("https://tracker.invalid/issue/{}", issue.identifier),
            "assignee": issue.assignee.as_ref().map(|id| user(id)),
            "labels": connection(labels), "labelIds": [],
            "inverseRelations": connection(self.inverse(issue)), "relations": connection(vec![]),
            "project": {"__typename": "Project", "id": format!("project-{}", issue.project),
                "slugId": issue.project, "name": issue.project},
            "team": team(), "comments": connection(comments), "children": connection(vec![]), "parent": null,
            "attachments": connection(vec![]), "number": 1, "estimate": null, "sortOrder": 0.0,
            "createdAt": created, "updatedAt": created, "archivedAt": null, "completedAt": null,
            "startedAt": null, "canceledAt": null, "dueDate": null, "trashed": null,
        });
        if let Value::Object(map) = &mut record {
            map.extend(issue.raw.clone());
        }
        record
    }

    /// The relations of others that block this issue.
    fn inverse(&self, issue: &Issue) -> Vec<Value> {
        let blocks = |name: &String| {
            let blocker = self.issues.iter().find(|issue| issue.identifier == *name)?;
            Some(json!({
                "__typename": "IssueRelation", "id": format!("relation-{name}"), "type": "blocks",
                "issue": {"__typename": "Issue", "id": blocker.id(), "identifier": name,
                    "title": blocker.title, "state": state(&blocker.state)},
            }))
        };
        issue.blocked_by.iter().filter_map(blocks).collect()
    }

    fn comments_of(&self, id: &str) -> Vec<Value> {
        let of = self.comments.iter().filter(|(issue, _)| issue == id);
        of.map(|(_, body)| json!({"__typename": "Comment", "id": "comment-1", "body": body})).collect()
    }
}

/// A connection that holds all its nodes at once.
pub(super) fn connection(nodes: Vec<Value>) -> Value {
    let edges: Vec<Value> = nodes.iter().map(|node| json!({"node": node, "cursor": node["id"]})).collect();
    json!({
        "nodes": nodes, "edges": edges,
        "pageInfo": {"hasNextPage": false, "hasPreviousPage": false, "endCursor": null, "startCursor": null},
    })
}

pub(super) fn user(id: &str) -> Value {
    json!({"__typename": "User", "id": id, "name": id, "displayName": id, "email": format!("{id}@tracker.invalid"),
        "active": true, "isMe": false})
}

pub(super) fn state(name: &str) -> Value {
    let kind =
        STATES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.trim())).map(|(_, kind)| *kind);
    json!({"__typename": "WorkflowState", "id": state_id(name), "name": name, "type": kind.unwrap_or("started"),
        "position": 0.0, "team": {"id": "team-1", "key": "MT", "name": "Conformance"}})
}

fn state_id(name: &str) -> String {
    format!("state-{}", name.trim().to_lowercase().replace(' ', "-"))
}

/// The state whose id this is.
pub(super) fn state_of(id: &str) -> Option<&'static str> {
    STATES.iter().map(|(name, _)| *name).find(|name| state_id(name) == id)
}

pub(super) fn states() -> Vec<Value> {
    STATES.iter().map(|(name, _)| state(name)).collect()
}

pub(super) fn team() -> Value {
    json!({"__typename": "Team", "id": "team-1", "key": "MT", "name": "Conformance",
        "states": connection(states())})
}

fn label(name: &str) -> Value {
    json!({"__typename": "IssueLabel", "id": format!("label-{name}"), "name": name})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(issues: Value) -> Board {
        Board { issues: serde_json::from_value(issues).unwrap(), comments: vec![] }
    }

    #[test]
    fn a_blocker_is_seen_with_the_state_it_has_now() {
        let mut board = board(json!([
            {"identifier": "A-1", "blocked_by": ["A-2"]}, {"identifier": "A-2", "state": "In Progress"}
        ]));
        board.issue("A-2").unwrap().state = "Done".to_owned();
        assert_eq!(
            board.records()[0].pointer("/inverseRelations/nodes/0/issue/state/name"),
            Some(&json!("Done"))
        );
    }

    #[test]
    fn a_patch_changes_what_it_names_and_refuses_what_nobody_knows() {
        let mut board = board(json!([{"identifier": "A-1", "title": "One"}]));
        let issue = board.issue("A-1").unwrap();
        issue.patch(json!({"state": "Done"}).as_object().unwrap()).unwrap();
        assert_eq!((issue.state.as_str(), issue.title.as_deref()), ("Done", Some("One")));
        assert!(issue.patch(json!({"stat": "Done"}).as_object().unwrap()).is_err());
    }

    #[test]
    fn raw_fields_are_wrong_on_purpose() {
        let board = board(json!([{"identifier": "A-1", "raw": {"title": null, "priority": "high"}}]));
        let record = &board.records()[0];
        assert_eq!((&record["title"], &record["priority"]), (&Value::Null, &json!("high")));
    }
}
