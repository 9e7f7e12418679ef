//! The real providers, when somebody asks for them: each reads what is there and changes nothing.
//!
//! `SEAWALL_LIVE_LINEAR=1` with `LINEAR_API_KEY` and `SEAWALL_LIVE_LINEAR_PROJECT`; `SEAWALL_LIVE_GITHUB=1` with
//! `GITHUB_TOKEN` and `SEAWALL_LIVE_GITHUB_REPO`. Without them they say that they are skipped. With the first of each, what
//! is missing then is a failure.

use crate::support::{open_with, states};
use adapters::tracker::Tracker;
use base::env::Env;
use domain::issue::States;
use serde_json::{Value, json};
use std::sync::Arc;

/// The tracker, or the reason why it is not looked at.
fn live(kind: &str, enabled: &str, provider: &Value, meaning: &States) -> Option<Arc<dyn Tracker>> {
    let env = Env::process();
    if env.get(enabled).as_deref() != Some("1") {
        eprintln!("LIVE SKIPPED: {kind}: {enabled} is not 1; see docs/trackers/README.md");
        return None;
    }
    let (tracker, _hand) = open_with(kind, provider, meaning, &env).expect("the settings of the live test");
    Some(tracker)
}

/// Lists what is there, and reads one of it again.
async fn look(tracker: &dyn Tracker, meaning: &States) {
    let all: Vec<String> = meaning.active.iter().chain(&meaning.terminal).cloned().collect();
    let listing = tracker.fetch_by_states(&all).await.unwrap();
    eprintln!(
        "LIVE: {}: {} issues, {} problems",
        tracker.kind(),
        listing.issues.len(),
        listing.problems.len()
    );
    assert_eq!(listing.problems, Vec::<String>::new());
    if let Some(first) = listing.issues.first() {
        let again = tracker.fetch_by_ids(std::slice::from_ref(&first.id)).await.unwrap();
        assert_eq!(again.iter().map(|issue| &issue.id).collect::<Vec<_>>(), [&first.id]);
    }
}

#[tokio::test]
async fn the_real_linear_is_read() {
    let meaning = adapters::tracker::default_states("linear").unwrap().unwrap();
    let provider = json!({"project_slug": "$SEAWALL_LIVE_LINEAR_PROJECT"});
    if let Some(tracker) = live("linear", "SEAWALL_LIVE_LINEAR", &provider, &meaning) {
        look(&*tracker, &meaning).await;
    }
}

#[tokio::test]
async fn the_real_github_is_read() {
    let meaning = states(&["open"], &["closed"]);
    let provider = json!({"repo": "$SEAWALL_LIVE_GITHUB_REPO"});
    if let Some(tracker) = live("github", "SEAWALL_LIVE_GITHUB", &provider, &meaning) {
        look(&*tracker, &meaning).await;
    }
}
