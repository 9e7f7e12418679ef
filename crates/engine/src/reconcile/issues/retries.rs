//! Handed-off runs that are due: their issue is asked for once more, and they start, wait on, or are let go (8.4).

use super::{Board, OVERDUE};
use crate::Engine;
use domain::issue::Issue;
use domain::run::{self, Input, Phase, Refusal, Requeued, Run, Wait, handoff};
use domain::{IssueId, Timestamp};
use std::collections::HashMap;
use std::time::Duration;
use store::run::{Base, StoredRun};
use store::step::Commit;

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
        let due: Vec<_> = waiting.filter(|s| self.is_ours(&s.run) && is_due(&s.run)).take(MAX_DUE).collect();
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
        for stored in due {
            let issue = found.get(&stored.run.issue.id);
            match (handoff::left(issue, project), issue) {
                (Some(left), _) => _ = engine.submit(&stored.run.id, Input::IssueLeft(left)).await?,
                (None, Some(issue)) => {
                    engine.submit(&stored.run.id, Input::IssueSeen(Box::new(issue.clone()))).await?;
                    engine.take_up(&stored.run.id, project.agent_for(&issue.state)).await?;
                }
                (None, None) => {}
            }
        }
        Ok(())
    }
}

impl Engine {
    /// Claims the next attempt of a handed-off run that is due, by the agent that its issue's state calls for.
    async fn take_up(&self, id: &domain::RunId, agent: &domain::AgentName) -> Result<(), store::Error> {
        let _turn = self.0.shares.turn().await;
        let Some(stored) = self.run(id).await? else { return Ok(()) };
        let mut stored = StoredRun::clone(&stored);
        let Some(facts) = self.facts(&stored.run.issue.project, agent).await? else { return Ok(()) };
        stored.run.agent = facts.agent.name.clone();
        stored.run.team = facts.agent.team.clone();
        let now = self.now();
        match run::resume(&stored.run, &facts.facts(), now) {
            Ok(step) => {
                let base = Base::Version(stored.version);
                let commit = Commit { step: &step, base, guards: Some(&facts.guards), effect: None, now };
                match self.commit(commit).await {
                    Ok(_) => self.woken_by(&step, false),
                    // Decided again at the next look.
                    Err(store::Error::Outdated { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Err(Refusal::Contained { .. }) => {
                if let Some(order) = facts.containments.stopping(&stored.run.identity()) {
                    self.submit(id, Input::Contained(order.clone())).await?;
                }
            }
            Err(
                Refusal::NoSlot { .. }
                | Refusal::NoStateSlot { .. }
                | Refusal::NotItsShare { .. }
                | Refusal::NoSlotAnywhere { .. },
            ) if !waits_for_a_slot(&stored.run) => {
                self.submit(id, Input::Requeued(Requeued::NoSlot)).await?;
            }
            Err(refusal) => tracing::trace!(run = %id, %refusal, "waits on"),
        }
        Ok(())
    }
}

/// It was told already that there is no slot, and its time is not up: telling it again would only make it wait longer.
fn waits_for_a_slot(run: &Run) -> bool {
    matches!(&run.phase, Phase::Waiting { why: Wait::NoSlot, .. })
}
