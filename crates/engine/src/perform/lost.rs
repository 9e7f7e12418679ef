//! Takes up what nobody performs any more: what another engine left behind, and what this one lost sight of.

use super::BATCH;
use crate::Engine;
use crate::attempt::sandbox_name;
use domain::Millis;
use domain::effect::{Effect, WhenLost};
use domain::failure::{Failure, FailureKind};
use domain::run::{AttemptEnd, Input, Spent};
use futures_util::StreamExt;
use std::collections::HashSet;
use std::time::Duration;
use store::effect::{Claimed, Lease};
use store::step::Ending;

/// Effects taken up at once: as many as the store makes durable together.
const AT_ONCE: usize = 64;
/// How long the last process of a lost attempt may take to be gone before it is worth a warning: five seconds.
const CLEAR_TRIES: u32 = 100;
const CLEAR_WAIT: Duration = Duration::from_millis(50);

/// What this engine claimed and did not perform at the last look.
#[derive(Default)]
pub(crate) struct Unseen(HashSet<Lease>);

impl Engine {
    /// Takes up what other engines left behind: their leases have ended.
    pub(crate) async fn take_up_lost(&self) -> Result<(), store::Error> {
        loop {
            let lost = self.0.store.expired_effects(&self.0.owner, BATCH).await?;
            let full = lost.len() == BATCH as usize;
            self.take_up_all(lost).await?;
            if !full {
                return Ok(());
            }
        }
    }

    /// Lets go of what this engine claimed and does not perform: its task panicked, its end could not be written, or
    /// the answer to its claim was lost. What is seen so twice is so; a claim may be about to be taken up.
    pub(crate) async fn disown_unseen(&self, unseen: &mut Unseen) -> Result<(), store::Error> {
        let held = self.0.store.held_effects(&self.0.owner).await?.into_iter();
        let idle: HashSet<Lease> = held.filter(|lease| !self.0.held.contains(lease)).collect();
        for lease in idle.intersection(&unseen.0) {
            tracing::warn!(effect = %lease.effect, "claimed here and performed by nobody; taken up anew");
            self.0.store.disown_effect(lease).await?;
        }
        unseen.0 = idle;
        Ok(())
    }

    /// One that cannot be taken up now keeps no other from it.
    async fn take_up_all(&self, lost: Vec<Claimed>) -> Result<(), store::Error> {
        let taken = futures_util::stream::iter(lost).map(|lost| self.take_up_one(lost));
        let taken: Vec<_> = taken.buffer_unordered(AT_ONCE).collect().await;
        taken.into_iter().collect()
    }

    async fn take_up_one(&self, lost: Claimed) -> Result<(), store::Error> {
        let done = match (lost.effect.when_lost(), &lost.effect) {
            (WhenLost::TellRun, Effect::StartAttempt { run, fence, .. }) => {
                let failure = Failure::new(
                    FailureKind::Lost,
                    "the process that supervised the attempt ended; the agent was ended with it",
                );
                let end = AttemptEnd::Failed(failure);
                let input = Input::AttemptEnded { fence: *fence, end, spent: Spent::default() };
                // Before the effect ends: whoever is killed in between does it again.
                self.clear_away(sandbox_name(run, *fence));
                self.submit_ending(run, input, &lost.lease, Ending::Done).await
            }
            (WhenLost::TellRun | WhenLost::Again, _) => {
                self.0.store.retry_effect(&lost.lease, Millis(0), "its performer was lost").await
            }
        };
        match done {
            Ok(()) => {
                self.0.owed.wake();
                Ok(())
            }
            // Its performer was only late.
            Err(store::Error::LeaseLost { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Removes the empty walls of an attempt whose supervisor was lost, as soon as its last process is gone.
    fn clear_away(&self, sandbox: String) {
        if self.0.sandbox.remove_leftover(&sandbox) {
            return;
        }
        let engine = self.clone();
        self.0.tasks.spawn("clear a lost sandbox away", async move {
            for _ in 0..CLEAR_TRIES {
                tokio::time::sleep(CLEAR_WAIT).await;
                if engine.0.sandbox.remove_leftover(&sandbox) {
                    return;
                }
            }
            tracing::warn!(sandbox, "something still lives in the sandbox of a lost attempt");
        });
    }
}
