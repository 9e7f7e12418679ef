//! What is wrong with a configuration, where, and how to mend it. All problems are collected, none is thrown.
//!
//! Invariant: no rendering shows a secret. An excerpt shows the offending stretch and no other text in quotes;
//! a stretch that may itself be a secret is hidden as well.

use super::source::{Place, Source};
use serde::Serialize;
use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing starts.
    Error,
    /// Worth a look.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad.
    pub severity: Severity,
    /// In which file.
    pub file: PathBuf,
    /// In which line, from 1; absent when the whole file is meant.
    pub line: Option<usize>,
    /// At which character of the line, from 1.
    pub column: Option<usize>,
    /// The key, such as `agents.author.budget`; empty when none is meant.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
    /// The line as far as it may be shown, and how many characters to underline.
    #[serde(skip)]
    excerpt: Option<(String, usize)>,
}

/// What of the offending line may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// The stretch itself; other text in quotes is hidden.
    Stretch,
    /// Nothing after the `=`: the stretch may be a secret.
    NameOnly,
}

impl Problem {
    /// A problem with a whole file.
    pub fn of_file(file: &Path, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: file.to_owned(),
            line: None,
            column: None,
            key: String::new(),
            what: what.into(),
            mend: mend.into(),
            excerpt: None,
        }
    }

    /// A problem with the stretch `span` of `source`.
    pub fn at(source: &Source, span: &Range<usize>, show: Show) -> Self {
        let place = source.place(span);
        let mut problem = Self::of_file(&source.path, "", "");
        (problem.line, problem.column) = (Some(place.line), Some(place.column));
        problem.excerpt = Some(excerpt(source.line(place.line), &place, show));
        problem
    }

    /// A problem that another crate told in words of its own: `what; mend`, in a file at a line.
    pub fn told(file: &Path, line: usize, text: &str) -> Self {
        let (what, mend) = text.split_once("; ").unwrap_or((text, ""));
        Self { line: Some(line), column: Some(1), ..Self::of_file(file, what, mend) }
    }

    /// The same problem, said.
    #[must_use]
    pub fn saying(mut self, key: &str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        (self.key, self.what, self.mend) = (key.to_owned(), what.into(), mend.into());
        self
    }

    /// The same problem as a warning.
    #[must_use]
    pub fn warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{severity}: {}", self.what)?;
        write!(f, "  --> {}", self.file.display())?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        if !self.key.is_empty() {
            write!(f, " ({})", self.key)?;
        }
        if let (Some((text, width)), Some(line), Some(column)) = (&self.excerpt, self.line, self.column) {
            let number = line.to_string();
            let margin = " ".repeat(number.len());
            let indent = " ".repeat(column.saturating_sub(1));
            write!(f, "\n{margin} |\n{number} | {text}\n{margin} | {indent}{}", "^".repeat(*width))?;
        }
        if self.mend.is_empty() { Ok(()) } else { write!(f, "\n  mend: {}", self.mend) }
    }
}

fn excerpt(line: &str, place: &Place, show: Show) -> (String, usize) {
    let chars: Vec<char> = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let start = (place.column - 1).min(chars.len());
    let end = (start + place.width).min(chars.len());
    let more = if end < chars.len() { " …" } else { "" };
    let before: String = hidden(&chars[..start]);
    match show {
        Show::Stretch => {
            let stretch: String = chars[start..end].iter().collect();
            (format!("{before}{stretch}{more}"), place.width)
        }
        Show::NameOnly => (format!("{before}…"), 1),
    }
}

/// The text with everything from its first quote on made unreadable, at the same width.
fn hidden(chars: &[char]) -> String {
    let quote = chars.iter().position(|c| matches!(c, '"' | '\'')).unwrap_or(chars.len());
    chars.iter().enumerate().map(|(at, &c)| if at < quote { c } else { '·' }).collect()
}

/// Collects problems while the configuration is read.
#[derive(Debug, Default)]
pub struct Report(RefCell<Vec<Problem>>);

impl Report {
    /// Takes a problem in.
    pub fn add(&self, problem: Problem) {
        self.0.borrow_mut().push(problem);
    }

    /// Whether anything so far keeps the program from starting.
    pub fn failed(&self) -> bool {
        self.0.borrow().iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Every problem: errors first, then by file, line and column.
    pub fn into_problems(self) -> Vec<Problem> {
        let mut all = self.0.into_inner();
        all.sort_by(|a, b| {
            let key = |p: &Problem| (p.severity, p.file.clone(), p.line, p.column);
            key(a).cmp(&key(b))
        });
        all.dedup();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_hides_text_that_is_not_meant() {
        let source =
            Source { path: "s.toml".into(), text: "x = { key = \"sk-abc\", nme = \"sk-def\" }\n".into() };
        let at = source.text.find("nme").unwrap();
        let shown = Problem::at(&source, &(at..at + 3), Show::Stretch).saying("x.nme", "w", "m").to_string();
        assert_eq!(
            shown,
            "error: w\n  --> s.toml:1:23 (x.nme)\n  |\n1 | x = { key = ··········nme …\n  |                       ^^^\n  mend: m"
        );
    }

    #[test]
    fn a_secret_is_never_shown() {
        let source = Source { path: "s.toml".into(), text: "key = \"sk-abc\"\n".into() };
        let shown = Problem::at(&source, &(6..14), Show::NameOnly).saying("key", "w", "m").to_string();
        assert!(shown.contains("1 | key = …\n") && !shown.contains("sk-abc"), "{shown}");
    }
}
