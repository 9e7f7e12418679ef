//! A small world for tests: one project, one author, two owning teams.

use domain::change::{Change, Owner};
use domain::containment::{Containments, Mode, Order, Scope};
use domain::fleet::{Agent, Driver, Limits, Project, RetryPolicy};
use domain::issue::{Issue, States};
use domain::review::{Priority, Raised};
use domain::run::{Facts, Readiness};
use domain::{Epoch, Millis, Sha, TeamName, Timestamp};

pub fn sha(letter: &str) -> Sha {
    Sha::new(letter.repeat(40))
}

pub fn project() -> Project {
    Project {
        name: "shop".into(),
        team: "pay".into(),
        author: "author".into(),
        slots: 2,
        states: States::default(),
        branch: "main".into(),
        landing: Default::default(),
        retry: RetryPolicy { max_attempts: 4, ..RetryPolicy::default() },
        max_rounds: 2,
    }
}

pub fn agent(name: &str, team: &str) -> Agent {
    Agent {
        name: name.into(),
        team: team.into(),
        driver: Driver::Builtin,
        command: None,
        model: "large".into(),
        budget: None,
        max_turns: 40,
        attempt_timeout: Millis::seconds(3600),
        stall_timeout: Millis::seconds(300),
        limits: Limits::default(),
    }
}

pub fn issue(state: &str) -> Issue {
    Issue {
        id: "SHOP-1".into(),
        identifier: "SHOP-1".into(),
        title: "Retries must not charge twice".into(),
        description: String::new(),
        state: state.into(),
        priority: Some(1),
        labels: vec![],
        blocked_by: vec![],
        url: None,
        version: "v1".into(),
        updated_at: None,
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
    Facts { project, agent, containments, live, readiness }
}
