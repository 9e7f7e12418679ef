//! A GitHub of our own: the issues, comments and repository of its published REST API, with pages, tags and permissions.

use crate::server::{Answer, Seen, Server};
use crate::support::{open_with, states};
use adapters::tracker::Tracker;
use base::clock::ManualClock;
use base::env::Env;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard};

/// What it holds, and how it misbehaves.
#[derive(Default)]
pub struct World {
    pub issues: Vec<Value>,
    /// With the number of their issue in `of`.
    pub comments: Vec<Value>,
    /// Answers that come first, one for each request.
    pub first: Vec<Answer>,
    /// What single issues answer instead.
    pub instead: Vec<(u64, Answer)>,
    /// What the repository itself answers instead.
    pub repository: Option<Answer>,
    /// Replaces the header Link.
    pub link: Option<String>,
    /// Headers of every answer.
    pub headers: Vec<(&'static str, String)>,
    url: String,
}

pub struct GitHub {
    pub server: Server,
    pub world: Arc<Mutex<World>>,
    pub tracker: Arc<dyn Tracker>,
    pub clock: ManualClock,
    /// Each fake has its own, because a ledger belongs to a token.
    pub token: String,
}

pub fn record(number: u64, state: &str) -> Value {
    json!({"id": 9_000 + number, "node_id": format!("I_{number}"), "number": number, "title": format!("Title {number}"),
        "state": state, "body": null, "labels": [], "assignee": null,
        "html_url": format!("https://github.com/acme/shop/issues/{number}"),
        "created_at": "2026-11-18T10:00:00Z", "updated_at": "2026-11-18T11:00:00Z"})
}

impl GitHub {
    pub async fn with(issues: Vec<Value>) -> Self {
        Self::configured(issues, json!({})).await
    }

    pub async fn configured(issues: Vec<Value>, extra: Value) -> Self {
        let world = Arc::new(Mutex::new(World { issues, ..World::default() }));
        let shared = Arc::clone(&world);
        let server = Server::start(move |seen| shared.lock().unwrap().answer(seen)).await;
        world.lock().unwrap().url = format!("{}/api/v3", server.url);
        let token = format!("ghp_{}", server.url.rsplit(':').next().unwrap());
        let mut provider =
            json!({"api_url": format!("{}/api/v3/", server.url), "token": token, "repo": "acme/shop"});
        provider.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let none = Env::fixed::<&str, &str>([]);
        let (tracker, clock) =
            open_with("github", &provider, &states(&["open"], &["closed"]), &none).unwrap();
        Self { server, world, tracker, clock, token }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Method and path of each request, below the repository.
    pub fn asked(&self) -> Vec<String> {
        let short =
            |seen: &Seen| format!("{} {}", seen.method, seen.path.replace("/api/v3/repos/acme/shop", ""));
        self.server.seen().iter().map(short).collect()
    }
}

impl World {
    fn answer(&mut self, seen: &Seen) -> Answer {
        if !self.first.is_empty() {
            return self.first.remove(0);
        }
        let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
        // Pages are addressed by the repository's number, as the real one does.
        let rest =
            path.strip_prefix("/api/v3/repos/acme/shop").or(path.strip_prefix("/api/v3/repositories/17"));
        let parts: Vec<&str> = rest.unwrap_or("/nothing").split('/').skip(1).collect();
        let answer = match (seen.method.as_str(), &parts[..]) {
            ("GET", []) => self
                .repository
                .clone()
                .unwrap_or_else(|| Answer::json(200, &json!({"full_name": "acme/shop"}))),
            ("GET", ["issues"]) => self.list(query),
            ("GET", ["issues", number]) => self.one(number.parse().unwrap()),
            ("PATCH", ["issues", number]) => self.change(number.parse().unwrap(), &seen.body),
            ("GET", ["issues", number, "comments"]) => {
                let of: u64 = number.parse().unwrap();
                let found: Vec<_> =
                    self.comments.iter().filter(|comment| comment["of"] == of).cloned().collect();
                self.paged(&found, query, &format!("issues/{of}/comments"))
            }
            ("POST", ["issues", number, "comments"]) => {
                let of: u64 = number.parse().unwrap();
                self.comments.push(json!({"of": of, "body": seen.body["body"]}));
                Answer::json(201, &json!({"id": self.comments.len()}))
            }
            _ => Answer::json(404, &json!({"message": "Not Found"})),
        };
        let answer = self.headers.iter().fold(answer, |answer, (name, value)| answer.with(name, value));
        tagged(answer, seen)
    }

    fn list(&self, query: &str) -> Answer {
        let wanted = parameter(query, "state").unwrap_or("open");
        let found: Vec<_> =
            self.issues.iter().filter(|issue| wanted == "all" || issue["state"] == wanted).cloned().collect();
        self.paged(&found, query, "issues")
    }

    /// 30 for each page unless the query says otherwise, and never more than 100.
    fn paged(&self, found: &[Value], query: &str, list: &str) -> Answer {
        let size = parameter(query, "per_page").map_or(30, |size| size.parse::<usize>().unwrap()).min(100);
        let page = parameter(query, "page").map_or(1, |page| page.parse::<usize>().unwrap());
        let from = ((page - 1) * size).min(found.len());
        let to = found.len().min(from + size);
        let answer = Answer::json(200, &json!(found[from..to]));
        let others: Vec<&str> = query.split('&').filter(|part| !part.starts_with("page=")).collect();
        let next = format!("{}/repositories/17/{list}?{}&page={}", self.url, others.join("&"), page + 1);
        match &self.link {
            Some(link) => answer.with("link", link),
            None if to < found.len() => {
                answer.with("link", &format!("<{}/x>; rel=\"first\", <{next}>; rel=\"next\"", self.url))
            }
            None => answer,
        }
    }

    fn one(&self, number: u64) -> Answer {
        if let Some((_, answer)) = self.instead.iter().find(|(of, _)| *of == number) {
            return answer.clone();
        }
        match self.issues.iter().find(|issue| issue["number"] == number) {
            Some(issue) => Answer::json(200, issue),
            None => Answer::json(404, &json!({"message": "Not Found"})),
        }
    }

    fn change(&mut self, number: u64, body: &Value) -> Answer {
        let Some(issue) = self.issues.iter_mut().find(|issue| issue["number"] == number) else {
            return Answer::json(404, &json!({"message": "Not Found"}));
        };
        issue["state"] = body["state"].clone();
        Answer::json(200, issue)
    }
}

/// What did not change is not sent again.
fn tagged(answer: Answer, seen: &Seen) -> Answer {
    match answer {
        Answer::Whole { status: 200, headers, body } if seen.method == "GET" => {
            let tag = format!("W/\"{}\"", base::digest::sha256_hex(&body));
            if seen.header("if-none-match") == tag {
                return Answer::Whole { status: 304, headers: vec![], body: vec![] };
            }
            Answer::Whole { status: 200, headers, body }.with("etag", &tag)
        }
        other @ (Answer::Whole { .. } | Answer::Silence | Answer::Cut) => other,
    }
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}
