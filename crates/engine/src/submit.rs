//! The one way a run changes: load it, decide, commit; again when somebody else was quicker.

use crate::Engine;
use domain::RunId;
use domain::run::{self, Input};
use domain::step::Step;
use store::Error;
use store::effect::Lease;
use store::run::Base;
use store::step::{Commit, Ending};

impl Engine {
    /// Submits what came back from the outside. `None`: the run does not wait for it (any more).
    pub(crate) async fn submit(&self, id: &RunId, input: Input) -> Result<Option<Step>, Error> {
        self.decide(id, &input, None).await
    }

    /// Submits what an effect came to, and ends the effect with it.
    pub(crate) async fn submit_ending(
        &self,
        id: &RunId,
        input: Input,
        lease: &Lease,
        ending: Ending<'_>,
    ) -> Result<(), Error> {
        match self.decide(id, &input, Some((lease, ending))).await? {
            Some(_) => Ok(()),
            None => self.0.store.finish_effect(lease, ending, self.now()).await,
        }
    }

    /// Bounded by the run itself: whoever is quicker moves it on, and it has an end.
    async fn decide(
        &self,
        id: &RunId,
        input: &Input,
        effect: Option<(&Lease, Ending<'_>)>,
    ) -> Result<Option<Step>, Error> {
        let mut read = None;
        loop {
            let known = match read.take() {
                Some(read) => Some(read),
                None => self.run(id).await?,
            };
            let Some(stored) = known else { return Ok(None) };
            let project = self.registered().project_or_last_rites(&stored.run.issue.project);
            let now = self.now();
            let step = match run::step(&stored.run, input.clone(), &project, now) {
                Ok(step) => step,
                Err(ignored) => {
                    // What is ignored is committed nowhere: the store has the last word.
                    let now = self.read_run(id).await?;
                    if let Some(now) = now.filter(|now| now.version != stored.version) {
                        read = Some(now);
                        continue;
                    }
                    tracing::debug!(run = %id, %ignored, "input ignored");
                    return Ok(None);
                }
            };
            let base = Base::Version(stored.version);
            let commit = Commit { step: &step, base, guards: None, effect, now };
            match self.commit(commit).await {
                Ok(_) => {
                    self.woken_by(&step, stored.run.is_live());
                    return Ok(Some(step));
                }
                Err(Error::Outdated { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Wakes whoever the committed step gives work to.
    pub(crate) fn woken_by(&self, step: &Step, was_live: bool) {
        for event in &step.events {
            let run = &step.run;
            let (issue_id, issue_identifier) = (&run.issue.id, &run.issue.identifier);
            let session_id = run.thread.as_ref().map(|thread| thread.id.as_str());
            let event_kind = event.kind();
            tracing::info!(%issue_id, issue_identifier, session_id, run = %run.id, event = event_kind, "{}", event.line());
        }
        if !step.effects.is_empty() {
            self.0.owed.wake();
        }
        if step.run.due().is_some() {
            self.0.due.wake();
        }
        if was_live && !step.run.is_live() {
            self.0.schedule.wake();
            self.0.due.wake();
        }
    }
}
