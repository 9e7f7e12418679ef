//! A Linear of our own: the part of its published schema that a tracker needs, with filters, pages and workflow states.

use crate::server::{Answer, Seen, Server};
use crate::support::{open_with, states};
use adapters::tracker::Tracker;
use base::clock::ManualClock;
use base::env::Env;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// What it holds, and how it misbehaves.
#[derive(Default)]
pub struct World {
    pub issues: Vec<Value>,
    pub comments: Vec<Value>,
    /// Answers that come first, one for each request.
    pub first: Vec<Answer>,
    /// Replaces `pageInfo`.
    pub page_info: Option<Value>,
    /// Headers of every answer.
    pub headers: Vec<(&'static str, String)>,
}

pub struct Linear {
    pub server: Server,
    pub world: Arc<Mutex<World>>,
    pub tracker: Arc<dyn Tracker>,
    pub clock: ManualClock,
    /// The key that the tracker uses; each fake has its own, because a ledger belongs to a key.
    pub key: String,
}

/// An issue of the project `shop`.
pub fn node(id: &str, state: &str) -> Value {
    json!({"id": id, "identifier": id.to_uppercase(), "title": format!("Title of {id}"), "description": null,
        "priority": 0, "branchName": format!("x/{id}"), "url": format!("https://linear.app/x/issue/{id}"),
        "createdAt": "2026-11-18T10:00:00.000Z", "updatedAt": "2026-11-18T11:00:00.000Z", "state": {"name": state},
        "assignee": null, "labels": {"nodes": []}, "inverseRelations": {"nodes": [], "pageInfo": {"hasNextPage": false}},
        "project": "shop"})
}

impl Linear {
    pub async fn with(issues: Vec<Value>) -> Self {
        Self::configured(issues, json!({})).await
    }

    pub async fn configured(issues: Vec<Value>, extra: Value) -> Self {
        let world = Arc::new(Mutex::new(World { issues, ..World::default() }));
        let shared = Arc::clone(&world);
        let server = Server::start(move |seen| shared.lock().unwrap().answer(seen)).await;
        let key = format!("lin_api_{}", server.url.rsplit(':').next().unwrap());
        let mut provider =
            json!({"endpoint": format!("{}/graphql", server.url), "api_key": key, "project_slug": "shop"});
        provider.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let meaning = states(&["Todo", "In Progress"], &["Done", "Canceled"]);
        let none = Env::fixed::<&str, &str>([]);
        let (tracker, clock) = open_with("linear", &provider, &meaning, &none).unwrap();
        Self { server, world, tracker, clock, key }
    }

    pub fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// The variables of each request.
    pub fn asked(&self) -> Vec<Value> {
        self.server.seen().iter().map(|seen| seen.body["variables"].clone()).collect()
    }

    /// How many mutations came.
    pub fn changes(&self) -> usize {
        let is_mutation = |seen: &&Seen| seen.body["query"].as_str().unwrap().starts_with("mutation");
        self.server.seen().iter().filter(is_mutation).count()
    }
}

impl World {
    fn answer(&mut self, seen: &Seen) -> Answer {
        if !self.first.is_empty() {
            return self.first.remove(0);
        }
        let query = seen.body["query"].as_str().unwrap_or_default();
        let variables = &seen.body["variables"];
        let mut data = json!({});
        if query.contains("viewer") {
            data["viewer"] = json!({"id": "user-me"});
        }
        if query.contains("issues(") {
            data["issues"] = self.issues(variables);
        }
        if query.contains("comments(") {
            let found = self.comments.iter().filter(|comment| comment["id"] == variables["comment"]);
            data["comments"] = json!({"nodes": found.collect::<Vec<_>>()});
        }
        if query.contains("issueUpdate(") {
            let state = match variables["state"].as_str() {
                Some("state-progress") => "In Progress",
                Some("state-done") => "Done",
                other => panic!("no state {other:?}"),
            };
            let issue = self.issues.iter_mut().find(|issue| issue["id"] == variables["id"]).unwrap();
            issue["state"]["name"] = json!(state);
            data["issueUpdate"] = json!({"success": true});
        }
        if query.contains("commentCreate(") {
            let comment = variables["input"].clone();
            assert!(self.comments.iter().all(|known| known["id"] != comment["id"]), "an id is taken once");
            self.comments.push(comment);
            data["commentCreate"] = json!({"success": true});
        }
        let answer = Answer::json(200, &json!({"data": data}));
        self.headers.iter().fold(answer, |answer, (name, value)| answer.with(name, value))
    }

    fn issues(&self, variables: &Value) -> Value {
        let filter = &variables["filter"];
        let has = |list: &Value, wanted: &dyn Fn(&Value) -> bool| {
            list.as_array().is_none_or(|l| l.iter().any(wanted))
        };
        let same =
            |a: &Value, b: &Value| a.as_str().unwrap_or("").eq_ignore_ascii_case(b.as_str().unwrap_or("-"));
        let found: Vec<Value> = self
            .issues
            .iter()
            .filter(|issue| {
                issue["project"] == filter["project"]["slugId"]["eq"]
                    && has(&filter["id"]["in"], &|id| *id == issue["id"])
                    && has(&filter["state"]["or"], &|or| {
                        same(&or["name"]["eqIgnoreCase"], &issue["state"]["name"])
                    })
            })
            .cloned()
            .collect();
        let from: usize = variables["after"].as_str().map_or(0, |cursor| cursor.parse().unwrap());
        // Without `first` a page has 50.
        let first = usize::try_from(variables["first"].as_u64().unwrap_or(50)).unwrap();
        let to = found.len().min(from + first);
        let mut nodes = found[from..to].to_vec();
        for node in &mut nodes {
            node["team"] = json!({"states": {"nodes": [
                {"id": "state-todo", "name": "Todo"},
                {"id": "state-progress", "name": "In Progress"},
                {"id": "state-done", "name": "Done"},
            ]}});
        }
        let info = json!({"hasNextPage": to < found.len(), "endCursor": to.to_string()});
        json!({"nodes": nodes, "pageInfo": self.page_info.clone().unwrap_or(info)})
    }
}
