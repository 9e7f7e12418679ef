//! Handed-off runs that are due: their issue is asked for once more, and they start, wait on, or are let go (8.4).

use super::{Board, OVERDUE};
use crate::Engine;
use crate::claims::{Claim, Wanted};
use domain::issue::Issue;
use domain::run::{Input, Phase, Refusal, Requeued, Run, Wait, handoff};
use domain::{IssueId, Timestamp};
use std::collections::HashMap;
use std::time::Duration;

/// Runs asked for in one request; the rest at the next look.
const MAX_DUE: usize = 200;

impl Board {
    /// Takes up what is due. Answers with how long the next one has to wait, if one waits.
    pub(super) async fn take_up_due(&mut self, engine: &Engine) -> Option<Duration> {
        if let Err(error) = self.try_take_up(engine).await {
            tracing::error!(error = base::error::chain(&error), "cannot take up what is due");
            return Some(OVERDUE);
        }
        self.next_due(engine)
    }

    fn next_due(&self, engine: &Engine) -> Option<Duration> {
        let (now, soonest) = (engine.now(), engine.0.runs.next_due(&self.project)?);
        // What is overdue already waits for something that has no instant.
        Some(if soonest > now { Duration::from_millis(soonest.since(now).0 + 1) } else { OVERDUE })
    }

    async fn try_take_up(&self, engine: &Engine) -> Result<(), store::Error> {
        let registered = engine.registered();
        let (Some(source), Some(project)) =
            (registered.source(&self.project), registered.project(&self.project))
        else {
            return Ok(());
        };
        let now = engine.now();
        let has_slot = engine.0.runs.live(&self.project).all < project.slots;
        let by = if has_slot { Timestamp(i64::MAX) } else { now };
        let is_due = |run: &Run| match &run.phase {
            Phase::Waiting { due, why } => *due <= now || *why == Wait::NoSlot,
            Phase::Starting { .. }
            | Phase::Working { .. }
            | Phase::Blocked { .. }
            | Phase::Collecting
            | Phase::InReview { .. }
            | Phase::Landing { .. }
            | Phase::Ended { .. } => false,
        };
        let waiting = engine.0.runs.due(&self.project, by, usize::MAX).into_iter();
        let mut due: Vec<_> = waiting.filter(|s| self.is_ours(&s.run) && is_due(&s.run)).collect();
        // The oldest claim first, however long it was told to wait last.
        due.sort_by_key(|stored| stored.run.created_at);
        due.truncate(MAX_DUE);
        if due.is_empty() || engine.0.setup.preflight.check(&self.project).await.is_err() {
            // A workflow that cannot be used starts nothing; who comes to claim says so.
            return Ok(());
        }
        let ids: Vec<IssueId> = due.iter().map(|stored| stored.run.issue.id.clone()).collect();
        let found = match source.tracker.fetch_by_ids(&ids).await {
            Ok(found) => found,
            Err(error) => {
                let error = base::error::chain(&error);
                for stored in &due {
                    let why = Requeued::NoRefresh { error: error.clone() };
                    engine.submit(&stored.run.id, Input::Requeued(why)).await?;
                }
                return Ok(());
            }
        };
        let found: HashMap<IssueId, Issue> =
            found.into_iter().map(|issue| (issue.id.clone(), issue)).collect();
        let mut wanted = vec![];
        for run in due.iter().map(|stored| &stored.run) {
            let issue = found.get(&run.issue.id);
            match (handoff::left(issue, project), issue) {
                (Some(left), _) => _ = engine.submit(&run.id, Input::IssueLeft(left)).await?,
                (None, Some(issue)) => {
                    if handoff::is_news(run, issue) {
                        engine.submit(&run.id, Input::IssueSeen(Box::new(issue.clone()))).await?;
                    }
                    // By the agent that its issue's state calls for.
                    wanted.push((run, Wanted::Run { id: &run.id, agent: project.agent_for(&issue.state) }));
                }
                (None, None) => {}
            }
        }
        let (runs, wanted): (Vec<&Run>, Vec<_>) = wanted.into_iter().unzip();
        for (run, claim) in runs.into_iter().zip(engine.claim_together(&self.project, &wanted, 0).await) {
            engine.waits_on(run, claim).await?;
        }
        Ok(())
    }
}

impl Engine {
    /// What follows when a handed-off run was due and could not start.
    async fn waits_on(&self, run: &Run, claim: Claim) -> Result<(), store::Error> {
        match claim {
            Claim::Started | Claim::Gone => {}
            Claim::Failed(error) => return Err(error),
            Claim::Refused(
                Refusal::NoSlot { .. }
                | Refusal::NoStateSlot { .. }
                | Refusal::NotItsShare { .. }
                | Refusal::NoSlotAnywhere { .. },
            ) if !waits_for_a_slot(run) => {
                self.submit(&run.id, Input::Requeued(Requeued::NoSlot)).await?;
            }
            Claim::Refused(refusal) => tracing::trace!(run = %run.id, %refusal, "waits on"),
        }
        Ok(())
    }
}

/// It was told already that there is no slot, and its time is not up: telling it again would only make it wait longer.
fn waits_for_a_slot(run: &Run) -> bool {
    matches!(&run.phase, Phase::Waiting { why: Wait::NoSlot, .. })
}
