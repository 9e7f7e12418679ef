//! What an issue of the folder waits for: other issues of the same folder that are not over.

use domain::issue::{Blocker, Issue, normal};
use std::collections::HashMap;

/// Fills in the state of each blocker, and withholds every issue that waits for one that is not in `terminal`. An
/// unknown blocker is not, and blocks.
pub(super) fn withhold(issues: &mut [Issue], terminal: &[String]) {
    let states: HashMap<_, _> = issues.iter().map(|issue| (issue.id.clone(), issue.state.clone())).collect();
    let terminal: Vec<String> = terminal.iter().map(|state| normal(state)).collect();
    let is_over =
        |blocker: &Blocker| blocker.state.as_ref().is_some_and(|state| terminal.contains(&normal(state)));
    for issue in issues {
        for blocker in &mut issue.blocked_by {
            blocker.state = blocker.id.as_ref().and_then(|id| states.get(id)).cloned();
        }
        let open: Vec<&str> =
            issue.blocked_by.iter().filter(|blocker| !is_over(blocker)).map(Blocker::name).collect();
        issue.withheld = (!open.is_empty()).then(|| format!("it waits for {}", open.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issue(id: &str, state: &str, blocked_by: &[&str]) -> Issue {
        let blocker = |id: &&str| Blocker { id: Some((*id).into()), ..Blocker::default() };
        let blocked_by = blocked_by.iter().map(blocker).collect();
        Issue { blocked_by, ..Issue::new(id.into(), id, "t", state) }
    }

    #[test]
    fn an_unknown_blocker_blocks_and_one_that_is_over_does_not() {
        let mut all = [
            issue("done", "DONE ", &[]),
            issue("open", "Todo", &["done"]),
            issue("x", "Todo", &["done", "open", "gone"]),
        ];
        withhold(&mut all, &["Done".to_owned()]);
        let told: Vec<_> = all.iter().map(|issue| issue.withheld.as_deref()).collect();
        assert_eq!(told, [None, None, Some("it waits for open, gone")]);
    }
}
