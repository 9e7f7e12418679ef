//! Every command of the command line.

use crate::support::scenario::notes;
use crate::support::{Daemon, Plan, daemon};
use serde_json::Value;
use std::path::Path;

/// The commands that `seawall --help` lists.
fn commands() -> Vec<String> {
    let output = daemon::output(daemon::command(Path::new("/")).arg("--help"));
    let help = String::from_utf8(output.stdout).unwrap();
    let list = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let names = list.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    names
        .filter_map(|line| line.split_whitespace().next())
        .filter(|n| *n != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_has_help_with_examples_and_takes_json() {
    let commands = commands();
    assert!(commands.len() >= 14, "{commands:?}");
    for command in commands {
        let output = daemon::output(daemon::command(Path::new("/")).args([&command, "--help"]));
        let help = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(
            help.contains("Example") && help.contains(&format!("seawall {command}")),
            "{command}: {help}"
        );
        assert!(help.contains("--json") && help.contains("--config"), "{command}: {help}");
    }
}

/// What a command is called with, over a daemon in which A-1 landed as `run`. `None`: it is proven elsewhere.
fn arguments<'a>(command: &'a str, run: &'a str) -> Option<Vec<&'a str>> {
    let rest: &[&str] = match command {
        // Both run until they are asked to end, or for long: the scenarios have them.
        "up" | "demo" => return None,
        "runs" | "check" | "doctor" | "init" | "budgets" | "orders" => &[],
        "show" | "trace" | "logs" => &[run],
        "why" => &["A-1"],
        "kill" => &["agent/author", "--reason", "coverage"],
        "lift" => &["agent/author", "--reason", "coverage"],
        "pause" => &["shop", "--reason", "coverage"],
        "resume" => &["shop"],
        other => panic!("say here how `seawall {other}` is called"),
    };
    Some([&[command, "--json"], rest].concat())
}

#[tokio::test]
async fn every_command_prints_one_document_and_nothing_else_with_json() {
    let shop = Plan::playing(notes()).issue("A-1").write();
    let daemon = Daemon::start(&shop).await;
    let run = daemon.landed("A-1").await.summary.id.to_string();
    for command in commands() {
        let Some(arguments) = arguments(&command, &run) else { continue };
        let output = if command == "init" {
            daemon::output(daemon::command(&shop.checkout()).args(&arguments))
        } else {
            daemon.cli(&arguments)
        };
        assert_eq!(output.status.code(), Some(0), "{command}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let documents: Result<Vec<Value>, _> =
            serde_json::Deserializer::from_str(&text).into_iter().collect();
        match documents {
            Ok(documents) => assert_eq!(documents.len(), 1, "{command}: {text}"),
            Err(error) => panic!("{command}: {error}: {text}"),
        }
    }
}

#[test]
fn every_command_that_needs_a_daemon_says_how_to_start_one() {
    let shop = Plan::playing(notes()).write();
    for command in commands() {
        let needs = ["runs", "show", "trace", "logs", "why", "lift", "pause", "resume", "budgets", "orders"];
        let Some(arguments) = arguments(&command, "r1").filter(|_| needs.contains(&command.as_str())) else {
            continue;
        };
        let output = daemon::output(daemon::command(shop.dir()).args(&arguments));
        assert_eq!(output.status.code(), Some(1), "{command}: {output:?}");
        let error: Value = serde_json::from_slice(&output.stdout).unwrap();
        let said = error["error"].to_string();
        assert!(said.contains("seawall up"), "{command}: {said}");
    }
}
