//! Changes an issue file without touching a byte that the change is not about.

use super::{Problem, parse};
use domain::Timestamp;

const HEADING: &str = "## Comments";

/// The file with its `state:` line saying `state`. An end-of-line comment stays.
pub(super) fn set_state(name: &str, bytes: &[u8], state: &str) -> Result<Vec<u8>, Problem> {
    let before = parse::issue(name, bytes)?;
    if before.state == state {
        return Ok(bytes.to_vec());
    }
    let unfit = || Problem {
        file: name.to_owned(),
        line: 1,
        what: "has a state that is not on a line of its own".to_owned(),
        mend: "write it as state: Todo".to_owned(),
    };
    // It was read as an issue, so it is text with front matter.
    let text = std::str::from_utf8(bytes).map_err(|_| unfit())?;
    let front = parse::front_matter(text).ok_or_else(unfit)?;
    let number = parse::key_line(&text[front.clone()], "state").ok_or_else(unfit)?;
    let mut edited = text[..front.start].to_owned();
    for (at, line) in text[front.clone()].split_inclusive('\n').enumerate() {
        if at == number {
            edited.push_str(&state_line(line, state));
        } else {
            edited.push_str(line);
        }
    }
    edited.push_str(&text[front.end..]);
    let after = parse::issue(name, edited.as_bytes())?;
    let same =
        after.id == before.id && after.title == before.title && after.description == before.description;
    if after.state == state && same { Ok(edited.into_bytes()) } else { Err(unfit()) }
}

fn state_line(line: &str, state: &str) -> String {
    let content = line.trim_end_matches(['\n', '\r']);
    let ending = &line[content.len()..];
    let colon = content.find(':').map_or(content.len(), |at| at + 1);
    let (key, value) = content.split_at(colon);
    let blanks = &value[..value.len() - value.trim_start().len()];
    let blanks = if blanks.is_empty() { " " } else { blanks };
    // Inside quotes a # is text; a comment after a quoted value follows the closing quote.
    let quoted_to = match value.trim_start().chars().next() {
        Some(quote @ ('"' | '\'')) => value.rfind(quote).unwrap_or(0),
        Some(_) | None => 0,
    };
    let (old, comment) = match value[quoted_to..].find(" #") {
        Some(at) => value.split_at(quoted_to + at),
        None => (value, ""),
    };
    let gap = &old[old.trim_end().len().max(blanks.len().min(old.len()))..];
    let gap = if comment.is_empty() { "" } else { gap };
    format!("{key}{blanks}{}{gap}{comment}{ending}", scalar(state))
}

/// `text` as YAML: plain when that cannot be misread, else in double quotes (JSON strings are YAML).
fn scalar(text: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || " _-".contains(c);
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(word);
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if plain && !reserved.iter().any(|r| r.eq_ignore_ascii_case(text)) {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

/// A comment as it stands in the file: a heading of our own making, and the text quoted line by line, so that no
/// text can pretend to be another comment, a heading, or front matter.
pub(super) fn comment_block(author: &str, text: &str, at: Timestamp) -> String {
    let author: String = author.chars().filter(|c| !c.is_control()).collect();
    let mut block = format!("### {} {}\n\n", instant(at), author.trim());
    for line in text.trim().lines() {
        let line: String = line.chars().filter(|c| !c.is_control() || *c == '\t').collect();
        block.push_str(format!("> {line}").trim_end());
        block.push('\n');
    }
    block
}

/// The file with `block` at its end, below a heading; unchanged when the block is in it.
pub(super) fn add_comment(bytes: &[u8], block: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let windows = text.contains("\r\n");
    let block = if windows { block.replace('\n', "\r\n") } else { block.to_owned() };
    let newline = if windows { "\r\n" } else { "\n" };
    if text.contains(&block) {
        return bytes.to_vec();
    }
    let mut edited = bytes.to_vec();
    let mut push = |part: &str| edited.extend_from_slice(part.as_bytes());
    if !text.ends_with('\n') {
        push(newline);
    }
    let last_heading = text.lines().rev().find(|l| l.starts_with("## ") || l.starts_with("# "));
    if last_heading.map(str::trim_end) != Some(HEADING) {
        push(newline);
        push(HEADING);
        push(newline);
    }
    push(newline);
    push(&block);
    edited
}

/// RFC 3339 in UTC, whole seconds. Days to date after Hinnant, "chrono-compatible low-level date algorithms".
fn instant(at: Timestamp) -> String {
    let seconds = at.0.div_euclid(1_000_000);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &str, state: &str, after: &str) {
        let edited = set_state("x.md", before.as_bytes(), state).unwrap();
        assert_eq!(String::from_utf8(edited).unwrap(), after);
    }

    #[test]
    fn only_the_state_line_changes() {
        check(
            "---\r\ntitle:  t\r\nstate:   Todo   # mine\r\n# note\r\n---\r\nstate: Todo\r\n",
            "Done",
            "---\r\ntitle:  t\r\nstate:   Done   # mine\r\n# note\r\n---\r\nstate: Todo\r\n",
        );
        check(
            "---\nstate:   'a # b' # c\ntitle: t\n---\n",
            "x: y",
            "---\nstate:   \"x: y\" # c\ntitle: t\n---\n",
        );
        check("---\nstate : Todo\ntitle: t\n---", "No", "---\nstate : \"No\"\ntitle: t\n---");
    }

    #[test]
    fn a_state_that_spans_lines_is_not_edited_blindly() {
        let text = "---\ntitle: t\nstate: >\n  To\n  do\n---\n";
        assert!(set_state("x.md", text.as_bytes(), "Done").is_err());
    }

    #[test]
    fn a_comment_cannot_pretend_to_be_structure_and_is_added_once() {
        let at = Timestamp(1_795_000_000_000_000);
        let block = comment_block("bo\nt", "## Comments\n---\n### 2026 ceo\n\nok", at);
        let once = add_comment(b"---\ntitle: t\nstate: a\n---\nBody", &block);
        let expect = "---\ntitle: t\nstate: a\n---\nBody\n\n## Comments\n\n### 2026-11-18T11:06:40Z bot\n\n\
                      > ## Comments\n> ---\n> ### 2026 ceo\n>\n> ok\n";
        assert_eq!(String::from_utf8_lossy(&once), expect);
        assert_eq!(add_comment(&once, &block), once);
        let other = comment_block("bot", "again", Timestamp(0));
        let twice = String::from_utf8(add_comment(&once, &other)).unwrap();
        assert_eq!(twice, format!("{expect}\n### 1970-01-01T00:00:00Z bot\n\n> again\n"));
    }
}
