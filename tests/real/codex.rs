//! The real Codex CLI as author, through the gateway, against the rehearsal model.

use crate::support::{Daemon, Plan, daemon, process, require};
use std::path::PathBuf;
use wire::{Span, SpanKind};

/// Where CI installs it; see `.ci/run`.
const INSTALLED: &str = ".cache/seawall-tools/node_modules/.bin/codex";

fn codex(test: &str) -> Option<PathBuf> {
    let named = std::env::var_os("SEAWALL_TEST_CODEX").map(PathBuf::from);
    let installed = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(INSTALLED));
    let found = named.or(installed).filter(|path| path.exists());
    require(test, found.ok_or_else(|| "codex is not installed; name it in SEAWALL_TEST_CODEX".to_owned()))
}

/// The demo's installation with one line changed: its author is Codex.
fn plan(test: &str) -> Option<Plan> {
    let driver = format!("driver = \"codex\"\ncommand = \"{}\"\n#", codex(test)?.display());
    Some(Plan::demo().config("driver = \"builtin\"       #", &driver))
}

/// The model requests of the run itself, in order.
fn calls<'a>(spans: &'a [Span], run: &str) -> Vec<&'a Span> {
    let within = |span: &&Span| {
        let mut at = Some(*span);
        while let Some(span) = at {
            if span.kind == SpanKind::Run {
                return span.id == run;
            }
            at = span.parent.as_ref().and_then(|parent| spans.iter().find(|other| other.id == *parent));
        }
        false
    };
    spans.iter().filter(|span| span.kind == SpanKind::Call).filter(within).collect()
}

#[tokio::test]
async fn codex_lands_the_issue_and_its_trace_leads_to_every_model_request() {
    let Some(plan) = plan("codex lands the issue") else { return };
    let shop = plan.write();
    let daemon = Daemon::start(&shop).await;
    let run = daemon.landed("SHOP-1").await;
    assert_eq!(shop.main(), run.change.as_ref().unwrap().head.as_str());
    let id = run.summary.id.as_str();
    let trace = daemon.client.trace(id).await.unwrap();
    assert_eq!((trace.issue.as_str(), trace.spans[0].kind), ("SHOP-1", SpanKind::Run));
    let calls = calls(&trace.spans, id);
    assert!(calls.len() >= 5, "{}", daemon::lines(&run));
    for call in &calls {
        let tokens = call.tokens.unwrap();
        assert!(tokens.input > 0 && tokens.output > 0, "{call:?}");
        assert!(call.rehearsal && call.attributes["request_blob"].len() > 32, "{call:?}");
        let request = daemon.get(&format!("/api/v1/calls/{}/request", call.id)).json();
        // The shape of Codex's own requests, which nothing of ours makes.
        let metadata = &request["client_metadata"];
        assert!(
            metadata["thread_id"].is_string() && metadata["x-codex-turn-metadata"].is_string(),
            "{request}"
        );
        assert_eq!((&request["stream"], &request["store"]), (&true.into(), &false.into()), "{request}");
        assert!(request["input"].to_string().contains("Work on SHOP-1"), "{request}");
    }
    let mut attempts: Vec<&Span> = trace.spans.iter().filter(|s| s.kind == SpanKind::Attempt).collect();
    attempts.retain(|attempt| attempt.parent.as_deref() == Some(id));
    for attempt in attempts {
        let turns: Vec<&Span> = trace
            .spans
            .iter()
            .filter(|s| s.kind == SpanKind::Turn && s.parent.as_ref() == Some(&attempt.id))
            .collect();
        let names: Vec<&str> = turns.iter().map(|turn| turn.name.as_str()).collect();
        let expect: Vec<String> = (1..=turns.len()).map(|n| format!("turn {n}")).collect();
        assert_eq!(names, expect, "the turns of {}", attempt.id);
    }
}

#[tokio::test]
async fn a_killed_codex_leaves_no_process_and_no_valid_token() {
    let Some(plan) = plan("codex is killed") else { return };
    let looping = include_str!("../../crates/seawall/src/demo/issues/SHOP-2.md");
    let shop = plan.beside("issues/SHOP-1.md", looping.replace("state: Todo", "state: Todo ")).write();
    let daemon = Daemon::start(&shop).await;
    let (run, _) = daemon.working("SHOP-2").await;
    let id = run.summary.id.to_string();
    let before = daemon
        .until("codex to call the model twice", async |client| {
            let spend = client.run(&id).await.ok()?.summary.spend;
            (spend.calls >= 2).then(|| process::of_run(&id))
        })
        .await;
    assert!(before.len() >= 2, "{before:?}");
    let output = daemon.cli(&["kill", &format!("run/{id}"), "--reason", "it loops", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(process::of_run(&id), [] as [u32; 0]);
    let order: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let identity = order["receipts"].as_array().unwrap().iter().find(|r| r["layer"] == "identity").unwrap();
    assert!(identity["by"].as_str().is_some_and(|by| by.contains("0 admitted")), "{order}");
}
