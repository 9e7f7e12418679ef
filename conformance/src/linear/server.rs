//! The HTTP side: one server for each case, on a port of its own.
//!
//! Invariants: a key that is not the case's is refused with 401; a body has a limit; the server ends with its case.

use super::Setup;
use super::answer::{Answering, Kind, kind};
use super::board::{Board, Issue};
use super::fault::{Change, Fault, Wrong};
use super::query::{self, Operation, Request};
use crate::timeline::{Source, Timeline};
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// A question is not longer than this.
const BODY_BYTES: usize = 1024 * 1024;
/// So much of a query's text is kept in the timeline.
const QUERY_CHARS: usize = 400;

/// A running fake.
#[derive(Debug)]
pub(crate) struct Linear {
    pub(crate) url: String,
    desk: Arc<Desk>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Desk {
    key: String,
    timeline: Timeline,
    inside: Mutex<Inside>,
}

#[derive(Debug)]
struct Inside {
    board: Board,
    viewer: String,
    page_size: Option<usize>,
    faults: Vec<Fault>,
    changes: Vec<Change>,
    asked: BTreeMap<&'static str, usize>,
}

impl Linear {
    pub(crate) async fn start(
        issues: Vec<Issue>,
        setup: Setup,
        key: &str,
        timeline: Timeline,
    ) -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/graphql", listener.local_addr()?);
        let inside = Inside {
            board: Board { issues, comments: vec![] },
            viewer: setup.viewer.unwrap_or_else(|| "user-me".to_owned()),
            page_size: setup.page_size,
            faults: setup.faults,
            changes: setup.changes,
            asked: BTreeMap::new(),
        };
        let desk = Arc::new(Desk { key: key.to_owned(), timeline, inside: Mutex::new(inside) });
        let router = Router::new()
            .route("/graphql", axum::routing::post(graphql))
            .layer(DefaultBodyLimit::max(BODY_BYTES))
            .with_state(Arc::clone(&desk));
        let server = tokio::spawn(async move {
            // Serving ends with the case; an error of the listener shows as requests that get no answer.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, desk, server })
    }

    pub(crate) fn add(&self, issue: Issue) {
        self.desk.inside().board.issues.push(issue);
    }

    pub(crate) fn set(&self, identifier: &str, patch: &Map<String, Value>) -> Result<(), String> {
        self.desk.inside().set(identifier, Some(patch))
    }

    pub(crate) fn remove(&self, identifier: &str) -> Result<(), String> {
        self.desk.inside().set(identifier, None)
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.desk.inside().faults.push(fault);
    }

    pub(crate) fn lift_faults(&self) {
        self.desk.inside().faults.clear();
    }

    pub(crate) fn comments(&self) -> Vec<String> {
        self.desk.inside().board.comments.iter().map(|(_, body)| body.clone()).collect()
    }

    pub(crate) fn record(&self, identifier: &str) -> Option<Value> {
        let records = self.desk.inside().board.records();
        records.into_iter().find(|record| record["identifier"] == identifier)
    }
}

impl Drop for Linear {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn graphql(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Response {
    let authorized = authorized(&headers, &desk.key);
    let parsed = serde_json::from_slice::<Request>(&body)
        .map_err(|error| format!("the body is not a GraphQL request: {error}"))
        .and_then(|request| query::read(&request).map(|operation| (request, operation)));
    let (request, operation) = match parsed {
        Ok(parsed) => parsed,
        Err(why) => {
            let body = String::from_utf8_lossy(&body).chars().take(QUERY_CHARS).collect::<String>();
            let data = json!({"problem": why, "body": body, "authorized": authorized});
            desk.timeline.note(Source::Tracker, "unreadable", "", data);
            return errors(StatusCode::BAD_REQUEST, &why, "GRAPHQL_VALIDATION_FAILED");
        }
    };
    let kind = kind(&operation);
    let wrong = desk.book(&request, &operation, &kind, authorized);
    if !authorized {
        return errors(StatusCode::UNAUTHORIZED, "Authentication required", "AUTHENTICATION_ERROR");
    }
    match wrong {
        Some(Wrong::Status(status)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            errors(status, "the case wants this to fail", "CONFORMANCE_FAULT")
        }
        Some(Wrong::Errors(message)) => errors(StatusCode::OK, &message, "CONFORMANCE_FAULT"),
        Some(Wrong::Garbage) => (StatusCode::OK, "<html>not what you asked for</html>").into_response(),
        Some(Wrong::HangUp) => hang_up(),
        Some(Wrong::DelayMs(ms)) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            desk.answer(&operation, false)
        }
        Some(Wrong::NoCursor) => desk.answer(&operation, true),
        None => desk.answer(&operation, false),
    }
}

/// A personal key stands by itself; tokens of an application come as a bearer.
fn authorized(headers: &HeaderMap, key: &str) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given == key || given.strip_prefix("Bearer ").is_some_and(|given| given == key)
}

fn errors(status: StatusCode, message: &str, code: &str) -> Response {
    let body = json!({"errors": [{"message": message, "extensions": {"code": code}}]});
    (status, axum::Json(body)).into_response()
}

/// A body that breaks off before it begins ends the connection.
fn hang_up() -> Response {
    let broken = std::io::Error::other("the case wants the connection to end");
    Response::new(Body::from_stream(tokio_stream::once(Err::<Bytes, _>(broken))))
}

impl Desk {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the request down, lets the board change as the case wants it, and says what is to go wrong.
    fn book(&self, request: &Request, operation: &Operation, kind: &Kind, authorized: bool) -> Option<Wrong> {
        let mut inside = self.inside();
        let asked = inside.asked.entry(kind.name).or_default();
        *asked += 1;
        let named: Vec<String> = kind.states.iter().chain(&kind.ids).cloned().collect();
        let met = inside.faults.iter_mut().find_map(|fault| {
            let wrong = fault.wrong.clone();
            fault.meets(kind.name, &named).then_some(wrong)
        });
        let query: String = request.query.chars().take(QUERY_CHARS).collect();
        let data = json!({
            "states": kind.states, "ids": kind.ids, "query": query, "variables": request.variables,
            "fields": operation.fields.iter().map(|field| &field.name).collect::<Vec<_>>(),
            "authorized": authorized, "fault": met.as_ref().map(|wrong| format!("{wrong:?}")),
        });
        self.timeline.note(Source::Tracker, kind.name, "", data);
        inside.settle(self.timeline.now());
        met
    }

    fn answer(&self, operation: &Operation, no_cursor: bool) -> Response {
        let mut inside = self.inside();
        let Inside { board, viewer, page_size, .. } = &mut *inside;
        let mut answering = Answering { board, viewer, page_size: *page_size, no_cursor };
        match answering.answer(operation) {
            Ok(data) => axum::Json(json!({"data": data})).into_response(),
            Err(why) => {
                self.timeline.note(Source::Tracker, "refused", "", json!({"problem": why}));
                errors(StatusCode::BAD_REQUEST, &why, "GRAPHQL_VALIDATION_FAILED")
            }
        }
    }
}

impl Inside {
    /// Makes the changes that are due, each once.
    fn settle(&mut self, now_ms: u64) {
        let asked = std::mem::take(&mut self.asked);
        let count = |change: &Change| match change.after.as_deref() {
            Some("*") => asked.values().sum(),
            kind => kind.and_then(|kind| asked.get(kind)).copied().unwrap_or(0),
        };
        let (due, later): (Vec<Change>, Vec<Change>) = std::mem::take(&mut self.changes)
            .into_iter()
            .partition(|change| change.due(count(change), now_ms));
        self.changes = later;
        self.asked = asked;
        for change in due {
            // The names were checked when the case was read.
            let _ = self.set(&change.issue, change.set.as_ref());
        }
    }

    fn set(&mut self, identifier: &str, patch: Option<&Map<String, Value>>) -> Result<(), String> {
        let missing = || format!("the case has no issue {identifier}");
        match patch {
            Some(patch) => self.board.issue(identifier).ok_or_else(missing)?.patch(patch),
            None => {
                let before = self.board.issues.len();
                self.board.issues.retain(|issue| issue.identifier != identifier);
                if self.board.issues.len() == before { Err(missing()) } else { Ok(()) }
            }
        }
    }
}

#[cfg(test)]
mod tests;
