//! Commits a step: the run's next state, its events and its effects, in one transaction.
//!
//! Invariants: a run's row changes only from the version that the decision read; a step that starts an
//! attempt also expects the containments and the project's claims as they were read, so that no start slips
//! past an order or over the slots; an effect that is owed already is not owed twice.

use crate::db::Batch;
use crate::effect::{Lease, ending};
use crate::row::to_json;
use crate::run::Base;
use crate::{Error, Result, Store, params, run};
use domain::containment::Containments;
use domain::effect::Effect;
use domain::event::Event;
use domain::run::Run;
use domain::step::Step;
use domain::{ProjectName, Timestamp};

/// A step and what its decision rested on.
#[derive(Clone, Debug)]
pub struct Commit<'a> {
    /// What was decided.
    pub step: &'a Step,
    /// The run as the decision read it.
    pub base: Base,
    /// The facts of a decision to start an attempt; others rest on the run alone.
    pub guards: Option<&'a Guards>,
    /// The effect whose outcome led to the step: it ends with the same commit.
    pub effect: Option<(&'a Lease, Ending<'a>)>,
    /// When.
    pub now: Timestamp,
}

/// How a performed effect ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending<'a> {
    /// It was performed.
    Done,
    /// It never will be; the text says why.
    Dead(&'a str),
}

/// The versions that a decision to start read, before it read the facts that they guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guards {
    /// The project whose slots are taken.
    pub project: ProjectName,
    /// How often an attempt was started there.
    pub claims: u64,
    /// How often containments changed.
    pub containment: u64,
}

/// What a decision to start rests on.
#[derive(Clone, Debug)]
pub struct StartFacts {
    /// Every containment.
    pub containments: Containments,
    /// To be handed back with the step.
    pub guards: Guards,
}

const VERSIONS: &str = "SELECT name, version FROM versions WHERE name = $1 OR name = $2";
const CLAIM: &str = "INSERT INTO versions (name, version)
    SELECT CAST($1 AS TEXT), 1 WHERE CAST($2 AS {int}) = 0 OR EXISTS (SELECT 1 FROM versions WHERE name = $1)
    ON CONFLICT (name) DO UPDATE SET version = versions.version + 1 WHERE versions.version = $2";
const EXPECT: &str = "SELECT version FROM versions WHERE name = $1 AND version = $2 {share}";
const EVENT: &str = "INSERT INTO events (at, run, project, kind, data) VALUES ($1, $2, $3, $4, $5)";
const EFFECT: &str = "INSERT INTO effects (id, run, kind, payload, status, not_before, tries, created_at)
    VALUES ($1, $2, $3, $4, 'pending', 0, 0, $5) ON CONFLICT (id) DO NOTHING";

/// A step that starts an attempt.
#[derive(Clone, Debug)]
pub struct Start {
    /// What was decided.
    pub step: Step,
    /// The run as the decision read it.
    pub base: Base,
}

/// The row of `versions` that every change of a containment moves.
pub(crate) const CONTAINMENT: &str = "containment";

impl Store {
    /// What a decision to start an attempt in `project` rests on. Read the prior run with [`Store::prior`]
    /// after this, and it is guarded too.
    pub async fn start_facts(&self, project: &ProjectName) -> Result<StartFacts> {
        let claims = claims_of(project);
        let versions = self.db.read(VERSIONS, params![claims.as_str(), CONTAINMENT]).await?;
        let mut guards = Guards { project: project.clone(), claims: 0, containment: 0 };
        for row in versions {
            let version = row.uint("version")?;
            if row.text("name")? == CONTAINMENT {
                guards.containment = version;
            } else {
                guards.claims = version;
            }
        }
        let containments = self.containments().await?;
        Ok(StartFacts { containments, guards })
    }

    /// Commits `commit` and answers with the run's new version. [`Error::Outdated`] when the run or a guard
    /// is not as it was read, [`Error::LeaseLost`] when the effect was taken by another performer.
    pub async fn commit_step(&self, commit: Commit<'_>) -> Result<u64> {
        let mut batch = Batch::new();
        if let Some((lease, end)) = commit.effect {
            ending(&mut batch, lease, end, commit.now);
        }
        if let Some(guards) = commit.guards {
            guard(&mut batch, guards);
        }
        let version = write(&mut batch, commit.step, commit.base, commit.now)?;
        let committed = self.commit_fenced(batch).await.map_err(Error::from);
        match (committed, commit.effect) {
            (Err(Error::Outdated { what: Lease::LABEL }), Some((lease, _))) => Err(lease.lost()),
            (answer, _) => answer.map(|_| version),
        }
    }

    /// Commits steps that each start an attempt and were decided together, one after the other, on the facts that
    /// `guards` guard: all of them or none. Answers with the runs' new versions.
    pub async fn commit_starts(&self, starts: &[Start], guards: &Guards, now: Timestamp) -> Result<Vec<u64>> {
        let mut batch = Batch::new();
        guard(&mut batch, guards);
        let versions = starts.iter().map(|start| write(&mut batch, &start.step, start.base, now));
        let versions = versions.collect::<Result<_>>()?;
        self.commit_fenced(batch).await?;
        Ok(versions)
    }
}

/// Expects everything that the start of attempts rests on, and moves the project's claims.
fn guard(batch: &mut Batch, guards: &Guards) {
    batch.one("the project's claims", CLAIM, params![claims_of(&guards.project), guards.claims]);
    batch.one("a containment", EXPECT, params![CONTAINMENT, guards.containment]);
}

/// Adds `step`, and answers with its run's version after it.
fn write(batch: &mut Batch, step: &Step, base: Base, now: Timestamp) -> Result<u64> {
    let Step { run, events, effects } = step;
    let version = run::write(batch, run, base, now)?;
    for event in events {
        batch.run("event", EVENT, event_row(run, event, now)?);
    }
    for effect in effects {
        batch.run("effect", EFFECT, effect_row(effect, now)?);
    }
    Ok(version)
}

fn claims_of(project: &ProjectName) -> String {
    format!("claims/{project}")
}

fn event_row(run: &Run, event: &Event, now: Timestamp) -> Result<Vec<crate::db::Value>> {
    let project = run.issue.project.as_str();
    Ok(params![now.0, run.id.as_str(), project, event.kind(), to_json(event)?])
}

fn effect_row(effect: &Effect, now: Timestamp) -> Result<Vec<crate::db::Value>> {
    let (id, run) = (effect.id(), effect.run());
    Ok(params![id.as_str(), run.as_str(), effect.kind(), to_json(effect)?, now.0])
}
