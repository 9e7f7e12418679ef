//! What a decision to start rests on, read together, with the guards that make it hold at commit.

use crate::runs::Live;
use crate::{Engine, Registered};
use domain::containment::Containments;
use domain::fleet::{Agent, Driver, Project};
use domain::run::{Facts, Readiness, Refusal, Run};
use domain::{AgentName, ProjectName};
use std::sync::Arc;
use store::Error;
use store::step::Guards;

/// What the starts of one project rest on, read at one moment; and what was taken since.
pub(crate) struct Moment {
    pub(crate) project: Project,
    pub(crate) containments: Containments,
    /// What must not have changed when the decisions are committed.
    pub(crate) guards: Guards,
    registered: Arc<Registered>,
    paused: Option<Refusal>,
    live: Live,
    taken: u32,
}

/// The facts for one agent.
pub(crate) struct AgentFacts<'a> {
    pub(crate) agent: &'a Agent,
    moment: &'a Moment,
    readiness: Readiness,
    share: Result<(), Refusal>,
}

impl AgentFacts<'_> {
    pub(crate) fn facts(&self) -> Facts<'_> {
        Facts {
            project: &self.moment.project,
            agent: self.agent,
            containments: &self.moment.containments,
            live: self.moment.live.all,
            live_by_state: &self.moment.live.authors_by_state,
            share: self.share.clone(),
            readiness: &self.readiness,
        }
    }
}

impl Moment {
    /// A start of `run` was decided, and is committed with all others of this moment.
    pub(crate) fn take(&mut self, run: &Run) {
        self.live.count(run, 1);
        self.taken += 1;
    }

    /// Slots that begun work waits for are not to be had.
    pub(crate) fn keep(&mut self, slots: u32) {
        self.live.all = self.live.all.saturating_add(slots);
    }

    /// The facts for `agent`; `None` when the configuration knows it no more.
    pub(crate) fn of(&self, engine: &Engine, agent: &AgentName) -> Option<AgentFacts<'_>> {
        let agent = self.registered.agent(agent)?;
        let share = match &self.paused {
            Some(paused) => Err(paused.clone()),
            None => engine.share_of(&self.project.name, self.taken),
        };
        let readiness = engine.readiness_for(&self.project.name, agent);
        Some(AgentFacts { agent, moment: self, readiness, share })
    }
}

impl Engine {
    /// What starts of `project` rest on now; `None` when the configuration knows it no more.
    pub(crate) async fn moment(&self, project: &ProjectName) -> Result<Option<Moment>, Error> {
        let registered = self.registered();
        let Some(project) = registered.project(project).cloned() else { return Ok(None) };
        // Before what they guard is looked at.
        let read = self.0.store.start_facts(&project.name).await?;
        self.settle_doubts().await?;
        let paused = self.pause_of(&project.name).await?;
        Ok(Some(Moment {
            live: self.0.runs.live(&project.name),
            containments: read.containments,
            guards: read.guards,
            project,
            registered,
            paused,
            taken: 0,
        }))
    }

    /// What this installation can do right now for `agent` to work for `project`.
    pub(crate) fn readiness_for(&self, project: &ProjectName, agent: &Agent) -> Readiness {
        let registered = self.registered();
        let shell = registered
            .source(project)
            .and_then(|source| source.handoff.as_ref())
            .is_some_and(|handoff| handoff.command.is_some());
        let ready = self.readiness_of(agent);
        // Whether a shell command can be run shows when it runs.
        let named = shell && matches!(agent.driver, Driver::Codex | Driver::Command);
        if named { Readiness { agent: Ok(()), ..ready } } else { ready }
    }

    /// What this installation can do right now for `agent`.
    fn readiness_of(&self, agent: &Agent) -> Readiness {
        let floor = self.0.setup.sandbox_floor;
        let level = self.0.sandbox.level();
        let sandbox = if level >= floor {
            Ok(())
        } else {
            Err(format!(
                "agents must run {} and this machine offers {}; see `seawall doctor`",
                floor.as_str(),
                level.as_str()
            ))
        };
        let outside = &self.0.setup.outside;
        let program = outside.drivers.ready(&outside.env, agent);
        Readiness { agent: program, sandbox, kill_plane: self.0.kill_plane.ready() }
    }
}
