//! The doors: what opens one never opens the other.

use crate::hostile;
use crate::support::scenario::*;
use crate::support::{Daemon, Installation, Plan, http};
use std::path::{Path, PathBuf};

/// A daemon whose agent keeps its token in a file and waits; with the token. `None` without walls.
async fn with_token(test: &str) -> Option<(Installation, Daemon, String)> {
    let keep = "echo \"$thread\" >token.new; mv token.new token\nsleep 1000\n";
    let shop = hostile::plan(test, keep)?.write();
    let daemon = Daemon::start(&shop).await;
    daemon.working("BAD-1").await;
    let state = shop.state();
    let thread = daemon.until("the token", async |_| find(&state.join("workspaces"), "token")).await;
    let told: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(thread).unwrap()).unwrap();
    let token = told.pointer("/params/config/model_providers/seawall/experimental_bearer_token");
    let token = token.and_then(|token| token.as_str()).unwrap().to_owned();
    Some((shop, daemon, token))
}

fn find(dir: &Path, name: &str) -> Option<PathBuf> {
    let entries: Vec<_> = std::fs::read_dir(dir).into_iter().flatten().flatten().collect();
    let here = entries.iter().map(|entry| entry.path()).find(|path| path.ends_with(name) && path.is_file());
    here.or_else(|| entries.iter().filter(|e| e.path().is_dir()).find_map(|entry| find(&entry.path(), name)))
}

#[tokio::test]
async fn a_run_token_opens_the_gateway_and_not_the_control_door() {
    let Some((_shop, daemon, token)) = with_token("token at the control door").await else { return };
    let model = daemon.ask_model(&token);
    // No script plays this conversation: the rehearsal says so, behind the door.
    assert!(!matches!(model.status, 401 | 403), "{model:?}");
    let bearer = format!("Bearer {token}");
    for path in ["/api/v1/runs", "/api/v1/state", "/"] {
        let answer = http::exchange(daemon.control(), "GET", path, &[("authorization", &bearer)], "");
        assert!(matches!(answer.status, 401 | 303), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn the_token_of_a_stopped_run_is_refused_from_then_on() {
    let Some((_shop, daemon, token)) = with_token("token of a stopped run").await else { return };
    assert_eq!(daemon.cli(&["kill", "agent/author", "--reason", "test"]).status.code(), Some(0));
    let answer = daemon.ask_model(&token);
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.head.to_ascii_lowercase().contains("x-should-retry: false"), "{answer:?}");
}

#[tokio::test]
async fn the_secret_of_the_control_door_is_refused_at_the_gateway() {
    let shop = Plan::playing(notes()).write();
    let daemon = Daemon::start(&shop).await;
    let answer = daemon.ask_model(&daemon.secret);
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(daemon.ask_model("").status, 401);
}

#[tokio::test]
async fn a_websocket_upgrade_is_answered_with_426() {
    let shop = Plan::playing(notes()).write();
    let daemon = Daemon::start(&shop).await;
    let headers = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ];
    let answer = http::exchange(daemon.gateway(), "GET", "/v1/responses", &headers, "");
    assert_eq!(answer.status, 426, "{answer:?}");
}

#[tokio::test]
async fn the_control_door_turns_away_other_hosts_and_other_sites() {
    let shop = Plan::playing(notes()).write();
    let daemon = Daemon::start(&shop).await;
    let bearer = format!("Bearer {}", daemon.secret);
    let rebound = [("host", "evil.example"), ("authorization", bearer.as_str())];
    assert!(http::exchange(daemon.control(), "GET", "/api/v1/runs", &rebound, "").status >= 400);
    let forged = [("origin", "https://evil.example"), ("content-type", "application/x-www-form-urlencoded")];
    let answer = http::exchange(daemon.control(), "POST", "/orders", &forged, "scope=all&reason=x");
    assert!(matches!(answer.status, 401 | 403), "{answer:?}");
    assert_eq!(daemon.client.orders(None).await.unwrap().items, []);
}
