//! What an agent is told. Text only; everything in it comes in as values.

use domain::change::Change;
use domain::effect::Task;
use domain::issue::Issue;
use domain::review::Finding;
use domain::{Sha, TeamName};
use knowledge::passage::Passage;
use std::fmt::Write;

/// The most of a diff that a reviewer is shown; the rest it can read in its workspace.
pub(crate) const MAX_DIFF: usize = 60_000;

/// What every author agent is told besides its prompt.
pub(crate) const AUTHOR: &str = "\
You work alone in a sandbox on one issue of one repository. The repository is in your working directory. \
You have no network and no git credentials: change files and run commands, and leave your work in the \
working directory; Seawall commits it, has it reviewed by the owning teams, and lands it. Run the tests \
before you finish. When the work is done, answer with one short paragraph that says what you changed and \
why; do not call a tool in that answer.";

/// What every reviewer agent is told besides its prompt.
pub(crate) const REVIEWER: &str = "\
You review one change for the team that owns the code it touches. You did not write it. The repository at \
the change's head is in your working directory, read-only. Judge only what the change does. Raise a finding \
only for something that should be mended, cite the file and lines it rests on, and repeat no finding. P1: \
must not land, it breaks production or repeats an incident. P2: must not land as it is. P3: worth knowing. \
Hand your review in by calling `submit_review` exactly once (an empty list means the change is clean), then \
answer with one sentence.";

/// The prompt of an author: the project's own text, then what is new in this attempt.
pub(crate) fn author(project_prompt: &str, task: &Task) -> String {
    let mut text = project_prompt.to_owned();
    if let Task::Author { findings, conflicts } = task {
        if !findings.is_empty() {
            text.push_str(
                "\n\n## Findings to mend\n\nYour earlier change is in the working directory. The \
                           owners' reviewers raised these findings; mend each of them.\n",
            );
            for finding in findings {
                text.push_str(&finding_text(finding));
            }
        }
        if !conflicts.is_empty() {
            text.push_str(
                "\n\n## Conflicts\n\nThe landing branch moved. Your change was merged with it, and \
                           these files hold conflict markers; resolve them:\n",
            );
            for file in conflicts {
                let _ = writeln!(text, "- {file}");
            }
        }
    }
    text
}

/// One finding, as an author reads it.
fn finding_text(finding: &Finding) -> String {
    let raised = &finding.raised;
    let mut text = format!("\n### {} {}: {}\n", raised.priority.name(), finding.id, raised.title);
    if let Some(place) = &raised.place {
        let _ = writeln!(text, "At {place}");
    }
    for cite in &raised.cites {
        let _ = writeln!(text, "Rests on {cite}");
    }
    let _ = writeln!(text, "\n{}", raised.body);
    text
}

/// What a reviewer's prompt is made of.
pub(crate) struct ReviewMaterial<'a> {
    pub(crate) issue: &'a Issue,
    pub(crate) team: &'a TeamName,
    pub(crate) round: u32,
    pub(crate) base: &'a Sha,
    pub(crate) change: &'a Change,
    pub(crate) owned: &'a [String],
    pub(crate) diff: &'a str,
    pub(crate) passages: &'a [Passage],
    pub(crate) earlier: &'a [Finding],
}

/// The prompt of a reviewer.
pub(crate) fn reviewer(material: &ReviewMaterial<'_>) -> String {
    let ReviewMaterial { issue, team, round, base, change, owned, diff, passages, earlier } = material;
    let mut text = format!(
        "# Review {} for team {team}, round {round}\n\nIssue {}: {}\n\nBase {base}, head {}.\nYour team owns: {}.\n",
        change.head.short(),
        issue.identifier,
        issue.title,
        change.head,
        owned.join(", "),
    );
    text.push_str("\n## What your team knows\n");
    if passages.is_empty() {
        text.push_str("\nNothing your team has written down matches this change.\n");
    }
    for passage in *passages {
        let _ = write!(
            text,
            "\n### {}:{}-{} ({})\n\n{}\n",
            passage.file,
            passage.line_start,
            passage.line_end,
            passage.why.join(", "),
            passage.text
        );
    }
    if !earlier.is_empty() {
        text.push_str(
            "\n## What your team raised before\n\nA finding that you do not raise again counts as fixed.\n",
        );
        for finding in *earlier {
            text.push_str(&finding_text(finding));
        }
    }
    let shown = clip(diff, MAX_DIFF);
    let _ = write!(text, "\n## The change\n\n```diff\n{shown}\n```\n");
    if shown.len() < diff.len() {
        let _ = writeln!(text, "The diff is longer; read the files in your working directory.");
    }
    text
}

/// At most `max` bytes of `text`, cut at a character.
pub(crate) fn clip(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let end = (0..=max).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(clip("aé", 2), "a");
        assert_eq!(clip("aé", 3), "aé");
    }

    #[test]
    fn a_first_attempt_is_told_only_the_projects_own_text() {
        let task = Task::Author { findings: vec![], conflicts: vec![] };
        assert_eq!(author("Do SHOP-1.", &task), "Do SHOP-1.");
    }
}
