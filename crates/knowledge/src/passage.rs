//! Finds the passages of a team's knowledge that a change should be read against.
//!
//! Deterministic and plain on purpose: a reviewer must be able to say why a passage was shown. A passage is a
//! section of a file. It scores for a path pattern of its incident that the change touches, for each keyword and for
//! each telling identifier that the added lines share with it.

use crate::incident::{Incident, Section, sections};
use crate::{front, glob};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The most passages in one answer; a reviewer reads no more.
pub const MAX_PASSAGES: usize = 12;
/// The most bytes of all passages together.
pub const MAX_BYTES: usize = 24 * 1024;
/// The most bytes of one passage; the rest is cut.
const MAX_PASSAGE_BYTES: usize = 6 * 1024;
/// Files beyond this size are not looked into.
const MAX_FILE_BYTES: usize = 256 * 1024;
/// The most files that are looked into.
const MAX_FILES: usize = 2_000;
/// The most bytes of added lines that identifiers are taken from.
const MAX_ADDED_BYTES: usize = 1024 * 1024;
/// Shorter words say nothing.
const MIN_WORD: usize = 4;
/// The most shared identifiers that are named as a reason.
const MAX_SHOWN: usize = 5;

const PATH_SCORE: u32 = 100;
const KEYWORD_SCORE: u32 = 30;
const WORD_SCORE: u32 = 4;
/// Shared words alone must be at least this many.
const MIN_WORDS: usize = 2;

/// One file of knowledge.
#[derive(Clone, Copy, Debug)]
pub struct Knowledge<'a> {
    /// Its path in the repository.
    pub path: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// A passage worth reading, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// Its file.
    pub file: String,
    /// First line, from 1.
    pub line_start: u32,
    /// Last line.
    pub line_end: u32,
    /// Heading and text, cut at 6 KiB.
    pub text: String,
    /// The reasons, best first.
    pub why: Vec<String>,
}

/// The best passages for a change that touches `paths` and adds `added` lines, best first; ties in the order of
/// file and line.
pub fn find(knowledge: &[Knowledge<'_>], paths: &[String], added: &[String]) -> Vec<Passage> {
    let change = Change::new(paths, added);
    let mut scored: Vec<(u32, Passage)> = Vec::new();
    for file in knowledge.iter().take(MAX_FILES).filter(|f| f.text.len() <= MAX_FILE_BYTES) {
        scored.extend(change.passages_of(file));
    }
    scored.sort_by(|(a, x), (b, y)| {
        b.cmp(a).then_with(|| (&x.file, x.line_start).cmp(&(&y.file, y.line_start)))
    });
    let mut left = MAX_BYTES;
    let fits = |(_, passage): (u32, Passage)| {
        let size = passage.text.len();
        let fits = size <= left;
        left -= if fits { size } else { 0 };
        fits.then_some(passage)
    };
    scored.into_iter().filter_map(fits).take(MAX_PASSAGES).collect()
}

struct Change<'a> {
    paths: &'a [String],
    /// The added lines, lower case.
    text: String,
    words: BTreeSet<String>,
}

impl<'a> Change<'a> {
    fn new(paths: &'a [String], added: &[String]) -> Self {
        let mut text = String::new();
        for line in added {
            if text.len() + line.len() > MAX_ADDED_BYTES {
                break;
            }
            text.push_str(line);
            text.push('\n');
        }
        let words = words(&text);
        Self { paths, text: text.to_lowercase(), words }
    }

    fn passages_of(&self, file: &Knowledge<'_>) -> Vec<(u32, Passage)> {
        let incident = Incident::parse(file.path, file.text).ok();
        let parts = front::split(file.text);
        let mut whole_why = Vec::new();
        let mut whole_score = 0;
        if let Some(incident) = &incident {
            if let Some((path, pattern)) = self.concerned(incident) {
                whole_why.push(format!("{} concerns {pattern}, and the change touches {path}", incident.id));
                whole_score += PATH_SCORE;
            }
            for keyword in incident.keywords.iter().filter(|k| self.mentions(k)) {
                whole_why.push(format!("{} names {keyword}, as the added lines do", incident.id));
                whole_score += KEYWORD_SCORE;
            }
        }
        let sections = sections(parts.body, parts.body_line);
        let passages = sections.iter().filter(|s| !s.text.is_empty());
        passages.filter_map(|section| self.score(file, section, whole_score, &whole_why)).collect()
    }

    fn score(
        &self,
        file: &Knowledge<'_>,
        section: &Section,
        whole_score: u32,
        whole_why: &[String],
    ) -> Option<(u32, Passage)> {
        let mut why = whole_why.to_vec();
        let shared: Vec<String> = words(&section.text).intersection(&self.words).cloned().collect();
        let mut score = whole_score;
        if shared.len() >= MIN_WORDS || (whole_score > 0 && !shared.is_empty()) {
            score += WORD_SCORE * u32::try_from(shared.len()).unwrap_or(u32::MAX / WORD_SCORE).min(10);
            let shown: Vec<_> = shared.iter().take(MAX_SHOWN).cloned().collect();
            why.push(format!("shares {} with the added lines", shown.join(", ")));
        }
        if score == 0 {
            return None;
        }
        let heading =
            if section.heading.is_empty() { String::new() } else { format!("{}\n", section.heading) };
        let text = cut(&format!("{heading}{}", section.text), MAX_PASSAGE_BYTES).to_owned();
        let (line_start, line_end) = (section.line_start, section.line_end);
        Some((score, Passage { file: file.path.to_owned(), line_start, line_end, text, why }))
    }

    fn concerned<'b>(&self, incident: &'b Incident) -> Option<(&str, &'b str)> {
        let paths = self.paths.iter().filter(|p| p.len() <= glob::MAX_PATH_BYTES);
        paths.map(String::as_str).find_map(|path| Some((path, incident.concerns(path)?)))
    }

    /// A keyword of one plain word must stand in the added lines as a word or as a part of an identifier; any
    /// other keyword as it is.
    fn mentions(&self, keyword: &str) -> bool {
        let keyword = keyword.trim().to_lowercase();
        let plain = keyword.chars().all(char::is_alphanumeric);
        if keyword.is_empty() {
            return false;
        }
        if plain {
            self.words.contains(&keyword) || has_word(&self.text, &keyword)
        } else {
            self.text.contains(&keyword)
        }
    }
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric()).any(|found| found == word)
}

/// Identifiers and their parts, lower case: `maxRetries` is `maxretries`, `retries`. Words every text has are
/// left out.
fn words(text: &str) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for word in text.split(|c: char| !(c.is_alphanumeric() || c == '_')) {
        let whole = word.trim_matches('_').to_lowercase();
        for part in parts(word).into_iter().chain([whole]) {
            if part.chars().count() >= MIN_WORD && part.len() <= 80 && !COMMON.contains(&part.as_str()) {
                *counts.entry(part).or_default() += 1;
            }
        }
    }
    counts.into_keys().filter(|w| !w.chars().all(|c| c.is_ascii_digit() || c == '_')).collect()
}

fn parts(word: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut before_lower = false;
    for c in word.chars() {
        if c == '_' || (c.is_uppercase() && before_lower) {
            found.push(String::new());
        }
        before_lower = c.is_lowercase() || c.is_ascii_digit();
        if let Some(last) = found.last_mut().filter(|_| c != '_') {
            last.extend(c.to_lowercase());
        }
    }
    found
}

fn cut(text: &str, limit: usize) -> &str {
    let end = (0..=text.len().min(limit)).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// Words of English and of most languages that say nothing about a change.
const COMMON: &[&str] = &[
    "about", "after", "again", "also", "always", "assert", "async", "await", "because", "been", "before",
    "being", "bool", "break", "case", "catch", "class", "code", "const", "continue", "could", "default",
    "does", "done", "each", "else", "enum", "error", "even", "every", "false", "file", "final", "first",
    "float", "from", "function", "have", "here", "impl", "import", "include", "into", "just", "last", "like",
    "line", "list", "long", "made", "make", "match", "more", "most", "must", "name", "need", "never", "none",
    "null", "only", "other", "over", "print", "private", "public", "return", "same", "self", "should",
    "some", "static", "string", "struct", "such", "super", "than", "that", "them", "then", "there", "these",
    "they", "this", "true", "type", "under", "until", "used", "value", "very", "void", "want", "were",
    "what", "when", "where", "which", "while", "will", "with", "without", "would", "your",
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STORM: &str = "---\nid: INC-31\ntitle: Retry storm\ndate: 2026-03-14\npaths: [\"src/pay/**\"]\nkeywords: [retry]\n\
                         ---\n## Cause\nretry_charge had no backoff_limit.\n## Timeline\n10:00 page\n";
    const GUIDE: &str = "# Guide\nUse backoff_limit in retry_charge.\n\n# Colours\nBlue.\n";

    fn files() -> [Knowledge<'static>; 2] {
        [Knowledge { path: "t/guide.md", text: GUIDE }, Knowledge { path: "t/inc.md", text: STORM }]
    }

    fn found(paths: &[&str], added: &[&str]) -> Vec<(String, u32, u32)> {
        let own = |texts: &[&str]| texts.iter().map(|&t| t.to_owned()).collect::<Vec<_>>();
        let passages = find(&files(), &own(paths), &own(added));
        passages.into_iter().map(|p| (p.file, p.line_start, p.line_end)).collect()
    }

    #[test]
    fn the_incident_comes_first_its_cause_before_its_timeline_then_shared_words() {
        let found = found(&["src/pay/charge.rs"], &["    retryCharge(backoff_limit);"]);
        let expect = [("t/inc.md", 8, 9), ("t/inc.md", 10, 11), ("t/guide.md", 1, 2)];
        assert_eq!(found, expect.map(|(f, a, b)| (f.to_owned(), a, b)));
    }

    #[test]
    fn a_change_that_has_nothing_to_do_with_it_finds_nothing() {
        assert!(found(&["src/web.rs"], &["let colour = 1;"]).is_empty());
        assert!(found(&[], &[]).is_empty());
    }

    #[test]
    fn the_reasons_can_be_checked() {
        let passages = find(&files(), &["src/pay/a.rs".into()], &["retry".into()]);
        assert_eq!(passages[0].why[0], "INC-31 concerns src/pay/**, and the change touches src/pay/a.rs");
        assert_eq!(passages[0].why[1], "INC-31 names retry, as the added lines do");
    }

    #[test]
    fn the_answer_is_bounded() {
        let long = format!("# A\nretry_charge backoff_limit {}\n", "x ".repeat(10_000));
        let many: Vec<_> = (0..50).map(|_| Knowledge { path: "a.md", text: &long }).collect();
        let passages = find(&many, &[], &["retry_charge backoff_limit".into()]);
        assert!(passages.iter().map(|p| p.text.len()).sum::<usize>() <= MAX_BYTES);
        assert!(!passages.is_empty() && passages.len() <= MAX_PASSAGES);
    }

    proptest! {
        #[test]
        fn any_text_is_searched(text in "(---\n)?\\PC{0,200}", added in "\\PC{0,200}") {
            let files = [Knowledge { path: "a.md", text: &text }];
            let again = || find(&files, &["a".to_owned()], std::slice::from_ref(&added));
            prop_assert_eq!(again(), again());
        }
    }
}
