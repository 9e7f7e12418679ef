//! A past incident: markdown with front matter below a team's knowledge directory, such as
//! `teams/payments/incidents/2026-03-retry-storm.md`.

use crate::front;
use crate::glob::Glob;
use serde::{Deserialize, Serialize};

/// A larger file is not something people wrote to be read.
pub const MAX_BYTES: usize = 256 * 1024;
/// The most paths, or keywords.
const MAX_ITEMS: usize = 100;

/// What happened, and where it could happen again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// The team's own id, such as `INC-31`.
    pub id: String,
    /// One line.
    pub title: String,
    /// The day, `YYYY-MM-DD`.
    pub date: String,
    /// Patterns of the paths it concerns, as written.
    pub paths: Vec<String>,
    /// Words that tell of the same mistake.
    pub keywords: Vec<String>,
    /// As the team grades it, such as `sev1`; empty when not given.
    pub severity: String,
    /// The text, cut at its headings.
    pub sections: Vec<Section>,
}

/// A heading and what stands below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Section {
    /// Without its `#`; empty before the first heading.
    pub heading: String,
    /// The text below it, trimmed.
    pub text: String,
    /// First line in the file, from 1 (the heading's, if it has one).
    pub line_start: u32,
    /// Last line.
    pub line_end: u32,
}

/// Why a file is not an incident.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct Error {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// What is wrong and what to do.
    pub what: String,
}

#[derive(Deserialize)]
struct Front {
    id: String,
    title: String,
    date: String,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    severity: String,
}

impl Incident {
    /// Reads `text`, the file at `file`. Unknown keys are left to the team.
    pub fn parse(file: &str, text: &str) -> Result<Self, Error> {
        let fail = |line: u32, what: String| Error { file: file.to_owned(), line, what };
        if text.len() > MAX_BYTES {
            return Err(fail(
                1,
                format!("has {} bytes, more than {MAX_BYTES}; keep what a reviewer needs", text.len()),
            ));
        }
        let parts = front::split(text);
        let Some(yaml) = parts.front.filter(|_| parts.closed) else {
            return Err(fail(
                1,
                "has no front matter; begin with ---, id:, title:, date:, paths:, ---".to_owned(),
            ));
        };
        let read: Front = front::yaml(yaml).map_err(|(line, what)| fail(line, what))?;
        let at = |key: &str| front::line_of(yaml, key);
        if !is_date(&read.date) {
            return Err(fail(at("date"), format!("date {:?} is not YYYY-MM-DD", read.date)));
        }
        if read.id.trim().is_empty() || read.title.trim().is_empty() {
            return Err(fail(at("id"), "id and title must not be blank".to_owned()));
        }
        if read.paths.len() > MAX_ITEMS || read.keywords.len() > MAX_ITEMS {
            return Err(fail(
                at("paths"),
                format!("more than {MAX_ITEMS} paths or keywords; keep those that tell"),
            ));
        }
        for path in &read.paths {
            Glob::new(path).map_err(|e| fail(at("paths"), format!("path {path:?}: {e}")))?;
        }
        Ok(Self {
            id: read.id,
            title: read.title,
            date: read.date,
            paths: read.paths,
            keywords: read.keywords,
            severity: read.severity,
            sections: sections(parts.body, parts.body_line),
        })
    }

    /// Which of the patterns concerns `path`, if any. A pattern without a slash is meant at any depth, and one
    /// that names a directory means what is in it.
    pub fn concerns(&self, path: &str) -> Option<&str> {
        let hit = |pattern: &&String| {
            let glob = Glob::new(pattern).map(|g| if pattern.contains('/') { g } else { g.anywhere() });
            glob.is_ok_and(|g| g.matches_or_contains(path))
        };
        self.paths.iter().find(hit).map(String::as_str)
    }
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let in_range = |part: &str, length: usize, range: std::ops::RangeInclusive<u32>| {
        part.len() == length
            && part.bytes().all(|b| b.is_ascii_digit())
            && part.parse().is_ok_and(|n| range.contains(&n))
    };
    in_range(year, 4, 1970..=9999) && in_range(month, 2, 1..=12) && in_range(day, 2, 1..=31)
}

/// Cuts markdown at its headings; a `#` inside a code fence is text.
pub(crate) fn sections(body: &str, first_line: u32) -> Vec<Section> {
    let mut found: Vec<Section> = Vec::new();
    let mut fenced = false;
    for (number, line) in (first_line..).zip(body.lines()) {
        let trimmed = line.trim_start();
        fenced ^= trimmed.starts_with("```") || trimmed.starts_with("~~~");
        let level = line.bytes().take_while(|b| *b == b'#').count();
        let is_heading = !fenced && (1..=6).contains(&level) && line[level..].starts_with(' ');
        if is_heading {
            let heading = line[level..].trim().trim_end_matches('#').trim_end().to_owned();
            found.push(Section { heading, text: String::new(), line_start: number, line_end: number });
            continue;
        }
        if found.is_empty() {
            if line.trim().is_empty() {
                continue;
            }
            found.push(Section {
                heading: String::new(),
                text: String::new(),
                line_start: number,
                line_end: number,
            });
        }
        if let Some(section) = found.last_mut() {
            section.text.push_str(line);
            section.text.push('\n');
            if !line.trim().is_empty() {
                section.line_end = number;
            }
        }
    }
    for section in &mut found {
        section.text = section.text.trim().to_owned();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STORM: &str = "---\nid: INC-31\ntitle: Retry storm\ndate: 2026-03-14\npaths: [\"src/payments/**\", \"*.sql\"]\n\
                         keywords: [retry, backoff]\nseverity: sev1\nowner: ann\n---\n\nIntro.\n\n## Cause\nNo jitter.\n\
                         ```\n# not a heading\n```\n\n## Rule\nBound every retry.\n";

    #[test]
    fn an_incident_is_read_with_its_sections_and_lines() {
        let incident = Incident::parse("i.md", STORM).unwrap();
        assert_eq!((incident.id.as_str(), incident.severity.as_str()), ("INC-31", "sev1"));
        let shape: Vec<_> =
            incident.sections.iter().map(|s| (s.heading.as_str(), s.line_start, s.line_end)).collect();
        assert_eq!(shape, [("", 11, 11), ("Cause", 13, 17), ("Rule", 19, 20)]);
        assert_eq!(incident.sections[1].text, "No jitter.\n```\n# not a heading\n```");
        assert_eq!(incident.concerns("src/payments/a/b.rs"), Some("src/payments/**"));
        assert_eq!(incident.concerns("db/x.sql"), Some("*.sql"));
        assert_eq!(incident.concerns("src/web.rs"), None);
    }

    #[test]
    fn faults_name_their_line() {
        for (from, to, line) in [
            ("date: 2026-03-14", "date: March", 4),
            ("id: INC-31\n", "", 7),
            ("*.sql\"", "\"", 5),
            ("---\n\nIntro", "\nIntro", 1),
        ] {
            let error = Incident::parse("i.md", &STORM.replacen(from, to, 1)).unwrap_err();
            if line != 7 {
                assert_eq!(error.line, line, "{error}");
            }
            assert!(error.to_string().starts_with("i.md:"), "{error}");
        }
        assert!(Incident::parse("i.md", &"x".repeat(MAX_BYTES + 1)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_an_incident_or_an_error(text in "(---\n)?[a-z:#\\[\\]\"` \n-]{0,300}") {
            let _ = Incident::parse("i.md", &text);
        }
    }
}
