//! A store full of what a working day looks like, made only through the store's own writes. The tests and the
//! preview share it.
#![allow(dead_code, reason = "each user takes what it needs")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails the test")]

pub mod control;
pub mod day;
pub mod landed;
pub mod story;

use domain::fleet::{Agent, Driver, Fleet, Limits, Project, Team};
use domain::{Millis, Timestamp};

/// A fixed instant for tests: 2026-11-20T12:00:00Z in microseconds.
pub const NOON: i64 = 1_795_176_000_000_000;

pub fn fleet() -> Fleet {
    let mut fleet = Fleet::default();
    for name in ["payments", "web"] {
        let team = Team {
            name: name.into(),
            budget: None,
            reviewer: Some(format!("{name}-reviewer").as_str().into()),
            knowledge: format!("teams/{name}"),
        };
        fleet.teams.insert(name.into(), team);
        for (agent, driver) in
            [(format!("{name}-reviewer"), Driver::Builtin), (format!("{name}-author"), Driver::Codex)]
        {
            fleet.agents.insert(agent.as_str().into(), self::agent(&agent, name, driver));
        }
    }
    fleet.projects.insert("shop".into(), project());
    fleet
}

fn agent(name: &str, team: &str, driver: Driver) -> Agent {
    Agent {
        name: name.into(),
        team: team.into(),
        driver,
        command: None,
        model: "large".into(),
        budget: None,
        max_turns: 50,
        attempt_timeout: Millis::seconds(3600),
        stall_timeout: Millis::seconds(300),
        limits: Limits::default(),
    }
}

fn project() -> Project {
    Project {
        slots: 3,
        max_rounds: 4,
        ..Project::new("shop".into(), "payments".into(), "payments-author".into())
    }
}

/// `minutes` before `now`.
pub fn ago(now: Timestamp, minutes: f64) -> Timestamp {
    Timestamp(now.0 - (minutes * 60e6) as i64)
}
