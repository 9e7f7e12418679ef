//! A small world for tests: one project, one author, two owning teams.

use domain::change::{Change, Owner};
use domain::containment::{Containments, Mode, Order, Scope};
use domain::fleet::{Agent, Delivery, Driver, Project, RetryPolicy};
use domain::issue::Issue;
use domain::review::{Priority, Raised};
use domain::run::{Facts, Readiness};
use domain::{Epoch, Sha, TeamName, Timestamp};
use std::collections::BTreeMap;

pub fn sha(letter: &str) -> Sha {
    Sha::new(letter.repeat(40))
}

pub fn project() -> Project {
    Project {
        slots: 2,
        retry: RetryPolicy { max_attempts: 4, ..RetryPolicy::default() },
        max_rounds: 2,
        ..Project::new("shop".into(), "pay".into(), "author".into())
    }
}

/// A project whose agents hand their work on themselves.
pub fn handoff_project() -> Project {
    let retry = RetryPolicy { max_attempts: u32::MAX, ..RetryPolicy::default() };
    Project { delivery: Delivery::Handoff, required_labels: vec!["agents".into()], retry, ..project() }
}

/// No attempt of the project lives.
const EMPTY: &BTreeMap<String, u32> = &BTreeMap::new();

pub fn agent(name: &str, team: &str) -> Agent {
    Agent { max_turns: 40, ..Agent::new(name.into(), team.into(), Driver::Builtin, "large".into()) }
}

pub fn issue(state: &str) -> Issue {
    Issue {
        priority: Some(1),
        version: "v1".into(),
        labels: vec!["agents".into()],
        ..Issue::new("SHOP-1".into(), "SHOP-1", "Retries must not charge twice", state)
    }
}

pub fn change(head: &str, teams: &[&str]) -> Change {
    let owner = |team: &&str| Owner {
        team: TeamName::new(*team),
        reviewer: (*team != "nobody").then(|| format!("{team}-reviewer").as_str().into()),
        files: vec![format!("src/{team}.rs")],
    };
    Change {
        base: sha("0"),
        head: sha(head),
        files: teams.iter().map(|t| format!("src/{t}.rs")).collect(),
        added: 10,
        removed: 2,
        owners: teams.iter().map(owner).collect(),
    }
}

pub fn raised(priority: Priority, title: &str) -> Raised {
    Raised { priority, title: title.into(), body: "why".into(), place: None, cites: vec![] }
}

pub fn order(scope: Scope, epoch: u64) -> Order {
    Order {
        id: "order-1".into(),
        scope,
        mode: Mode::Hard,
        reason: "it loops".into(),
        actor: "ana".into(),
        epoch: Epoch(epoch),
        given_at: Timestamp(0),
    }
}

pub fn facts<'a>(
    project: &'a Project,
    agent: &'a Agent,
    containments: &'a Containments,
    readiness: &'a Readiness,
    live: u32,
) -> Facts<'a> {
    Facts { project, agent, containments, live, live_by_state: EMPTY, share: Ok(()), readiness }
}
