//! Whether a project may start something now, besides its own slots: people may hold it back, and other projects may
//! come first. One commit of claims at a time, so that what was counted is still so when they are committed.

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
    /// `project` is about to be looked at: until then it may want every slot there is, and others have their share only.
    pub(crate) fn expect(&self, project: &ProjectName) {
        self.set(project, u32::MAX);
    }

    /// Answers with what it was before.
    fn set(&self, project: &ProjectName, ready: u32) -> Option<u32> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).insert(project.clone(), ready)
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
    /// `project` has `ready` attempts that slots alone keep from starting. Where that is less than before, others may
    /// start what had to wait for it.
    pub(crate) fn set_ready(&self, project: &ProjectName, ready: u32) {
        let before = self.0.shares.set(project, ready);
        if before.is_some_and(|before| ready < before) && self.registered().slots.is_some() {
            self.0.schedule.wake();
        }
    }

    /// What people hold `project` back with, if they do.
    pub(crate) async fn pause_of(&self, project: &ProjectName) -> Result<Option<Refusal>, store::Error> {
        let pause = self.0.store.pauses().await?.remove(project);
        Ok(pause.map(|pause| Refusal::Paused { project: project.clone(), reason: pause.reason }))
    }

    /// Whether `project`, with `more` live attempts than are known, comes first where slots are shared.
    pub(crate) fn share_of(&self, project: &ProjectName, more: u32) -> Result<(), Refusal> {
        let registered = self.registered();
        let Some(slots) = registered.slots else { return Ok(()) };
        let demand = |(name, registered): (&ProjectName, &domain::fleet::Project)| Demand {
            project: name.clone(),
            weight: registered.weight,
            live: self.0.runs.live(name).all + if name == project { more } else { 0 },
            ready: self.0.shares.ready(name),
        };
        let all: Vec<Demand> = registered.fleet.projects.iter().map(demand).collect();
        may_take(project, &all, slots)
    }
}
