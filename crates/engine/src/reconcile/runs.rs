//! Runs against time: what is due goes on, what lost its reason ends, what was lost is taken up.

use crate::Engine;
use domain::run::{self, Input, Left, Refusal};
use store::run::{Base, StoredRun};
use store::step::Commit;

/// Due runs taken up in one look; the rest in the next.
const MAX_DUE: u32 = 200;

impl Engine {
    pub(super) async fn reconcile_runs(&self) -> Result<(), store::Error> {
        self.take_up_lost().await?;
        for due in self.0.store.due_runs(self.now(), MAX_DUE).await? {
            self.resume(due).await?;
        }
        self.end_orphans().await
    }

    /// Claims the next attempt of a run that is due. A refusal that can pass leaves it waiting.
    async fn resume(&self, stored: StoredRun) -> Result<(), store::Error> {
        let run = &stored.run;
        let Some(facts) = self.facts(&run.issue.project, &run.agent).await? else { return Ok(()) };
        let now = self.now();
        match run::resume(run, &facts.facts(), now) {
            Ok(step) => {
                let base = Base::Version(stored.version);
                let commit = Commit { step: &step, base, guards: Some(&facts.guards), effect: None, now };
                match self.0.store.commit_step(commit).await {
                    Ok(_) => {
                        self.woken_by(&step, false);
                        Ok(())
                    }
                    // Decided again at the next look.
                    Err(store::Error::Outdated { .. }) => Ok(()),
                    Err(error) => Err(error),
                }
            }
            Err(Refusal::Contained { .. }) => {
                // The order came while the run waited; it is told like every other one it covers.
                match facts.containments.stopping(&run.identity()) {
                    Some(order) => self.submit(&run.id, Input::Contained(order.clone())).await.map(|_| ()),
                    None => Ok(()),
                }
            }
            Err(refusal) => {
                tracing::trace!(run = %run.id, %refusal, "waits on");
                Ok(())
            }
        }
    }

    /// Ends reviews whose author run is over: nobody waits for them.
    async fn end_orphans(&self) -> Result<(), store::Error> {
        let open = self.0.store.open_runs().await?;
        for stored in &open {
            let Some(assignment) = &stored.run.review else { continue };
            if !open.iter().any(|other| other.run.id == assignment.parent) {
                self.submit(&stored.run.id, Input::IssueLeft(Left::Parent)).await?;
            }
        }
        Ok(())
    }
}
