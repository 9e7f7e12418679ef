//! What a decision to start rests on, read together, with the guards that make it hold at commit.

use crate::Engine;
use domain::containment::Containments;
use domain::fleet::{Agent, Driver, Project};
use domain::run::{Facts, Readiness, Refusal};
use domain::{AgentName, ProjectName};
use store::Error;
use store::run::Live;
use store::step::Guards;

/// Facts with their owners; [`Loaded::facts`] lends them out.
pub(crate) struct Loaded {
    pub(crate) project: Project,
    pub(crate) agent: Agent,
    pub(crate) containments: Containments,
    pub(crate) readiness: Readiness,
    pub(crate) live: Live,
    pub(crate) share: Result<(), Refusal>,
    /// What must not have changed when the decision is committed.
    pub(crate) guards: Guards,
}

impl Loaded {
    pub(crate) fn facts(&self) -> Facts<'_> {
        Facts {
            project: &self.project,
            agent: &self.agent,
            containments: &self.containments,
            live: self.live.all,
            live_by_state: &self.live.authors_by_state,
            share: self.share.clone(),
            readiness: &self.readiness,
        }
    }
}

impl Engine {
    /// The facts for `agent` to work for `project`; `None` when the configuration knows one of them no more.
    pub(crate) async fn facts(
        &self,
        project: &ProjectName,
        agent: &AgentName,
    ) -> Result<Option<Loaded>, Error> {
        let registered = self.registered();
        let (Some(project), Some(agent)) = (registered.project(project), registered.agent(agent)) else {
            return Ok(None);
        };
        let read = self.0.store.start_facts(&project.name).await?;
        Ok(Some(Loaded {
            project: project.clone(),
            agent: agent.clone(),
            containments: read.containments,
            readiness: self.readiness_for(&project.name, agent),
            live: self.0.runs.live(&project.name),
            share: self.share_of(&project.name).await?,
            guards: read.guards,
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
