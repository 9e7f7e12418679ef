//! Whether a project may start something now, besides its own slots: people may hold it back, and other projects may
//! come first. One claim at a time, so that what was counted is still so when the claim is committed.

use crate::Engine;
use domain::ProjectName;
use domain::run::Refusal;
use domain::share::{Demand, may_take};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What each project could start now, as its own loop counted it last.
#[derive(Default)]
pub(crate) struct Shares {
    ready: Mutex<BTreeMap<ProjectName, u32>>,
    turn: tokio::sync::Mutex<()>,
}

impl Shares {
    /// `project` has `ready` attempts that slots alone keep from starting.
    pub(crate) fn set_ready(&self, project: &ProjectName, ready: u32) {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).insert(project.clone(), ready);
    }

    /// Held from counting to committing, where slots are shared.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    fn ready(&self, project: &ProjectName) -> u32 {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).get(project).copied().unwrap_or(0)
    }
}

impl Engine {
    /// What stands against any start of `project` that its own slots do not know of.
    pub(crate) async fn share_of(&self, project: &ProjectName) -> Result<Result<(), Refusal>, store::Error> {
        if let Some(pause) = self.0.store.pauses().await?.remove(project) {
            return Ok(Err(Refusal::Paused { project: project.clone(), reason: pause.reason }));
        }
        let registered = self.registered();
        let Some(slots) = registered.slots else { return Ok(Ok(())) };
        let demand = |(name, registered): (&ProjectName, &domain::fleet::Project)| Demand {
            project: name.clone(),
            weight: registered.weight,
            live: self.0.runs.live(name).all,
            ready: self.0.shares.ready(name),
        };
        let all: Vec<Demand> = registered.fleet.projects.iter().map(demand).collect();
        Ok(may_take(project, &all, slots))
    }
}
