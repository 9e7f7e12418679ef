//! A work item read from a tracker, and whether its text makes it ready to be worked on.

use crate::{IssueId, ProjectName, Timestamp};
use serde::{Deserialize, Serialize};

/// A work item as the tracker told it, normalised (Symphony's specification, 4.1.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// The tracker's id; unique within the project, opaque.
    pub id: IssueId,
    /// What people call it, such as `SHOP-12`; unique within the project.
    pub identifier: String,
    /// One line.
    pub title: String,
    /// The body, markdown, if there is one.
    #[serde(default)]
    pub description: Option<String>,
    /// The tracker's state, as written there.
    pub state: String,
    /// 1 is the most urgent; only 1 to 4 are ranked.
    #[serde(default)]
    pub priority: Option<i64>,
    /// Labels, trimmed and lowercase, each once.
    #[serde(default)]
    pub labels: Vec<String>,
    /// What must be over first, as far as the tracker tells. For people and prompts: what follows from it is in
    /// `dispatchable`.
    #[serde(default)]
    pub blocked_by: Vec<Blocker>,
    /// The branch that the tracker proposes.
    #[serde(default)]
    pub branch_name: Option<String>,
    /// Whose it is, by the tracker's id.
    #[serde(default)]
    pub assignee_id: Option<String>,
    /// Ids of the tracker's own that its tools need; a JSON object without secrets. Nobody else reads it.
    #[serde(default)]
    pub native_ref: Option<serde_json::Value>,
    /// `None`: the tracker's own rules (assignment, blockers, board) let it be worked on. Else what stands against it.
    #[serde(default)]
    pub withheld: Option<String>,
    /// Where a person reads it (a path or an http(s) address), if anywhere.
    #[serde(default)]
    pub url: Option<String>,
    /// A value that changes whenever anything in the issue does; equal values mean the same text.
    pub version: String,
    /// When it was made, as the tracker says.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When it was last changed, as the tracker says.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
}

/// What another issue waits for; every field as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BlockerForm")]
pub struct Blocker {
    /// The tracker's id.
    pub id: Option<IssueId>,
    /// What people call it.
    pub identifier: Option<String>,
    /// Its state.
    pub state: Option<String>,
}

/// Stores written before blockers had fields hold plain ids.
#[derive(Deserialize)]
#[serde(untagged)]
enum BlockerForm {
    Id(IssueId),
    Fields {
        #[serde(default)]
        id: Option<IssueId>,
        #[serde(default)]
        identifier: Option<String>,
        #[serde(default)]
        state: Option<String>,
    },
}

impl From<BlockerForm> for Blocker {
    fn from(form: BlockerForm) -> Self {
        match form {
            BlockerForm::Id(id) => Self { id: Some(id), identifier: None, state: None },
            BlockerForm::Fields { id, identifier, state } => Self { id, identifier, state },
        }
    }
}

impl Blocker {
    /// What people call it, else its id.
    pub fn name(&self) -> &str {
        let id = self.id.as_ref().map(IssueId::as_str);
        self.identifier.as_deref().or(id).unwrap_or("an issue without a name")
    }
}

impl Issue {
    /// An issue of which nothing is known but what every issue has.
    pub fn new(id: IssueId, identifier: &str, title: &str, state: &str) -> Self {
        Self {
            id,
            identifier: identifier.to_owned(),
            title: title.to_owned(),
            description: None,
            state: state.to_owned(),
            priority: None,
            labels: vec![],
            blocked_by: vec![],
            branch_name: None,
            assignee_id: None,
            native_ref: None,
            withheld: None,
            url: None,
            version: String::new(),
            created_at: None,
            updated_at: None,
        }
    }

    /// Whether the tracker's own rules let it be worked on.
    pub fn is_dispatchable(&self) -> bool {
        self.withheld.is_none()
    }

    /// The first label of `required` that it lacks. Compared without case and outer blanks; a blank one is on no issue.
    pub fn lacks<'a>(&self, required: &'a [String]) -> Option<&'a str> {
        let has = |wanted: &str| {
            !wanted.trim().is_empty() && self.labels.iter().any(|label| is_same(label, wanted))
        };
        required.iter().map(String::as_str).find(|wanted| !has(wanted))
    }
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
        let same = |known: &String| is_same(known, state);
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

/// A state as it is compared: without outer blanks and case.
pub fn normal(state: &str) -> String {
    state.trim().to_lowercase()
}

/// Whether two states (or labels) are the same once they are [`normal`]. Asked of every issue at every look, so that the
/// usual ones are compared as they are.
fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim(), other.trim());
    if one.is_ascii() && other.is_ascii() {
        one.eq_ignore_ascii_case(other)
    } else {
        one.to_lowercase() == other.to_lowercase()
    }
}

/// The order in which issues are offered slots (8.2): priority 1 to 4, then the rest; the oldest first; then by name.
pub fn sort_for_dispatch(issues: &mut [Issue]) {
    let rank = |issue: &Issue| issue.priority.filter(|priority| (1..=4).contains(priority)).unwrap_or(5);
    let age = |issue: &Issue| issue.created_at.map_or(i64::MAX, |at| at.0);
    issues.sort_by(|a, b| {
        (rank(a), age(a)).cmp(&(rank(b), age(b))).then_with(|| a.identifier.cmp(&b.identifier))
    });
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
    /// The tracker's state, as it was seen last.
    #[serde(default)]
    pub state: String,
    /// Where a person reads it.
    #[serde(default)]
    pub url: Option<String>,
}

impl IssueRef {
    /// `issue` of `project`, as it reads now.
    pub fn of(project: ProjectName, issue: &Issue) -> Self {
        Self {
            project,
            id: issue.id.clone(),
            identifier: issue.identifier.clone(),
            title: issue.title.clone(),
            version: issue.version.clone(),
            state: issue.state.clone(),
            url: issue.url.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issue(id: &str, priority: Option<i64>, created_at: Option<i64>) -> Issue {
        let created_at = created_at.map(Timestamp);
        Issue { priority, created_at, ..Issue::new(id.into(), id, "t", "Todo") }
    }

    #[test]
    fn states_are_compared_without_case_and_outer_blanks_in_any_script() {
        for (one, other) in [(" In Progress", "in progress "), ("ÜBERPRÜFEN", "überprüfen"), ("ΟΔΟΣ", "οδος")]
        {
            assert!(is_same(one, other) && normal(one) == normal(other), "{one} {other}");
        }
        assert!(!is_same("Todo", "To do") && !is_same("über", "uber"));
    }

    #[test]
    fn states_are_compared_without_case_and_blanks() {
        let states = States::default();
        assert_eq!(states.standing(" todo "), Standing::Active);
        assert_eq!(states.standing("DONE"), Standing::Terminal);
        assert_eq!(states.standing("Human Review"), Standing::Parked);
    }

    #[test]
    fn priority_comes_before_age_and_age_before_name() {
        let mut issues = [
            issue("zero", Some(0), Some(1)),
            issue("none", None, Some(0)),
            issue("young", Some(2), Some(9)),
            issue("old", Some(2), Some(3)),
            issue("undated", Some(2), None),
            issue("b", Some(1), None),
            issue("a", Some(1), None),
        ];
        sort_for_dispatch(&mut issues);
        assert_eq!(issues.map(|i| i.identifier), ["a", "b", "old", "young", "undated", "none", "zero"]);
    }

    #[test]
    fn a_blank_required_label_is_on_no_issue() {
        let labelled = Issue { labels: vec!["ready".into(), "backend".into()], ..issue("a", None, None) };
        assert_eq!(labelled.lacks(&[" Ready ".into(), "BACKEND".into()]), None);
        assert_eq!(labelled.lacks(&["ready".into(), "  ".into()]), Some("  "));
        assert_eq!(labelled.lacks(&["ready".into(), "web".into()]), Some("web"));
    }

    #[test]
    fn blockers_of_an_older_store_are_read() {
        let blockers: Vec<Blocker> = serde_json::from_str(r#"["X-1", {"identifier": "X-2"}]"#).unwrap();
        assert_eq!(blockers.iter().map(Blocker::name).collect::<Vec<_>>(), ["X-1", "X-2"]);
    }
}
