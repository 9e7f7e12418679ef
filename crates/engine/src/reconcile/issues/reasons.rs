//! Why the issues of one project are not worked on, as it is recorded; a round writes what changed and nothing else.

use crate::Engine;
use domain::run::Refusal;
use domain::{IssueId, ProjectName, RunId};
use std::collections::{HashMap, HashSet};

/// The reasons of the last round, and those of the one that goes on.
#[derive(Default)]
pub(super) struct Reasons {
    of: HashMap<IssueId, Reason>,
    /// Counts the rounds.
    round: u64,
    /// Given in this round, and not the same as before.
    changed: HashSet<IssueId>,
    /// What an earlier process recorded was read.
    loaded: bool,
}

struct Reason {
    refusal: Refusal,
    /// The last round that gave it.
    round: u64,
    /// This process gave it.
    is_ours: bool,
}

impl Reasons {
    /// A round begins that will say of each issue why it is not worked on; what it does not say is not so any more. Without
    /// it, what was said in the last one holds where nothing else is said.
    pub(super) fn begin(&mut self) {
        self.round += 1;
    }

    /// What this process knew last to stand against an issue.
    pub(super) fn known(&self, issue: &IssueId) -> Option<&Refusal> {
        self.of.get(issue).filter(|reason| reason.is_ours).map(|reason| &reason.refusal)
    }

    /// `run` works on the issue.
    pub(super) fn claimed(&mut self, issue: &IssueId, run: &RunId) {
        let is_same = |refusal: &Refusal| matches!(refusal, Refusal::Claimed { run: known } if known == run);
        self.note(issue, is_same, || Refusal::Claimed { run: run.clone() });
    }

    /// What stood against the issue before still does, if waiting alone cannot end it; else `refusal`.
    pub(super) fn still_or(&mut self, issue: &IssueId, refusal: &Refusal) {
        match self.known(issue) {
            Some(known) if !known.passes() => self.note(issue, |_| true, || refusal.clone()),
            Some(_) | None => self.refused(issue, refusal),
        }
    }

    /// Nothing stands against the issue.
    pub(super) fn forget(&mut self, issue: &IssueId) {
        if let Some(reason) = self.of.get_mut(issue) {
            reason.round = self.round.wrapping_sub(1);
        }
    }

    /// `refusal` stands against the issue.
    pub(super) fn refused(&mut self, issue: &IssueId, refusal: &Refusal) {
        self.note(issue, |known| known == refusal, || refusal.clone());
    }

    fn note(&mut self, issue: &IssueId, is_same: impl Fn(&Refusal) -> bool, new: impl FnOnce() -> Refusal) {
        let round = self.round;
        if let Some(reason) = self.of.get_mut(issue) {
            (reason.round, reason.is_ours) = (round, true);
            if is_same(&reason.refusal) {
                return;
            }
            reason.refusal = new();
        } else {
            self.of.insert(issue.clone(), Reason { refusal: new(), round, is_ours: true });
        }
        self.changed.insert(issue.clone());
    }

    /// The round is over: writes what changed, and forgets what was not given again.
    pub(super) async fn record(
        &mut self,
        engine: &Engine,
        project: &ProjectName,
    ) -> Result<(), store::Error> {
        if !self.loaded {
            self.load(engine, project).await?;
        }
        let gone: Vec<IssueId> = self
            .of
            .iter()
            .filter(|(_, reason)| reason.round != self.round)
            .map(|(issue, _)| issue.clone())
            .collect();
        if self.changed.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let changed = self.changed.iter().filter_map(|issue| self.of.get_key_value(issue));
        let changed: Vec<_> = changed.map(|(issue, reason)| (issue, &reason.refusal)).collect();
        engine.0.store.record_refusals(project, changed, &gone, engine.now()).await?;
        self.changed.clear();
        for issue in &gone {
            self.of.remove(issue);
        }
        Ok(())
    }

    /// What an earlier process recorded, to be removed where it is not said again.
    async fn load(&mut self, engine: &Engine, project: &ProjectName) -> Result<(), store::Error> {
        for decision in engine.0.store.decisions(project).await? {
            let (refusal, round) = (decision.refusal, 0);
            self.of.entry(decision.issue).or_insert(Reason { refusal, round, is_ours: false });
        }
        self.loaded = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_is_given_again_is_no_change() {
        let (mut reasons, one) = (Reasons::default(), IssueId::from("1"));
        for _ in 0..2 {
            reasons.begin();
            reasons.claimed(&one, &"run1".into());
        }
        assert_eq!(reasons.changed.drain().collect::<Vec<_>>(), std::slice::from_ref(&one));
        reasons.begin();
        reasons.claimed(&one, &"run1".into());
        assert!(reasons.changed.is_empty());
        reasons.claimed(&one, &"run2".into());
        assert_eq!(reasons.changed.len(), 1);
    }

    #[test]
    fn a_reason_of_its_own_stays_while_no_slot_is_free() {
        let (mut reasons, one, two) = (Reasons::default(), IssueId::from("1"), IssueId::from("2"));
        reasons.refused(&one, &Refusal::NoLabel { label: "ready".to_owned() });
        reasons.refused(&two, &Refusal::NotDue);
        let full = Refusal::NoSlot { slots: 1 };
        reasons.still_or(&one, &full);
        reasons.still_or(&two, &full);
        assert!(matches!(reasons.known(&one), Some(Refusal::NoLabel { .. })));
        assert_eq!(reasons.known(&two), Some(&full));
    }
}
