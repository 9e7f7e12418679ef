//! Agents that misbehave: programs that are started in place of Codex.
//!
//! The driver starts native programs only, and calls them with the word `app-server`. Bash started so runs the file
//! `app-server` of its working directory, which is the agent's workspace: so each project brings its own agent.

use crate::support::scenario::*;
use crate::support::{Plan, require, walls};

/// Answers Codex's first requests, and keeps what it is told in `$thread` (with the token) and `$turn`.
const OPENING: &str = r#"#!/bin/bash
read -r initialize
echo '{"id":1,"result":{}}'
read -r initialized
read -r thread
echo '{"id":2,"result":{"thread":{"id":"t1"}}}'
read -r turn
echo '{"id":3,"result":{"turn":{"id":"u1"}}}'
"#;

/// Ends the turn as an agent does whose work is done.
pub const DONE: &str = r#"echo '{"method":"turn/completed","params":{"threadId":"t1","turn":{"id":"u1","status":"completed","items":[]}}}'
"#;

/// A project whose author is a program that does `script` in place of a turn, with one issue `BAD-1`; beside it a
/// calm project with `CALM-1`. `None` where there are no walls to keep such an agent in.
pub fn plan(test: &str, script: &str) -> Option<Plan> {
    require(test, walls())?;
    let scripts = [reviews_clean(), adds_a_note("author", &["Work on "])];
    let plan = Plan::playing(scenario(&scripts))
        .project_file("app-server", format!("{OPENING}{script}"))
        .config("driver = \"builtin\"       # \"codex\" has", "driver = \"codex\"\ncommand = \"/bin/bash\" #")
        .config("retry_first = \"100ms\"", "retry_first = \"100ms\"\nmax_attempts = 2")
        .issue("BAD-1")
        .with_calm_project();
    Some(plan)
}
