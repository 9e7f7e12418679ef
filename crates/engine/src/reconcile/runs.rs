//! Runs against time: what is due goes on, what lost its reason ends, what an order covers is stopped, what was
//! lost is taken up.

use crate::Engine;
use domain::fleet::Delivery;
use domain::run::{self, Input, Left, Refusal};
use domain::{Fence, RunId};
use store::run::{Base, StoredRun};
use store::step::Commit;

/// Due runs of one project looked at in one round; the rest in the next.
const MAX_DUE: usize = 200;

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
        self.settle_doubts().await?;
        self.stop_contained().await?;
        self.end_stale_attempts(&here);
        self.end_orphans().await?;
        self.resume_due().await
    }

    /// Tells every open run that an order covers. The order told them when it was given; this is for what did not
    /// hear it: the order came through another machine, or its giver was killed half-way.
    pub(crate) async fn stop_contained(&self) -> Result<(), store::Error> {
        let containments = self.0.store.containments().await?;
        if containments.iter().all(|entry| !entry.in_force()) {
            return Ok(());
        }
        for stored in self.0.runs.open() {
            if let Some(order) = containments.stopping(&stored.run.identity()) {
                self.submit(&stored.run.id, Input::Contained(order.clone())).await?;
            }
        }
        Ok(())
    }

    /// Ends attempts that live here and whose claim is over: the one that was owed their end may have been performed
    /// by another machine, which cannot reach them.
    fn end_stale_attempts(&self, here: &[(RunId, Fence)]) {
        for (run, fence) in here {
            let holds = |stored: &StoredRun| stored.run.is_live() && stored.run.fence == *fence;
            if !self.0.runs.get(run).is_some_and(|stored| holds(&stored)) {
                self.0.live.cancel(run, *fence);
            }
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
            let mut free = project.slots.saturating_sub(self.0.runs.live(&project.name).all);
            if free == 0 {
                continue;
            }
            for due in self.0.runs.due(&project.name, self.now(), MAX_DUE) {
                if self.resume(&due).await? == Resumed::Claimed {
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
    async fn resume(&self, stored: &StoredRun) -> Result<Resumed, store::Error> {
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
                match self.commit(commit).await {
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
    async fn end_orphans(&self) -> Result<(), store::Error> {
        for stored in self.0.runs.reviews() {
            let Some(assignment) = &stored.run.review else { continue };
            let parent = self.run(&assignment.parent).await?;
            if !parent.is_some_and(|parent| parent.run.is_open()) {
                self.submit(&stored.run.id, Input::IssueLeft(Left::Parent)).await?;
            }
        }
        Ok(())
    }
}
