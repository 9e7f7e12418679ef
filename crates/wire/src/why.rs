//! Why an issue is, or is not, being worked on.

use domain::{ProjectName, RunId};
use serde::{Deserialize, Serialize};

/// The short answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyVerdict {
    /// A run works on it.
    Working,
    /// Nothing is wrong: it will be taken by itself (a slot, a blocker, a retry).
    Waiting,
    /// It will not be taken until a person does something.
    Refused,
    /// The work is over.
    Done,
    /// No tracker knows it.
    Unknown,
}

/// `GET /api/v1/why/{issue}`; `issue` is the tracker's id or what people call it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyView {
    /// As asked.
    pub issue: String,
    /// Its project, once found.
    pub project: Option<ProjectName>,
    /// The latest run for it.
    pub run: Option<RunId>,
    /// The short answer.
    pub verdict: WhyVerdict,
    /// The long answer, for people, most important first.
    pub lines: Vec<String>,
}
