//! What holds in every case, whatever it is about.

use super::Failure;
use super::steps::{line_of, most_together};
use super::world::World;
use crate::timeline::{Event, Source};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub(super) fn check(world: &World) -> Result<(), Failure> {
    let events = world.events();
    let kept = |rule: &str| !world.case.except.iter().any(|excepted| excepted == rule);
    if kept("two_agents") {
        never_two(&events)?;
    }
    if kept("violations") {
        none(&events, "violation", "every message follows the order of the app-server protocol")?;
    }
    if kept("cwd") {
        let root = world.places.at("workspaces");
        let all = [root.clone(), root.canonicalize().unwrap_or(root)];
        inside(&events, &all)?;
    }
    Ok(())
}

/// 7.4, 8.2: one worker for one issue.
fn never_two(events: &[Event]) -> Result<(), Failure> {
    let names: BTreeSet<&str> = agents(events).map(|event| event.who.as_str()).collect();
    match names.into_iter().find(|who| most_together(events, who) > 1) {
        Some(who) => Err(Failure::new("never two agents for one issue at a time", format!("two for {who}"))),
        None => Ok(()),
    }
}

fn none(events: &[Event], kind: &str, wanted: &str) -> Result<(), Failure> {
    match agents(events).find(|event| event.kind == kind) {
        Some(event) => Err(Failure::new(wanted, line_of(event))),
        None => Ok(()),
    }
}

/// 9.5: an agent runs in a folder directly below the root of workspaces, and nowhere else.
fn inside(events: &[Event], roots: &[PathBuf]) -> Result<(), Failure> {
    let outside = |event: &&Event| {
        let cwd = event.data["cwd"].as_str().map(Path::new);
        event.kind == "start" && !roots.iter().any(|root| cwd.and_then(Path::parent) == Some(root))
    };
    match agents(events).find(outside) {
        Some(event) => Err(Failure::new("agents run in folders of the workspace root only", line_of(event))),
        None => Ok(()),
    }
}

fn agents(events: &[Event]) -> impl Iterator<Item = &Event> {
    events.iter().filter(|event| event.source == Source::Agent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn event(run: u32, kind: &str, data: Value) -> Event {
        Event { at_ms: 0, source: Source::Agent, who: "A".into(), run, kind: kind.into(), data }
    }

    #[test]
    fn a_second_agent_and_a_strange_place_are_found() {
        let roots = [PathBuf::from("/w")];
        let start = |run, cwd: &str| event(run, "start", json!({"cwd": cwd}));
        assert!(inside(&[start(1, "/w/A")], &roots).is_ok());
        for cwd in ["/w", "/", "/w/A/deeper", "/elsewhere/A"] {
            assert!(inside(&[start(1, cwd)], &roots).is_err(), "{cwd}");
        }
        assert!(never_two(&[start(1, "/w/A"), start(2, "/w/A")]).is_err());
        assert!(never_two(&[start(1, "/w/A"), event(1, "exit", json!({})), start(2, "/w/A")]).is_ok());
    }
}
