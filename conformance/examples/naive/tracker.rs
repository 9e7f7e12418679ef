//! Reads issues from Linear, over plain HTTP.

use crate::workflow::{Workflow, normal};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

const FIELDS: &str = "nodes { id identifier title description priority state { name } branchName url assignee { id } \
    labels { nodes { name } } inverseRelations { nodes { type issue { id identifier state { name } } } } \
    createdAt updatedAt } pageInfo { hasNextPage endCursor }";
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn by_states(workflow: &Workflow, states: &[String]) -> Result<Vec<Value>, String> {
    if states.is_empty() {
        return Ok(vec![]);
    }
    let query = format!(
        "query ($p: String!, $s: [String!]!, $a: String) {{ issues(first: 50, after: $a, filter: {{project: \
         {{slugId: {{eq: $p}}}}, state: {{name: {{in: $s}}}}}}) {{ {FIELDS} }} }}"
    );
    let (mut issues, mut after) = (vec![], Value::Null);
    loop {
        let answer = graphql(workflow, &query, json!({"p": slug(workflow), "s": states, "a": after}))?;
        let page = &answer["data"]["issues"];
        for node in page["nodes"].as_array().ok_or("tracker_response")? {
            match issue(workflow, node) {
                Some(issue) => issues.push(issue),
                None => eprintln!("left out a malformed record identifier={}", node["identifier"]),
            }
        }
        if page["pageInfo"]["hasNextPage"] != json!(true) {
            return Ok(issues);
        }
        after = page["pageInfo"]["endCursor"].clone();
        if after.is_null() {
            return Err("tracker_pagination: there is more and not where".to_owned());
        }
    }
}

pub(crate) fn by_ids(workflow: &Workflow, ids: &[String]) -> Result<Vec<Value>, String> {
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let query = format!(
        "query ($p: String!, $i: [ID!]!) {{ issues(first: 50, filter: {{project: {{slugId: {{eq: $p}}}}, id: {{in: \
         $i}}}}) {{ {FIELDS} }} }}"
    );
    let answer = graphql(workflow, &query, json!({"p": slug(workflow), "i": ids}))?;
    let nodes = answer["data"]["issues"]["nodes"].as_array().ok_or("tracker_response")?;
    nodes.iter().map(|node| issue(workflow, node).ok_or_else(|| "a malformed record".to_owned())).collect()
}

fn slug(workflow: &Workflow) -> &Value {
    &workflow.config["tracker"]["provider"]["project_slug"]
}

/// The normalized issue; nothing when a required field is missing.
fn issue(workflow: &Workflow, node: &Value) -> Option<Value> {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let state = text(&node["state"]["name"])?;
    let mut labels: Vec<String> = vec![];
    for label in node["labels"]["nodes"].as_array().into_iter().flatten() {
        let label = normal(label["name"].as_str().unwrap_or_default());
        if !label.is_empty() && !labels.contains(&label) {
            labels.push(label);
        }
    }
    let relations = node["inverseRelations"]["nodes"].as_array().cloned().unwrap_or_default();
    let blockers: Vec<Value> = relations
        .iter()
        .filter(|relation| relation["type"] == "blocks")
        .map(|relation| &relation["issue"])
        .map(|b| json!({"id": b["id"], "identifier": b["identifier"], "state": b["state"]["name"]}))
        .collect();
    let open = |b: &Value| !workflow.is_in("terminal_states", b["state"].as_str().unwrap_or_default());
    let blocked = normal(&state) == "todo" && blockers.iter().any(open);
    let time = |value: &Value| text(value).filter(|text| text.starts_with("20"));
    Some(json!({
        "id": text(&node["id"])?, "identifier": text(&node["identifier"])?, "title": text(&node["title"])?,
        "native_ref": null, "description": text(&node["description"]), "priority": node["priority"].as_i64(),
        "state": state, "branch_name": text(&node["branchName"]), "url": text(&node["url"]),
        "assignee_id": text(&node["assignee"]["id"]), "labels": labels, "blocked_by": blockers,
        "dispatchable": !blocked, "created_at": time(&node["createdAt"]), "updated_at": time(&node["updatedAt"]),
    }))
}

pub(crate) fn graphql(workflow: &Workflow, query: &str, variables: Value) -> Result<Value, String> {
    let body = raw(workflow, query, variables)?;
    match body.get("errors") {
        Some(errors) => Err(format!("tracker_response: {errors}")),
        None => Ok(body),
    }
}

/// The body, with errors in it when the provider says so.
pub(crate) fn raw(workflow: &Workflow, query: &str, variables: Value) -> Result<Value, String> {
    let endpoint = workflow.config["tracker"]["provider"]["endpoint"].as_str().ok_or("no endpoint")?;
    let (host, path) = endpoint.trim_start_matches("http://").split_once('/').ok_or("no path")?;
    let body = json!({"query": query, "variables": variables}).to_string();
    let said = |why: std::io::Error| format!("tracker_request: {why}");
    let mut stream = TcpStream::connect(host).map_err(said)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(said)?;
    let head = format!(
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\nauthorization: {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        workflow.key,
        body.len()
    );
    stream.write_all(head.as_bytes()).map_err(said)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(said)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("tracker_request: no answer")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status != "200" {
        return Err(format!("tracker_status: {status}"));
    }
    serde_json::from_str(body).map_err(|why| format!("tracker_response: {why}"))
}
