//! Runs against time: what is due goes on, what lost its reason ends, what an order covers is stopped, what was
//! lost is taken up.

use crate::Engine;
use crate::claims::{Claim, Wanted};
use domain::fleet::Delivery;
use domain::run::{Input, Left};

/// Due runs of one project looked at in one round; the rest in the next.
const MAX_DUE: usize = 200;

impl Engine {
    pub(super) async fn reconcile_runs(&self) -> Result<(), store::Error> {
        self.take_up_lost().await?;
        self.settle_doubts().await?;
        self.stop_contained().await?;
        self.0.live.end_stale(&self.0.runs);
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

    /// Claims the next attempts of runs that are due, of each project as many as it has slots for: a project whose
    /// slots are taken must not stand in the way of another.
    async fn resume_due(&self) -> Result<(), store::Error> {
        let registered = self.registered();
        for project in registered.fleet.projects.values() {
            // What is handed off is asked for once more before it starts; the project's own loop does that.
            if project.delivery == Delivery::Handoff {
                continue;
            }
            if self.0.runs.live(&project.name).all >= project.slots {
                continue;
            }
            let due = self.0.runs.due(&project.name, self.now(), MAX_DUE);
            let runs = due.iter().map(|stored| &stored.run);
            let wanted: Vec<_> = runs.map(|run| Wanted::Run { id: &run.id, agent: &run.agent }).collect();
            for (stored, claim) in due.iter().zip(self.claim_together(&project.name, &wanted, 0).await) {
                match claim {
                    Claim::Started | Claim::Gone => {}
                    // A refusal that can pass leaves it waiting.
                    Claim::Refused(refusal) => tracing::trace!(run = %stored.run.id, %refusal, "waits on"),
                    Claim::Failed(error) => return Err(error),
                }
            }
        }
        Ok(())
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
