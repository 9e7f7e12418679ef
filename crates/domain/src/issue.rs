//! A work item read from a tracker, and whether its text makes it ready to be worked on.

use crate::{IssueId, ProjectName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};

/// A work item as the tracker told it, normalised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// The tracker's id; unique within the project.
    pub id: IssueId,
    /// What people call it, such as `SHOP-12`.
    pub identifier: String,
    /// One line.
    pub title: String,
    /// The body, markdown.
    #[serde(default)]
    pub description: String,
    /// The tracker's state, as written there.
    pub state: String,
    /// 1 is the most urgent; issues without one come last.
    #[serde(default)]
    pub priority: Option<u32>,
    /// Labels, as written.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Ids of issues that must reach a terminal state first.
    #[serde(default)]
    pub blocked_by: Vec<IssueId>,
    /// Where a person reads it (a path or an http(s) address), if anywhere.
    #[serde(default)]
    pub url: Option<String>,
    /// A value that changes whenever anything in the issue does; equal values mean the same text.
    pub version: String,
    /// When it was last changed, as the tracker says.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
}

/// Which tracker states mean what, for one project. Compared without case and outer blanks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct States {
    /// Work may start and go on.
    pub active: Vec<String>,
    /// The work is over, however it ended. The first is where a landed issue is moved to.
    pub terminal: Vec<String>,
}

/// What a state means for the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Ready, if nothing else stands against it.
    Active,
    /// Over.
    Terminal,
    /// Neither: a person keeps it.
    Parked,
}

impl States {
    /// What `state` means here.
    pub fn standing(&self, state: &str) -> Standing {
        let same = |known: &String| known.trim().eq_ignore_ascii_case(state.trim());
        if self.terminal.iter().any(same) {
            Standing::Terminal
        } else if self.active.iter().any(same) {
            Standing::Active
        } else {
            Standing::Parked
        }
    }

    /// The state a landed issue is moved to.
    pub fn done(&self) -> &str {
        self.terminal.first().map_or("Done", String::as_str)
    }
}

impl Default for States {
    /// The states of the `files` tracker when the project names none.
    fn default() -> Self {
        let own = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
        Self { active: own(&["Todo", "In Progress"]), terminal: own(&["Done", "Closed", "Cancelled"]) }
    }
}

/// The order in which issues are offered slots: priority, then age of last change, then identifier.
pub fn sort_for_dispatch(issues: &mut [Issue]) {
    issues.sort_by(|a, b| {
        let key = |i: &Issue| (i.priority.unwrap_or(u32::MAX), i.updated_at.unwrap_or_default());
        key(a).cmp(&key(b)).then_with(|| a.identifier.cmp(&b.identifier))
    });
}

/// The issues that are over: what blocks no other any more.
pub fn over<'a>(all: &'a [Issue], states: &States) -> HashSet<&'a IssueId> {
    let terminal = |issue: &&Issue| states.standing(&issue.state) == Standing::Terminal;
    all.iter().filter(terminal).map(|issue| &issue.id).collect()
}

/// The blockers of `issue` that are not `over`. An unknown blocker is not, and blocks.
pub fn open_blockers(issue: &Issue, over: &HashSet<&IssueId>) -> BTreeSet<IssueId> {
    issue.blocked_by.iter().filter(|id| !over.contains(id)).cloned().collect()
}

/// An issue as a run remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueRef {
    /// Its project.
    pub project: ProjectName,
    /// The tracker's id.
    pub id: IssueId,
    /// What people call it.
    pub identifier: String,
    /// One line.
    pub title: String,
    /// The version that was claimed; once a person was asked, the one that asks.
    pub version: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issue(id: &str, state: &str, priority: Option<u32>, blocked_by: &[&str]) -> Issue {
        Issue {
            id: id.into(),
            identifier: id.into(),
            title: String::new(),
            description: String::new(),
            state: state.into(),
            priority,
            labels: vec![],
            blocked_by: blocked_by.iter().map(|&b| b.into()).collect(),
            url: None,
            version: String::new(),
            updated_at: None,
        }
    }

    #[test]
    fn states_are_compared_without_case_and_blanks() {
        let states = States::default();
        assert_eq!(states.standing(" todo "), Standing::Active);
        assert_eq!(states.standing("DONE"), Standing::Terminal);
        assert_eq!(states.standing("Human Review"), Standing::Parked);
    }

    #[test]
    fn an_issue_without_priority_comes_last() {
        let mut issues = [
            issue("c", "Todo", None, &[]),
            issue("b", "Todo", Some(2), &[]),
            issue("a", "Todo", Some(1), &[]),
        ];
        sort_for_dispatch(&mut issues);
        assert_eq!(issues.map(|i| i.identifier), ["a", "b", "c"]);
    }

    #[test]
    fn an_unknown_blocker_blocks() {
        let all = [issue("done", "Done", None, &[]), issue("open", "Todo", None, &[])];
        let blocked = issue("x", "Todo", None, &["done", "open", "gone"]);
        let open: Vec<_> = open_blockers(&blocked, &over(&all, &States::default())).into_iter().collect();
        assert_eq!(open, ["gone".into(), "open".into()]);
    }
}
