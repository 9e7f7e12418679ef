//! The real binary, as a person or a script meets it: exit codes, documents, and `kill` when doors are dead.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use killd::client::Client;
use killd::protocol::Registration;

/// A folder with a configuration whose control door is at `control`; its path is short enough for a socket.
fn folder(control: &str) -> tempfile::TempDir {
    let dir = tempfile::Builder::new().prefix("sw").tempdir_in("/tmp").unwrap();
    let text = format!("state_dir = \"s\"\n[control]\nlisten = \"{control}\"\n");
    std::fs::write(dir.path().join("seawall.toml"), text).unwrap();
    dir
}

fn seawall(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seawall"));
    command.args(args).current_dir(dir).env_remove("SEAWALL_CONTROL").env_remove("SEAWALL_CONTROL_SECRET");
    command.output().unwrap()
}

fn document(output: &Output) -> serde_json::Value {
    let seen = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?} {seen}"))
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// An address that nobody listens on.
fn dead() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A running kill plane, ended with the test.
struct KillPlane(Child);

impl KillPlane {
    fn start(dir: &Path) -> Self {
        let state = dir.join("s/killd");
        std::fs::create_dir_all(&state).unwrap();
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_seawall"));
        command.arg("killd").arg("--socket").arg(state.join("killd.sock")).arg("--dir").arg(&state);
        Self(command.stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for KillPlane {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Puts `agent` under the kill plane as `run/r1` of `team/pay`; the connection must stay open.
async fn register(dir: &Path, agent: &Child) -> Client {
    let socket = dir.join("s/killd/killd.sock");
    let until = Instant::now() + Duration::from_secs(10);
    let client = loop {
        match Client::connect(&socket).await {
            Ok(client) => break client,
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
        tokio::task::yield_now().await;
    };
    client.supervise("test").await.unwrap();
    let labels = vec!["run/r1".to_owned(), "team/pay".to_owned()];
    let run = Registration {
        run: "r1".into(),
        fence: 1,
        labels,
        kill_dir: None,
        pid: Some(agent.id()),
        walled: false,
    };
    client.register(run).await.unwrap();
    client
}

fn agent() -> Child {
    Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap()
}

/// Reaps the child when it dies, as its supervisor would.
fn reaped(mut child: Child) -> std::thread::JoinHandle<std::process::ExitStatus> {
    std::thread::spawn(move || child.wait().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_reaches_the_kill_plane_when_the_control_door_is_dead_and_says_partial() {
    let dir = folder(&dead());
    let _plane = KillPlane::start(dir.path());
    let agent = agent();
    let _supervisor = register(dir.path(), &agent).await;
    let agent = reaped(agent);
    let output = seawall(dir.path(), &["kill", "team/pay", "--reason", "it loops", "--json"]);
    assert_eq!(code(&output), 3, "{output:?}");
    let order = document(&output);
    assert_eq!(order["verdict"], "PARTIAL");
    assert_eq!(order["receipts"][0]["layer"], "runtime");
    assert_eq!(order["receipts"][0]["state"], "verified", "{order}");
    assert_eq!(order["receipts"][1]["state"], "unverified");
    assert_eq!(order["receipts"][2]["state"], "unverified");
    assert!(!agent.join().unwrap().success(), "the agent was killed");
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_waits_one_second_for_a_door_that_says_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let dir = folder(&silent.local_addr().unwrap().to_string());
    let _plane = KillPlane::start(dir.path());
    let agent = agent();
    let _supervisor = register(dir.path(), &agent).await;
    let agent = reaped(agent);
    let output = seawall(dir.path(), &["kill", "run/r1", "--reason", "stuck"]);
    assert_eq!(code(&output), 3, "{output:?}");
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("runtime   verified") && shown.trim_end().ends_with("PARTIAL"), "{shown}");
    assert!(!agent.join().unwrap().success());
}

#[test]
fn kill_says_that_nothing_was_stopped_when_nobody_answers() {
    let dir = folder(&dead());
    let output = seawall(dir.path(), &["kill", "all", "--reason", "x", "--json"]);
    assert_eq!(code(&output), 1);
    let message = document(&output)["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("nothing was stopped"), "{message}");
}

/// A control door that answers every request with the same body.
fn door(status: &'static str, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut some = [0; 4096];
            let mut head = Vec::new();
            while !head.windows(4).any(|w| w == b"\r\n\r\n") {
                match stream.read(&mut some) {
                    Ok(0) | Err(_) => break,
                    Ok(count) => head.extend_from_slice(&some[..count]),
                }
            }
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

fn order(layers: &[(&str, &str)]) -> String {
    let receipts: Vec<_> = layers
        .iter()
        .map(|(layer, state)| {
            serde_json::json!({ "layer": layer, "state": state, "by": "seen", "why": "unseen", "after_us": 1500,
                "at": "2026-01-01T00:00:00Z" })
        })
        .collect();
    let all = layers.len() == 3 && layers.iter().all(|(_, state)| *state == "verified");
    let verdict = if all { "VERIFIED" } else { "PARTIAL" };
    serde_json::json!({ "id": "o1", "scope": "all", "mode": "hard", "reason": "x", "actor": "ann", "epoch": 1,
        "given_at": "2026-01-01T00:00:00Z", "receipts": receipts, "verdict": verdict, "lifted": null })
    .to_string()
}

#[test]
fn a_verified_order_ends_with_0_and_one_that_is_not_with_3() {
    let proven = [("runtime", "verified"), ("identity", "verified"), ("gateway", "verified")];
    let dir = folder(&door("202 Accepted", order(&proven)));
    let output = seawall(dir.path(), &["kill", "all", "--reason", "x"]);
    assert_eq!(code(&output), 0, "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("gateway   verified  1.5 ms  seen"));
    let unproven = [("runtime", "verified"), ("identity", "verified"), ("gateway", "unverified")];
    let dir = folder(&door("202 Accepted", order(&unproven)));
    assert_eq!(code(&seawall(dir.path(), &["kill", "all", "--reason", "x"])), 3);
}

#[test]
fn a_refusal_of_the_door_keeps_its_hint() {
    let body =
        r#"{"error":{"code":"conflict","message":"team/pay is not stopped","hint":"see `seawall orders`"}}"#;
    let dir = folder(&door("409 Conflict", body.to_owned()));
    let output = seawall(dir.path(), &["lift", "team/pay", "--reason", "x"]);
    assert_eq!(code(&output), 4);
    let seen = String::from_utf8(output.stderr).unwrap();
    assert!(seen.contains("error: team/pay is not stopped\nhint: see `seawall orders`"), "{seen}");
}

#[test]
fn a_configuration_with_errors_ends_with_2_and_one_document() {
    let dir = folder(&dead());
    std::fs::write(dir.path().join("seawall.toml"), "[stor]\nurl = 1\n").unwrap();
    let output = seawall(dir.path(), &["check", "--json"]);
    assert_eq!(code(&output), 2);
    let told = document(&output);
    assert_eq!((&told["ok"], &told["problems"][0]["line"]), (&false.into(), &1.into()));
    assert_eq!(told["problems"][0]["mend"], "did you mean `store`?");
}

#[test]
fn wrong_usage_ends_with_2_and_help_with_0() {
    let dir = folder(&dead());
    assert_eq!(code(&seawall(dir.path(), &["kill"])), 2);
    assert_eq!(code(&seawall(dir.path(), &["frobnicate"])), 2);
    assert_eq!(code(&seawall(dir.path(), &["kill", "all", "--reason", " "])), 2);
    assert_eq!(code(&seawall(dir.path(), &["--help"])), 0);
}

#[test]
fn a_machine_below_the_floor_ends_doctor_with_4() {
    let dir = folder(&dead());
    let bin = dir.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let git =
        std::env::split_paths(&std::env::var_os("PATH").unwrap()).map(|d| d.join("git")).find(|p| p.exists());
    symlink(git.expect("git is needed to build this repository"), bin.join("git")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_seawall"));
    // Without bubblewrap on the PATH there are no walls.
    let output =
        command.args(["doctor", "--json"]).current_dir(dir.path()).env("PATH", &bin).output().unwrap();
    let told = document(&output);
    assert_eq!((code(&output), &told["level"]), (4, &"bare".into()), "{told}");
}
