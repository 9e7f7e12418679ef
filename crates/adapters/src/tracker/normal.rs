//! Makes what a provider sent into what an [`Issue`] holds (Symphony's specification, 11.3).
//!
//! Invariants: no control character and no text without end gets past here; a field that may be missing is missing
//! when it cannot be used, and never hides the issue; a link leads to http or https and nowhere else.

use super::Remark;
use base::digest::sha256_hex;
use domain::issue::{Blocker, Issue};
use domain::{IssueId, Timestamp};
use serde_json::{Value, json};

/// The most bytes of an id, identifier or state; providers stay far below.
const MAX_NAME: usize = 200;
/// The most characters of a title that are kept.
const MAX_TITLE: usize = 300;
/// The most bytes of a body that are kept; GitHub takes 64 Ki characters, which may be 256 KiB.
const MAX_BODY: usize = 256 * 1024;
/// The most labels, and the most blockers, that are kept.
const MAX_ITEMS: usize = 200;
/// The most bytes of a link.
const MAX_LINK: usize = 2_048;

/// A name as the provider spells it, without control characters and outer blanks; `None` when nothing usable is
/// left, and then the record is no issue.
pub(super) fn name(value: &Value) -> Option<String> {
    let text = one_line(value.as_str()?);
    (!text.is_empty() && text.len() <= MAX_NAME).then_some(text)
}

/// A title: one line.
pub(super) fn title(value: &Value) -> Option<String> {
    let text: String = one_line(value.as_str()?).chars().take(MAX_TITLE).collect();
    Some(text).filter(|text| !text.is_empty())
}

/// A body: lines and tabs are kept, other control characters are not.
pub(super) fn body(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let kept: String = text.chars().filter(|c| !is_hostile(*c) || matches!(c, '\n' | '\t')).collect();
    let mut end = kept.len().min(MAX_BODY);
    while !kept.is_char_boundary(end) {
        end -= 1;
    }
    let kept = kept[..end].trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// Labels: trimmed, lowercase, each once. What is no text is left out.
pub(super) fn labels<'a>(values: impl Iterator<Item = &'a Value>) -> Vec<String> {
    let mut labels: Vec<String> = vec![];
    for label in values.filter_map(name).map(|label| label.to_lowercase()).take(MAX_ITEMS) {
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    labels
}

/// An instant in RFC 3339.
pub(super) fn instant(value: &Value) -> Option<Timestamp> {
    let at = value.as_str()?.parse::<jiff::Timestamp>().ok()?;
    Some(Timestamp(at.as_microsecond()))
}

/// An address that a page may link to.
pub(super) fn link(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    let uri: hyper::Uri = text.parse().ok().filter(|_| text.len() <= MAX_LINK)?;
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    let harmless = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    (web && harmless && !text.contains(['"', '<', '>', '\\', '`'])).then(|| text.to_owned())
}

/// Those blockers that say anything at all.
pub(super) fn blockers(blockers: impl Iterator<Item = Blocker>) -> Vec<Blocker> {
    blockers.filter(|blocker| *blocker != Blocker::default()).take(MAX_ITEMS).collect()
}

/// A native reference: the fields that are plain values, never more than an id needs.
pub(super) fn native_ref(fields: &[(&str, &Value)]) -> Option<Value> {
    let plain =
        |value: &Value| value.is_number() || value.as_str().is_some_and(|text| text.len() <= MAX_NAME);
    let kept = fields.iter().filter(|(_, value)| plain(value));
    let object: serde_json::Map<_, _> =
        kept.map(|(key, value)| ((*key).to_owned(), (*value).clone())).collect();
    (!object.is_empty()).then_some(Value::Object(object))
}

/// Gives the issue its version: it changes whenever anything that the provider said of it does. What it waits for and
/// whether it is withheld follow from other issues and from settings, and are no part of it.
pub(super) fn stamp(issue: Issue) -> Issue {
    let said = Issue { version: String::new(), withheld: None, blocked_by: vec![], ..issue.clone() };
    let text = serde_json::to_vec(&said).expect("an issue is texts, numbers and lists of them");
    Issue { version: sha256_hex(&text), ..issue }
}

/// What makes the same remark under the same issue one remark: 64 hex digits.
pub(super) fn remark_key(issue: &IssueId, remark: &Remark) -> String {
    let parts = json!([issue.as_str(), remark.author, remark.text, remark.at.0]);
    sha256_hex(parts.to_string().as_bytes())
}

/// Text without control characters, such as those that draw on a terminal, and without outer blanks.
pub(super) fn one_line(text: &str) -> String {
    text.chars().filter(|c| !is_hostile(*c)).collect::<String>().trim().to_owned()
}

/// Control characters, and those that turn the direction of what follows, so that a line reads as what it is not.
fn is_hostile(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_web_addresses_are_links() {
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "/x",
            "x",
            "",
            "https://",
            "https://a b",
            "https://user:pass@host/",
            "https://host/\"onclick=",
            "ftp://host/x",
            "http:\n//x",
        ] {
            assert_eq!(link(&json!(bad)), None, "{bad:?}");
        }
        assert_eq!(link(&json!(" https://host/x?y=1 ")).as_deref(), Some("https://host/x?y=1"));
        assert_eq!(link(&json!(7)), None);
    }

    #[test]
    fn labels_are_lowercase_and_once_and_what_is_no_text_is_left_out() {
        let given = [json!(" Bug "), json!("bug"), json!("  "), json!(7), json!(null), json!("Web\u{1b}[0m")];
        assert_eq!(labels(given.iter()), ["bug", "web[0m"]);
    }

    #[test]
    fn a_version_changes_with_what_was_said_and_not_with_what_follows_from_others() {
        let issue = Issue::new("1".into(), "A-1", "t", "Todo");
        let version = |issue: &Issue| stamp(issue.clone()).version;
        let waiting =
            Issue { withheld: Some("waits".into()), blocked_by: vec![Blocker::default()], ..issue.clone() };
        assert_eq!(version(&issue), version(&waiting));
        assert_eq!(stamp(waiting.clone()).withheld, waiting.withheld);
        let labelled = Issue { labels: vec!["x".into()], ..issue.clone() };
        let later = Issue { updated_at: Some(Timestamp(1)), ..issue.clone() };
        let mut seen = vec![version(&issue), version(&labelled), version(&later)];
        seen.dedup();
        assert_eq!(seen.len(), 3);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_none_keeps_a_control_character(text in any::<String>()) {
            let value = json!(text);
            for kept in [name(&value), title(&value), link(&value)].into_iter().flatten() {
                prop_assert!(!kept.is_empty() && !kept.chars().any(char::is_control));
            }
            let kept = body(&value).unwrap_or_default();
            prop_assert!(!kept.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
            let _ = instant(&value);
        }
    }
}
