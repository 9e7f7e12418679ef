//! The kit itself, tried on `examples/naive`: what is right passes, and each mistake is found by the case that is about
//! it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failing helper fails the test")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Beside the kit's own program; cargo builds examples before it runs tests.
fn naive() -> PathBuf {
    let kit = Path::new(env!("CARGO_BIN_EXE_symphony-conformance"));
    kit.parent().unwrap().join("examples/naive")
}

fn kit(arguments: &[&str], wrong: &str) -> Output {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/naive.toml");
    Command::new(env!("CARGO_BIN_EXE_symphony-conformance"))
        .arg("--target")
        .arg(target)
        .args(["--json", "-"])
        .args(arguments)
        .env("NAIVE_BIN", naive())
        .env("NAIVE_WRONG", wrong)
        .output()
        .unwrap()
}

fn results(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text}"))
}

/// The mistake is found by this case, and only because of the mistake.
fn finds(wrong: &str, case: &str) {
    let (output, right) = std::thread::scope(|scope| {
        let right = scope.spawn(|| kit(&["--case", case, "--slow", "3"], ""));
        (kit(&["--case", case], wrong), results(&right.join().unwrap()))
    });
    let found = results(&output);
    assert_eq!(found["failed"], 1, "{found:#}");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(right["passed"], 1, "{right:#}");
}

#[test]
fn keys_that_collide_are_found() {
    finds("no_suffix", "identifiers-that-sanitise-alike-have-keys-of-their-own");
}

#[test]
fn a_failure_that_is_taken_for_a_success_is_found() {
    finds("failed_is_success", "a-turn-that-failed-is-a-failure");
}

#[test]
fn a_blip_that_is_taken_for_a_missing_issue_is_found() {
    finds("error_is_missing", "a-500-on-a-refresh-keeps-workers");
}

#[test]
fn a_stall_that_loses_the_claim_is_found() {
    finds("stall_forgets", "a-stalled-issue-keeps-its-claim-until-its-retry");
}

#[test]
fn a_second_agent_is_found() {
    finds("two_agents", "a-running-issue-is-not-dispatched-again");
}

#[test]
fn a_key_that_leaks_is_found() {
    finds("leaks_key", "the-tracker-key-is-not-in-the-agent's-environment");
}

#[test]
fn a_workspace_that_stays_is_found() {
    finds("never_cleans", "a-terminal-issue-is-stopped-and-cleaned");
}

#[test]
fn a_retry_that_does_not_wait_is_found() {
    finds("no_backoff", "a-failed-issue-keeps-its-claim-until-its-retry");
}

#[test]
fn stderr_that_is_read_as_protocol_is_found() {
    finds("stderr_is_protocol", "stderr-is-no-protocol");
}

#[test]
fn a_service_that_dies_of_its_workflow_is_found() {
    finds("dies_on_reload", "a-broken-reload-blocks-dispatch-until-it-is-mended");
}

#[test]
fn what_is_right_passes_and_what_is_lacked_is_skipped() {
    let output = kit(&["--section", "13.7", "--section", "18.2", "--jobs", "8", "--slow", "3"], "");
    let found = results(&output);
    assert_eq!((&found["failed"], &found["skipped"]), (&Value::from(0), &Value::from(1)), "{found:#}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_target_that_cannot_be_read_is_wrong_usage() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_symphony-conformance")).args(["--target", "nowhere.toml"]).output();
    assert_eq!(output.unwrap().status.code(), Some(2));
}
