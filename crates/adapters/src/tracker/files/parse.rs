//! Reads one issue file.

use super::Problem;
use domain::issue::{Blocker, Issue};
use domain::{IssueId, Timestamp};
use serde::Deserialize;
use std::ops::Range;

/// The most bytes of an id.
const MAX_ID: usize = 64;
/// The most bytes of a state or label.
pub(super) const MAX_WORD: usize = 100;
/// The most characters of a title that are shown.
const MAX_TITLE: usize = 300;
/// The most labels or blockers.
const MAX_ITEMS: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Front {
    id: Option<String>,
    title: String,
    state: String,
    #[serde(default)]
    priority: Option<i64>,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    blocked_by: Vec<String>,
    /// RFC 3339.
    #[serde(default)]
    created_at: Option<String>,
}

/// The issue that `bytes`, the file called `name`, holds. Instant and address are left empty.
pub(super) fn issue(name: &str, bytes: &[u8]) -> Result<Issue, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        problem(name, line, "is not UTF-8", "save it as UTF-8")
    })?;
    let front = front_matter(text).ok_or_else(|| {
        problem(
            name,
            1,
            "has no front matter between two lines ---",
            "begin it with ---, title:, state:, ---",
        )
    })?;
    let body = text[front.end..].split_once('\n').map_or("", |(_, body)| body);
    let parsed: Front = parse_front(name, &text[front.clone()])?;
    let line_of = |key: &str| key_line(&text[front.clone()], key).map_or(1, |n| n + 2);
    let stem = name.strip_suffix(".md").unwrap_or(name);
    let id = parsed.id.unwrap_or_else(|| stem.to_owned());
    check_id(name, line_of("id"), &id)?;
    let too_many = parsed.labels.len() > MAX_ITEMS || parsed.blocked_by.len() > MAX_ITEMS;
    if too_many {
        return Err(problem(name, 1, "has more than 100 labels or blockers", "keep those that matter"));
    }
    for blocker in &parsed.blocked_by {
        check_id(name, line_of("blocked_by"), blocker)?;
    }
    let state = one_line(&parsed.state);
    if state.is_empty() || state.len() > MAX_WORD {
        return Err(problem(name, line_of("state"), "has no usable state", "write one such as state: Todo"));
    }
    let created_at = match parsed.created_at.as_deref().map(instant) {
        Some(None) => {
            let mend = "write it like 2026-11-20T09:00:00Z";
            return Err(problem(name, line_of("created_at"), "has a creation time that is no instant", mend));
        }
        Some(at) => at,
        None => None,
    };
    let title: String = one_line(&parsed.title).chars().take(MAX_TITLE).collect();
    Ok(Issue {
        description: Some(body.trim().to_owned()).filter(|body| !body.is_empty()),
        priority: parsed.priority,
        labels: labels(&parsed.labels),
        blocked_by: parsed.blocked_by.into_iter().map(blocker).collect(),
        version: base::digest::sha256_hex(bytes),
        created_at,
        ..Issue::new(IssueId::new(&id), &id, &title, &state)
    })
}

/// Trimmed, lowercase, each once.
fn labels(given: &[String]) -> Vec<String> {
    let mut labels: Vec<String> = Vec::with_capacity(given.len());
    for label in given.iter().map(|label| one_line(label).to_lowercase()) {
        if !label.is_empty() && !labels.contains(&label) {
            labels.push(label);
        }
    }
    labels
}

fn blocker(id: String) -> Blocker {
    Blocker { id: Some(IssueId::new(&id)), identifier: Some(id), state: None }
}

fn instant(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp(at.as_microsecond()))
}

/// The bytes between the first line `---` and the next one.
pub(super) fn front_matter(text: &str) -> Option<Range<usize>> {
    let mut lines = text.split_inclusive('\n');
    let first = lines.next()?;
    if first.trim_end() != "---" {
        return None;
    }
    let start = first.len();
    let mut at = start;
    for line in lines {
        if line.trim_end() == "---" {
            return Some(start..at);
        }
        at += line.len();
    }
    None
}

/// The number, from 0, of the line that holds `key:` at the margin.
pub(super) fn key_line(front: &str, key: &str) -> Option<usize> {
    front.lines().position(|line| {
        let rest = line.strip_prefix(key).map(str::trim_start);
        rest.is_some_and(|rest| rest.starts_with(':'))
    })
}

fn parse_front(name: &str, front: &str) -> Result<Front, Problem> {
    let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
    serde_saphyr::from_str_with_options(front, options).map_err(|error| {
        // Front matter begins on the second line of the file.
        let line = error.location().map_or(1, |at| at.line() as usize + 1);
        let text = error.to_string();
        let what = text.lines().next().unwrap_or_default();
        problem(name, line, &format!("has front matter that cannot be read: {what}"), "correct that line")
    })
}

fn check_id(name: &str, line: usize, id: &str) -> Result<(), Problem> {
    let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if plain && !id.is_empty() && id.len() <= MAX_ID && id != "." && id != ".." {
        return Ok(());
    }
    let what = format!("names the id {id:?}");
    Err(problem(name, line, &what, "an id has 1 to 64 letters, digits, dots, dashes or underscores"))
}

/// Text without control characters, such as those that draw on a terminal, and without outer blanks.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned()
}

fn problem(file: &str, line: usize, what: &str, mend: &str) -> Problem {
    let line = u32::try_from(line).unwrap_or(u32::MAX);
    Problem { file: file.to_owned(), line, what: what.to_owned(), mend: mend.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_field_is_read() {
        let text = "---\nid: SHOP-12\ntitle: \"Pay \\e[31mtwice\"\nstate: In Progress # now\npriority: 1\n\
                    labels: [Bug, 2026, bug]\nblocked_by:\n  - SHOP-3\n---\n\nBody\n---\nmore\n";
        let issue = issue("x.md", text.as_bytes()).unwrap();
        assert_eq!((issue.id.as_str(), issue.title.as_str()), ("SHOP-12", "Pay [31mtwice"));
        assert_eq!((issue.state.as_str(), issue.priority), ("In Progress", Some(1)));
        assert_eq!(issue.labels, ["bug", "2026"]);
        assert_eq!(issue.blocked_by[0].name(), "SHOP-3");
        assert_eq!(issue.description.as_deref(), Some("Body\n---\nmore"));
    }

    #[test]
    fn without_an_id_the_file_names_the_issue_and_numbers_are_text() {
        assert_eq!(issue("7.md", b"---\r\ntitle: t\r\nstate: Todo\r\n---\r\n").unwrap().identifier, "7");
        assert_eq!(issue("x.md", b"---\nid: 1.10\ntitle: 5\nstate: no\n---\n").unwrap().identifier, "1.10");
    }

    #[test]
    fn problems_name_the_line_and_the_mend() {
        for (text, line) in [
            ("no front matter", 1),
            ("---\ntitle: t\nstate: Todo\n", 1),
            ("---\ntitle: t\nstate: Todo\npriority: high\n---\n", 4),
            ("---\ntitle: t\nstate: Todo\nprio: 1\n---\n", 4),
            ("---\ntitle: t\nstate: Todo\ncreated_at: today\n---\n", 4),
            ("---\ntitle: t\nstate: ' '\n---\n", 3),
            ("---\ntitle: t\nstate: Todo\nid: ../x\n---\n", 4),
            ("---\ntitle: t\nid: a\nstate: Todo\nstate: Done\n---\n", 5),
        ] {
            let problem = issue("x.md", text.as_bytes()).unwrap_err();
            assert_eq!(problem.line, line, "{text:?}: {problem}");
            assert!(!problem.mend.is_empty());
        }
        assert_eq!(issue("x.md", b"---\ntitle: \xff\n---\n").unwrap_err().line, 2);
    }

    #[test]
    fn an_alias_bomb_is_a_problem_not_a_fire() {
        let mut text = String::from("---\na0: &a0 [x]\n");
        for level in 1..30 {
            let before = level - 1;
            text.push_str(&format!("a{level}: &a{level} [*a{before}, *a{before}, *a{before}, *a{before}]\n"));
        }
        text.push_str("title: t\nstate: Todo\n---\n");
        assert!(issue("x.md", text.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_issue_or_a_problem(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = issue("x.md", &bytes);
        }

        #[test]
        fn any_front_matter_is_an_issue_or_a_problem(front in "[a-z:&*\\[\\]{}'\"\n -]{0,200}") {
            let _ = issue("x.md", format!("---\n{front}\n---\nbody").as_bytes());
        }
    }
}
