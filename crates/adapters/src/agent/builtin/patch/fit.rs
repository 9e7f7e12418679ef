//! Fits the chunks of an update to the text of its file.
//!
//! Lines are sought exactly, then without trailing blanks, then without blanks at either end: models get blanks
//! wrong. Kept lines stay as the file has them.

use super::Error;
use super::parse::{Chunk, Edit};

type Same = fn(&str, &str) -> bool;

const EVER_LAXER: [Same; 3] =
    [|a, b| a == b, |a, b| a.trim_end() == b.trim_end(), |a, b| a.trim() == b.trim()];

/// The new text. It ends with a newline, as Codex has it.
pub(super) fn fit(path: &str, text: &str, chunks: &[Chunk]) -> Result<String, Error> {
    let old: Vec<&str> = text.split_terminator('\n').collect();
    let returns = old.first().is_some_and(|line| line.ends_with('\r'));
    let mut new: Vec<String> = Vec::new();
    let mut at = 0;
    for chunk in chunks {
        let place = place(&old, at, chunk).ok_or_else(|| not_found(path, chunk))?;
        new.extend(old[at..place].iter().map(|line| (*line).to_owned()));
        at = place;
        for edit in &chunk.lines {
            match edit {
                Edit::Keep(_) => {
                    new.push(old[at].to_owned());
                    at += 1;
                }
                Edit::Remove(_) => at += 1,
                Edit::Insert(line) if returns => new.push(format!("{line}\r")),
                Edit::Insert(line) => new.push(line.clone()),
            }
        }
    }
    new.extend(old[at..].iter().map(|line| (*line).to_owned()));
    new.push(String::new());
    Ok(if new.len() == 1 { String::new() } else { new.join("\n") })
}

/// Where a chunk's lines start, at or after `from`.
fn place(old: &[&str], from: usize, chunk: &Chunk) -> Option<usize> {
    let from = match &chunk.after {
        Some(after) => seek(old, from, &[after.as_str()])? + 1,
        None => from,
    };
    let sought: Vec<&str> = chunk.lines.iter().filter_map(sought).collect();
    if sought.is_empty() {
        // Nothing to hold on to: after the named line, or at the end.
        return Some(if chunk.after.is_some() && !chunk.at_end { from } else { old.len() });
    }
    if chunk.at_end {
        let last = old.len().checked_sub(sought.len()).filter(|start| *start >= from)?;
        return seek(old, last, &sought);
    }
    seek(old, from, &sought)
}

fn sought(edit: &Edit) -> Option<&str> {
    match edit {
        Edit::Keep(line) | Edit::Remove(line) => Some(line),
        Edit::Insert(_) => None,
    }
}

fn seek(old: &[&str], from: usize, lines: &[&str]) -> Option<usize> {
    let last = old.len().checked_sub(lines.len())?;
    EVER_LAXER.iter().find_map(|same| {
        (from..=last).find(|start| lines.iter().zip(&old[*start..]).all(|(want, have)| same(want, have)))
    })
}

fn not_found(path: &str, chunk: &Chunk) -> Error {
    let lines: Vec<&str> =
        chunk.after.as_deref().into_iter().chain(chunk.lines.iter().filter_map(sought)).collect();
    Error::NotFound { path: path.to_owned(), lines: lines.join("\n") }
}
