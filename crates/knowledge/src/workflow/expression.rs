//! Which variables a Liquid expression reads.

use super::strict::fault;
use super::template::Fault;

/// The deepest index within index, and parenthesis.
const MAX_BRACKETS: usize = 8;

/// One variable, read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reading {
    /// The root and the keys below it, as far as they are written out.
    pub path: Vec<String>,
    /// Where, from 1 in the source.
    pub line: u32,
}

/// The variables an expression reads: names that are not words of the language, filters, or their options.
pub(super) fn readings(expression: &str, line: u32) -> Result<Vec<Reading>, Fault> {
    const WORDS: [&str; 17] = [
        "and", "or", "contains", "true", "false", "nil", "null", "empty", "blank", "in", "limit", "offset",
        "reversed", "cols", "with", "as", "by",
    ];
    let chars: Vec<char> = expression.chars().collect();
    let (mut at, mut depth) = (0, 0_usize);
    let mut found = Vec::new();
    let mut before = ' ';
    while at < chars.len() {
        let c = chars[at];
        match c {
            '"' | '\'' => at = skip_string(&chars, at),
            '[' | '(' => {
                depth += 1;
                if depth > MAX_BRACKETS {
                    return Err(fault(line, format!("more than {MAX_BRACKETS} brackets within each other")));
                }
                at += 1;
            }
            ']' | ')' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            _ if c.is_ascii_digit() => at = end_of_name(&chars, at),
            _ if is_name(c) => {
                let (path, end) = path(&chars, at);
                let option = next_visible(&chars, end) == ':' && path.len() == 1;
                let plain_word = path.len() == 1 && WORDS.contains(&path[0].as_str());
                if before != '|' && before != '.' && !option && !plain_word {
                    found.push(Reading { path, line });
                }
                at = end;
            }
            _ => at += 1,
        }
        before = if c.is_whitespace() { before } else { c };
    }
    Ok(found)
}

/// A name and the keys below it; an index that is not a literal key ends it.
fn path(chars: &[char], start: usize) -> (Vec<String>, usize) {
    let mut at = end_of_name(chars, start);
    let mut path = vec![chars[start..at].iter().collect::<String>()];
    loop {
        match chars.get(at) {
            Some('.') if chars.get(at + 1).is_some_and(|c| is_name(*c)) => {
                let end = end_of_name(chars, at + 1);
                path.push(chars[at + 1..end].iter().collect());
                at = end;
            }
            Some('[') if matches!(chars.get(at + 1), Some('"' | '\'')) => {
                let end = skip_string(chars, at + 1);
                if chars.get(end) != Some(&']') {
                    return (path, at);
                }
                path.push(chars[at + 2..end - 1].iter().collect());
                at = end + 1;
            }
            _ => return (path, at),
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn end_of_name(chars: &[char], start: usize) -> usize {
    let part = |c: &char| c.is_alphanumeric() || matches!(*c, '_' | '-');
    start + chars[start..].iter().take_while(|c| part(c)).count().max(1)
}

/// The position after the string that begins at `start`.
fn skip_string(chars: &[char], start: usize) -> usize {
    let quote = chars[start];
    chars[start + 1..].iter().position(|c| *c == quote).map_or(chars.len(), |length| start + length + 2)
}

fn next_visible(chars: &[char], at: usize) -> char {
    chars[at..].iter().copied().find(|c| !c.is_whitespace()).unwrap_or(' ')
}
