//! Findings and what becomes of them. The ledger of a run ends: rounds are bounded, a finding is closed once.

use crate::{Sha, TeamName};
use serde::{Deserialize, Serialize};

/// The most findings one review may raise; a review with more is a wall of text nobody acts on.
pub const MAX_FINDINGS: usize = 25;
/// The most characters of a finding's title.
pub const MAX_TITLE: usize = 200;
/// The most characters of a finding's body.
pub const MAX_BODY: usize = 4_000;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Priority {
    /// Must not land: breaks production, or repeats an incident.
    P1,
    /// Must not land as it is.
    P2,
    /// Worth knowing; does not hold the change up.
    P3,
}

impl Priority {
    /// Whether a finding of this priority holds the change up.
    pub fn blocks(self) -> bool {
        match self {
            Self::P1 | Self::P2 => true,
            Self::P3 => false,
        }
    }

    /// `P1`, `P2` or `P3`.
    pub fn name(self) -> &'static str {
        match self {
            Self::P1 => "P1",
            Self::P2 => "P2",
            Self::P3 => "P3",
        }
    }
}

/// A passage of a file at a commit: what a finding points at or cites. Lines count from 1, both included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Path within the repository.
    pub file: String,
    /// First line.
    pub line_start: u32,
    /// Last line.
    pub line_end: u32,
    /// The commit. A reviewer leaves it out and the engine fills in the one it checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha: Option<Sha>,
}

impl std::fmt::Display for Place {
    /// `file:first-last@sha`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}-{}", self.file, self.line_start, self.line_end)?;
        match &self.sha {
            Some(sha) => write!(f, "@{}", sha.short()),
            None => Ok(()),
        }
    }
}

/// What a reviewer hands in for one problem, checked by the engine against the repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raised {
    /// How bad.
    pub priority: Priority,
    /// One line.
    pub title: String,
    /// Why it matters and what would mend it.
    pub body: String,
    /// Where in the change.
    pub place: Option<Place>,
    /// What it rests on: an incident, a rule, another file.
    #[serde(default)]
    pub cites: Vec<Place>,
}

/// What became of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Disposition {
    /// Waits for the author.
    Open,
    /// The team's next review of a new head no longer raised it.
    Fixed {
        /// The head that fixed it.
        head: Sha,
    },
    /// Known, and does not hold the change up.
    Deferred,
}

/// One problem, from raised to closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `TEAM-ROUND-NUMBER`, unique within the run.
    pub id: String,
    /// The team whose reviewer raised it.
    pub team: TeamName,
    /// The round it was raised in, from 1.
    pub round: u32,
    /// The head it was raised on.
    pub head: Sha,
    /// What was raised.
    #[serde(flatten)]
    pub raised: Raised,
    /// What became of it.
    pub disposition: Disposition,
}

impl Finding {
    /// Whether it still holds the change up.
    pub fn holds_up(&self) -> bool {
        matches!(self.disposition, Disposition::Open) && self.raised.priority.blocks()
    }
}

/// All findings of one author run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ledger {
    /// In the order they were raised.
    pub findings: Vec<Finding>,
}

impl Ledger {
    /// Enters one team's review of `head`: what it raised before and not again is fixed; the rest is new.
    /// A blocking finding starts open, another one deferred. Findings beyond [`MAX_FINDINGS`] are dropped,
    /// the least bad first.
    pub fn enter(&mut self, team: &TeamName, round: u32, head: &Sha, mut raised: Vec<Raised>) {
        for old in self.findings.iter_mut().filter(|f| &f.team == team) {
            if matches!(old.disposition, Disposition::Open) {
                old.disposition = Disposition::Fixed { head: head.clone() };
            }
        }
        raised.sort_by_key(|r| r.priority);
        raised.truncate(MAX_FINDINGS);
        for (number, raised) in raised.into_iter().enumerate() {
            let disposition =
                if raised.priority.blocks() { Disposition::Open } else { Disposition::Deferred };
            self.findings.push(Finding {
                id: format!("{team}-{round}-{}", number + 1),
                team: team.clone(),
                round,
                head: head.clone(),
                raised,
                disposition,
            });
        }
    }

    /// The findings that hold the change up.
    pub fn open(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|f| f.holds_up())
    }
}

/// Why what a reviewer handed in is not a review; the text goes back to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Too many.
    #[error("{0} findings are too many; hand in the {MAX_FINDINGS} that matter most")]
    TooMany(usize),
    /// A title is missing or too long.
    #[error("finding {0}: the title must have 1 to {MAX_TITLE} characters")]
    Title(usize),
    /// The body is too long.
    #[error("finding {0}: the body must have at most {MAX_BODY} characters")]
    Body(usize),
    /// Lines are not lines.
    #[error("finding {0}: lines count from 1, and the last is not before the first")]
    Lines(usize),
}

/// Whether `raised` is fit to be entered, apart from its places existing, which needs the repository.
pub fn check(raised: &[Raised]) -> Result<(), Unfit> {
    if raised.len() > MAX_FINDINGS {
        return Err(Unfit::TooMany(raised.len()));
    }
    for (index, finding) in raised.iter().enumerate() {
        let number = index + 1;
        if finding.title.trim().is_empty() || finding.title.chars().count() > MAX_TITLE {
            return Err(Unfit::Title(number));
        }
        if finding.body.chars().count() > MAX_BODY {
            return Err(Unfit::Body(number));
        }
        let odd = |p: &Place| p.line_start == 0 || p.line_end < p.line_start;
        if finding.place.iter().chain(&finding.cites).any(odd) {
            return Err(Unfit::Lines(number));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raised(priority: Priority, title: &str) -> Raised {
        Raised { priority, title: title.into(), body: String::new(), place: None, cites: vec![] }
    }

    fn head(c: &str) -> Sha {
        Sha::new(c.repeat(40))
    }

    #[test]
    fn a_clean_second_round_closes_what_the_team_raised_and_nothing_else() {
        let mut ledger = Ledger::default();
        ledger.enter(&"pay".into(), 1, &head("a"), vec![raised(Priority::P1, "retries")]);
        ledger.enter(&"web".into(), 1, &head("a"), vec![raised(Priority::P2, "colour")]);
        ledger.enter(&"pay".into(), 2, &head("b"), vec![]);
        let open: Vec<_> = ledger.open().map(|f| f.id.as_str()).collect();
        assert_eq!(open, ["web-1-1"]);
        assert_eq!(ledger.findings[0].disposition, Disposition::Fixed { head: head("b") });
    }

    #[test]
    fn a_p3_is_kept_and_holds_nothing_up() {
        let mut ledger = Ledger::default();
        ledger.enter(&"pay".into(), 1, &head("a"), vec![raised(Priority::P3, "naming")]);
        assert_eq!(ledger.open().count(), 0);
        assert_eq!(ledger.findings[0].disposition, Disposition::Deferred);
    }

    #[test]
    fn of_too_many_the_worst_are_kept() {
        let mut many = vec![raised(Priority::P3, "small"); MAX_FINDINGS + 5];
        many.push(raised(Priority::P1, "bad"));
        let mut ledger = Ledger::default();
        ledger.enter(&"pay".into(), 1, &head("a"), many);
        assert_eq!(ledger.findings.len(), MAX_FINDINGS);
        assert_eq!(ledger.open().count(), 1);
    }

    #[test]
    fn unfit_reviews_are_told_which_finding_and_why() {
        let lines = |a, b| Some(Place { file: "x".into(), line_start: a, line_end: b, sha: None });
        let at = |place| Raised { place, ..raised(Priority::P1, "t") };
        assert_eq!(check(&[raised(Priority::P1, " ")]), Err(Unfit::Title(1)));
        assert_eq!(check(&[at(lines(1, 1)), at(lines(0, 1))]), Err(Unfit::Lines(2)));
        assert_eq!(check(&[at(lines(5, 4))]), Err(Unfit::Lines(1)));
        assert_eq!(check(&vec![raised(Priority::P1, "t"); 26]), Err(Unfit::TooMany(26)));
        assert_eq!(check(&[]), Ok(()));
    }
}
