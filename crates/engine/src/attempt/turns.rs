//! After each turn of a handed-off attempt: whether its issue is still to be worked on, and by this worker
//! (Symphony's specification, 7.1 and 16.5).

use crate::Engine;
use adapters::agent::{Then, TurnHost};
use adapters::tracker::Tracker;
use domain::failure::{Failure, FailureKind};
use domain::issue::Issue;
use domain::run::{Input, Run, handoff};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// Asks the tracker between turns.
pub(super) struct Turns {
    pub(super) engine: Engine,
    pub(super) run: Run,
    pub(super) tracker: Arc<dyn Tracker>,
    /// Turns of this worker, at most.
    pub(super) max_turns: u32,
}

impl TurnHost for Turns {
    fn after<'a>(&'a self, finished: u32) -> BoxFuture<'a, Then> {
        Box::pin(self.decide(finished))
    }
}

impl Turns {
    async fn decide(&self, finished: u32) -> Then {
        let found = match self.tracker.fetch_by_ids(std::slice::from_ref(&self.run.issue.id)).await {
            Ok(found) => found,
            Err(error) => {
                let detail = format!("issue state refresh failed: {}", base::error::chain(&error));
                return Then::Fail(Failure::new(FailureKind::Engine, detail));
            }
        };
        let registered = self.engine.registered();
        let Some(project) = registered.project(&self.run.issue.project) else { return Then::Finish };
        let issue = found.into_iter().next();
        if handoff::left(issue.as_ref(), project).is_some() {
            // The reconciler lets the run go; this worker is done either way.
            self.engine.0.refresh.wake();
            return Then::Finish;
        }
        if let Some(issue) = issue
            && let Err(error) = self.tell(issue).await
        {
            return Then::Fail(Failure::new(FailureKind::Engine, base::error::chain(&error)));
        }
        if finished >= self.max_turns {
            return Then::Finish;
        }
        Then::Continue { prompt: guidance(finished + 1, self.max_turns) }
    }
}

impl Turns {
    /// Tells the run how its issue reads now.
    async fn tell(&self, issue: Issue) -> Result<(), store::Error> {
        let known = self.engine.run(&self.run.id).await?;
        if known.is_some_and(|known| handoff::is_news(&known.run, &issue)) {
            self.engine.submit(&self.run.id, Input::IssueSeen(Box::new(issue))).await?;
        }
        Ok(())
    }
}

/// What a later turn is told: the thread knows the task already.
fn guidance(turn: u32, of: u32) -> String {
    format!(
        "This is continuation turn #{turn} of {of}. The issue is still in an active state. What you were asked is in this \
         thread already: do not begin anew, look at what is left, and do it. If nothing is left for you, move the issue to \
         the state that the workflow names for that; if you cannot go on, say exactly what you lack."
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_later_turn_is_told_which_one_it_is() {
        assert!(super::guidance(2, 3).contains("continuation turn #2 of 3"));
    }
}
