//! Runs against time: what is due goes on, what lost its reason ends, what an order covers is stopped, what was
//! lost is taken up.

use crate::Engine;
use domain::fleet::Delivery;
use domain::run::{self, Input, Left, Refusal};
use domain::{Fence, RunId};
use std::collections::{HashMap, HashSet};
use store::run::{Base, StoredRun};
use store::step::Commit;

/// Due runs of one project looked at in one round; the rest in the next.
const MAX_DUE: u32 = 200;

/// What became of a run that was due.
#[derive(PartialEq)]
enum Resumed {
    /// It took a slot.
    Claimed,
    /// It goes on waiting, or is over.
    Not,
}

impl Engine {
    pub(super) async fn reconcile_runs(&self) -> Result<(), store::Error> {
        self.take_up_lost().await?;
        // Before the runs are read: an attempt that begins in between must not look as if it had no run.
        let here = self.0.live.claims();
        let open = self.open_runs().await?;
        self.stop_contained(&open).await?;
        self.end_stale_attempts(here, &open).await;
        self.end_orphans(&open).await?;
        self.resume_due().await
    }

    /// Tells every open run that an order covers. The order told them when it was given; this is for what did not
    /// hear it: the order came through another machine, or its giver was killed half-way.
    pub(crate) async fn stop_contained(&self, open: &[StoredRun]) -> Result<(), store::Error> {
        let containments = self.0.store.containments().await?;
        if containments.iter().all(|entry| !entry.in_force()) {
            return Ok(());
        }
        for stored in open {
            if let Some(order) = containments.stopping(&stored.run.identity()) {
                self.submit(&stored.run.id, Input::Contained(order.clone())).await?;
            }
        }
        Ok(())
    }

    /// Ends attempts that live here and whose claim is over: the one that was owed their end may have been performed
    /// by another machine, which cannot reach them.
    async fn end_stale_attempts(&self, here: Vec<(RunId, Fence)>, open: &[StoredRun]) {
        if here.is_empty() {
            return;
        }
        let live = open.iter().map(|stored| &stored.run).filter(|run| run.is_live());
        let claims: HashMap<&RunId, Fence> = live.map(|run| (&run.id, run.fence)).collect();
        for (run, fence) in here.iter().filter(|(run, fence)| claims.get(run) != Some(fence)) {
            self.0.live.cancel(run, *fence);
        }
    }

    /// Claims the next attempts of runs that are due, of each project as many as it has slots for: a project whose
    /// slots are taken must not stand in the way of another.
    async fn resume_due(&self) -> Result<(), store::Error> {
        let registered = self.registered();
        for project in registered.fleet.projects.values() {
            // What is handed off is asked for once more before it starts; the project's own loop does that.
            if project.delivery == Delivery::Handoff {
                continue;
            }
            let mut free = project.slots.saturating_sub(self.0.store.live(&project.name).await?.all);
            if free == 0 {
                continue;
            }
            for due in self.0.store.due_runs(&project.name, self.now(), MAX_DUE).await? {
                if self.resume(due).await? == Resumed::Claimed {
                    free -= 1;
                }
                if free == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Claims the next attempt of a run that is due. A refusal that can pass leaves it waiting.
    async fn resume(&self, stored: StoredRun) -> Result<Resumed, store::Error> {
        let run = &stored.run;
        let _turn = self.0.shares.turn().await;
        let Some(facts) = self.facts(&run.issue.project, &run.agent).await? else {
            return Ok(Resumed::Not);
        };
        let now = self.now();
        match run::resume(run, &facts.facts(), now) {
            Ok(step) => {
                let base = Base::Version(stored.version);
                let commit = Commit { step: &step, base, guards: Some(&facts.guards), effect: None, now };
                match self.0.store.commit_step(commit).await {
                    Ok(_) => {
                        self.woken_by(&step, false);
                        Ok(Resumed::Claimed)
                    }
                    // Decided again at the next look.
                    Err(store::Error::Outdated { .. }) => Ok(Resumed::Not),
                    Err(error) => Err(error),
                }
            }
            Err(Refusal::Contained { .. }) => {
                // The order came while the run waited; it is told like every other one it covers.
                if let Some(order) = facts.containments.stopping(&run.identity()) {
                    self.submit(&run.id, Input::Contained(order.clone())).await?;
                }
                Ok(Resumed::Not)
            }
            Err(refusal) => {
                tracing::trace!(run = %run.id, %refusal, "waits on");
                Ok(Resumed::Not)
            }
        }
    }

    /// Ends reviews whose author run is over: nobody waits for them.
    async fn end_orphans(&self, open: &[StoredRun]) -> Result<(), store::Error> {
        let ids: HashSet<&RunId> = open.iter().map(|stored| &stored.run.id).collect();
        for stored in open {
            let Some(assignment) = &stored.run.review else { continue };
            if !ids.contains(&assignment.parent) {
                self.submit(&stored.run.id, Input::IssueLeft(Left::Parent)).await?;
            }
        }
        Ok(())
    }
}
