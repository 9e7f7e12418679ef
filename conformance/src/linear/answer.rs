//! Answers an operation from the board.

use super::board::{self, Board};
use super::connection;
use super::query::{Field, Operation};
use serde_json::{Map, Value, json};

/// What the fake knows while it answers.
pub(super) struct Answering<'a> {
    pub(super) board: &'a mut Board,
    pub(super) viewer: &'a str,
    pub(super) page_size: Option<usize>,
    pub(super) no_cursor: bool,
}

/// What kind of request it is, and which states or ids it names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) states: Vec<String>,
    pub(super) ids: Vec<String>,
}

pub(super) fn kind(operation: &Operation) -> Kind {
    if operation.mutation {
        return Kind { name: "mutation", ..Kind::default() };
    }
    let mut kind = Kind { name: "other", ..Kind::default() };
    for field in &operation.fields {
        look(field, &mut kind);
    }
    kind
}

/// Questions about issues may stand below a project or a team.
fn look(field: &Field, kind: &mut Kind) {
    let filter = field.arguments.get("filter").unwrap_or(&Value::Null);
    match field.name.as_str() {
        "viewer" if kind.name == "other" => kind.name = "viewer",
        "issue" => {
            kind.name = "by_ids";
            kind.ids.extend(field.arguments.get("id").and_then(Value::as_str).map(str::to_owned));
        }
        "issues" | "searchIssues" | "assignedIssues" => {
            let states = super::filter::wanted(filter, &["state", "name"]);
            if let Some(ids) = super::filter::wanted(filter, &["id"]) {
                kind.name = "by_ids";
                kind.ids.extend(ids);
            } else if let Some(states) = states {
                kind.name = "by_states";
                kind.states.extend(states);
            }
        }
        _ => field.fields.iter().for_each(|field| look(field, kind)),
    }
}

impl Answering<'_> {
    pub(super) fn answer(&mut self, operation: &Operation) -> Result<Value, String> {
        let mut data = Map::new();
        for field in &operation.fields {
            let value = if operation.mutation { self.mutate(field)? } else { self.root(field)? };
            data.insert(field.key.clone(), self.select(&value, field)?);
        }
        Ok(Value::Object(data))
    }

    fn root(&mut self, field: &Field) -> Result<Value, String> {
        let id = field.arguments.get("id").and_then(Value::as_str);
        Ok(match field.name.as_str() {
            "__typename" => json!("Query"),
            "viewer" => board::user(self.viewer),
            "issues" => self.page(field, &Value::Null)?,
            "issue" => {
                let wanted = id.ok_or("issue needs an id")?;
                let records = self.board.records();
                let known = |record: &&Value| record["id"] == wanted || record["identifier"] == wanted;
                records.iter().find(known).cloned().ok_or("Entity not found: Issue")?
            }
            "project" => project(id.unwrap_or_default()),
            "projects" => board::connection(vec![project(board::PROJECT)]),
            "team" => board::team(),
            "teams" => board::connection(vec![board::team()]),
            "workflowStates" => board::connection(board::states()),
            "users" => board::connection(vec![board::user(self.viewer)]),
            other => return Err(format!("Cannot query field \"{other}\" on type \"Query\".")),
        })
    }

    fn mutate(&mut self, field: &Field) -> Result<Value, String> {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let input = field.arguments.get("input").cloned().unwrap_or(Value::Null);
        match field.name.as_str() {
            "issueUpdate" => {
                let id = text(field.arguments.get("id")).ok_or("issueUpdate needs an id")?;
                let issue = self.board.by_id(&id).ok_or("Entity not found: Issue")?;
                if let Some(state) = text(input.get("stateId")) {
                    issue.state =
                        board::state_of(&state).ok_or("Entity not found: WorkflowState")?.to_owned();
                }
                if let Some(title) = text(input.get("title")) {
                    issue.title = Some(title);
                }
                let issue = issue.clone();
                Ok(json!({"success": true, "lastSyncId": 1, "issue": self.board.record(&issue)}))
            }
            "commentCreate" => {
                let id = text(input.get("issueId")).ok_or("commentCreate needs an issueId")?;
                let body = text(input.get("body")).ok_or("commentCreate needs a body")?;
                let id = self.board.by_id(&id).ok_or("Entity not found: Issue")?.id();
                self.board.comments.push((id, body.clone()));
                Ok(json!({"success": true, "lastSyncId": 1, "comment": {"id": "comment-1", "body": body}}))
            }
            other => Err(format!("Cannot query field \"{other}\" on type \"Mutation\".")),
        }
    }

    fn page(&self, field: &Field, scope: &Value) -> Result<Value, String> {
        let records = self.board.records();
        connection::page(&records, &field.arguments, scope, self.page_size, self.no_cursor)
    }

    /// Only what was asked for, under the keys it was asked under. What a record does not have is null.
    fn select(&self, value: &Value, field: &Field) -> Result<Value, String> {
        if field.fields.is_empty() {
            return match value {
                Value::Object(_) => {
                    Err(format!("Field \"{}\" must have a selection of subfields.", field.name))
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                    Ok(value.clone())
                }
            };
        }
        match value {
            Value::Array(items) => items.iter().map(|item| self.select(item, field)).collect(),
            Value::Object(map) => {
                let mut chosen = Map::new();
                for part in &field.fields {
                    let inner = self.part(map, part)?;
                    chosen.insert(part.key.clone(), self.select(&inner, part)?);
                }
                Ok(Value::Object(chosen))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value.clone()),
        }
    }

    fn part(&self, map: &Map<String, Value>, part: &Field) -> Result<Value, String> {
        let of = map.get("__typename").and_then(Value::as_str).unwrap_or_default();
        let id = map.get("id").cloned().unwrap_or(Value::Null);
        match (of, part.name.as_str()) {
            ("Project", "issues") => self.page(part, &json!({"project": {"id": {"eq": id}}})),
            ("Team", "issues") => self.page(part, &Value::Null),
            ("User", "assignedIssues") => self.page(part, &json!({"assignee": {"id": {"eq": id}}})),
            _ => Ok(map.get(&part.name).cloned().unwrap_or(Value::Null)),
        }
    }
}

fn project(named: &str) -> Value {
    let slug = named.strip_prefix("project-").unwrap_or(named);
    json!({"__typename": "Project", "id": format!("project-{slug}"), "slugId": slug, "name": slug})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linear::query::{self, Request};

    fn ask(board: &mut Board, text: &str, variables: Value) -> (Kind, Result<Value, String>) {
        let request: Request =
            serde_json::from_value(json!({"query": text, "variables": variables})).unwrap();
        let operation = query::read(&request).unwrap();
        let mut answering = Answering { board, viewer: "me", page_size: None, no_cursor: false };
        (kind(&operation), answering.answer(&operation))
    }

    fn board() -> Board {
        let issues =
            json!([{"identifier": "A-1", "labels": ["Bug"]}, {"identifier": "A-2", "state": "Done"}]);
        Board { issues: serde_json::from_value(issues).unwrap(), comments: vec![] }
    }

    #[test]
    fn states_are_known_in_variables_in_line_and_below_a_project() {
        let expected = json!([{"identifier": "A-1", "labels": {"nodes": [{"name": "Bug"}]}}]);
        let nodes = "{ nodes { identifier labels(first: 9) { nodes { name } } } }";
        for (text, variables, pointer) in [
            (
                format!(
                    "query Q($s: [String!]!) {{ issues(filter: {{state: {{name: {{in: $s}}}}}}) {nodes} }}"
                ),
                json!({"s": ["Todo"]}),
                "/issues/nodes",
            ),
            (
                format!("query Q($f: IssueFilter) {{ all: issues(filter: $f) {nodes} }}"),
                json!({"f": {"state": {"name": {"in": ["Todo"]}}}}),
                "/all/nodes",
            ),
            (
                format!(
                    "{{ project(id: \"conformance\") {{ issues(filter: {{state: {{name: {{eq: \"Todo\"}}}}}}) {nodes} }} }}"
                ),
                json!({}),
                "/project/issues/nodes",
            ),
        ] {
            let (kind, data) = ask(&mut board(), &text, variables);
            assert_eq!((kind.name, kind.states), ("by_states", vec!["Todo".to_owned()]), "{text}");
            assert_eq!(data.unwrap().pointer(pointer), Some(&expected), "{text}");
        }
    }

    #[test]
    fn ids_go_before_states() {
        let text = "query Q($i: [ID!]) { issues(filter: {id: {in: $i}, state: {name: {eq: \"Todo\"}}}) { nodes { id } } }";
        let (kind, data) = ask(&mut board(), text, json!({"i": ["id-A-1", "id-A-2"]}));
        assert_eq!((kind.name, kind.ids.len()), ("by_ids", 2));
        assert_eq!(data.unwrap(), json!({"issues": {"nodes": [{"id": "id-A-1"}]}}));
    }

    #[test]
    fn mutations_change_the_board() {
        let mut board = board();
        let text = "mutation { issueUpdate(id: \"id-A-1\", input: {stateId: \"state-done\"}) { success issue { state { name } } } }";
        let (kind, data) = ask(&mut board, text, json!({}));
        assert_eq!(kind.name, "mutation");
        assert_eq!(data.unwrap().pointer("/issueUpdate/issue/state/name"), Some(&json!("Done")));
        let text = "mutation { commentCreate(input: {issueId: \"A-1\", body: \"hello\"}) { success } }";
        ask(&mut board, text, json!({})).1.unwrap();
        assert_eq!(board.comments, [("id-A-1".to_owned(), "hello".to_owned())]);
    }

    #[test]
    fn a_question_that_linear_does_not_have_is_refused() {
        assert!(ask(&mut board(), "{ tickets { id } }", json!({})).1.unwrap_err().contains("tickets"));
        assert!(ask(&mut board(), "{ viewer }", json!({})).1.is_err());
    }
}
