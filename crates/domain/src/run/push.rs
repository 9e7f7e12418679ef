//! What a handed-off run pushed: told whatever became of the claim since, because it is a fact.
//!
//! Of each branch is remembered what must not be lost on it: only what this issue's runs pushed may be replaced, and
//! what somebody else had there before stays.

use super::Run;
use super::stepping::Ignored;
use crate::event::Event;
use crate::step::Step;
use crate::{Fence, Sha};
use serde::{Deserialize, Serialize};

/// Branches that are remembered of one run: more is no work on one issue.
pub const MAX_BRANCHES: usize = 50;

/// A branch as a run left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// What it points at.
    pub commit: Sha,
    /// The last head on it that was not this issue's and that was built on; a forced push keeps it.
    pub keep: Option<Sha>,
}

/// A push that was done.
pub(super) struct Push {
    pub(super) commit: Sha,
    pub(super) before: Option<Sha>,
    pub(super) known: Option<Pushed>,
}

pub(super) fn pushed(mut run: Run, fence: Fence, branch: String, push: Push) -> Result<Step, Ignored> {
    if fence > run.fence {
        return Err(Ignored::OldFence);
    }
    let Push { commit, before, known } = push;
    let keep = match (&before, known) {
        (Some(before), Some(known)) if *before == known.commit => known.keep,
        // Already there without us: nobody's but theirs.
        (Some(before), _) => Some(before.clone()),
        (None, _) => None,
    };
    let now = Pushed { commit: commit.clone(), keep };
    if run.pushed.get(&branch) == Some(&now) {
        return Err(Ignored::Known);
    }
    if run.pushed.len() >= MAX_BRANCHES && !run.pushed.contains_key(&branch) {
        // Forgotten here, so never forced; the event stays.
        run.pushed.pop_first();
    }
    run.pushed.insert(branch.clone(), now);
    Ok(Step::of(run).event(Event::Pushed { fence, branch, commit }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::issue::{Issue, IssueRef};

    fn sha(digit: char) -> Sha {
        Sha::new(digit.to_string().repeat(40))
    }

    fn run() -> Run {
        let issue = IssueRef::of("shop".into(), &Issue::new("1".into(), "A-1", "One", "Todo"));
        Run { fence: Fence(2), ..Run::new("r".into(), issue, "author".into(), "web".into(), Timestamp(0)) }
    }

    /// `fix` after pushes of (commit, what was there before).
    fn after(pushes: &[(char, Option<char>)]) -> Pushed {
        let mut run = run();
        for (commit, before) in pushes {
            let known = run.pushed.get("fix").cloned();
            let push = Push { commit: sha(*commit), before: before.map(sha), known };
            run = pushed(run, Fence(1), "fix".into(), push).unwrap().run;
        }
        run.pushed["fix"].clone()
    }

    #[test]
    fn what_somebody_else_had_on_the_branch_is_kept_until_the_branch_is_gone() {
        assert_eq!(after(&[('a', None)]).keep, None);
        assert_eq!(after(&[('a', None), ('b', Some('a'))]).keep, None, "our own may go");
        assert_eq!(after(&[('a', Some('9')), ('b', Some('a'))]).keep, Some(sha('9')));
        assert_eq!(after(&[('a', None), ('b', Some('8')), ('c', Some('b'))]).keep, Some(sha('8')));
        assert_eq!(after(&[('a', Some('9')), ('b', None)]).keep, None);
    }

    #[test]
    fn a_push_is_told_also_when_its_claim_ended_meanwhile_and_only_once() {
        let push = || Push { commit: sha('a'), before: None, known: None };
        let step = pushed(run(), Fence(1), "fix".into(), push()).unwrap();
        assert_eq!(step.events[0].line(), "pushed aaaaaaaaaa to `fix`, claim 1");
        assert!(step.effects.is_empty());
        assert_eq!(pushed(step.run, Fence(1), "fix".into(), push()), Err(Ignored::Known));
        assert_eq!(pushed(run(), Fence(3), "fix".into(), push()), Err(Ignored::OldFence));
    }
}
