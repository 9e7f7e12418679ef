//! What people and programs see of a command.
//!
//! Invariants: with `--json` only [`Ui::document`] writes to stdout; texts that came from elsewhere (titles, agents'
//! words) lose their control characters before they reach a terminal; colours go to terminals only, and not
//! when `NO_COLOR` is set.

use base::env::Env;
use domain::MicroUsd;
use domain::call::Usage;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

/// A terminal's colours, by what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Wrong.
    Bad,
    /// Worth a look.
    Warn,
    /// Less important.
    Dim,
    /// More important.
    Bold,
}

/// Where output goes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ui {
    json: bool,
    colour_out: bool,
    colour_err: bool,
}

impl Ui {
    /// Output of this process.
    pub fn new(json: bool, env: &Env) -> Self {
        let allowed = env.get("NO_COLOR").is_none_or(|value| value.is_empty())
            && env.get("TERM").is_none_or(|term| term != "dumb");
        Self {
            json,
            colour_out: allowed && !json && io::stdout().is_terminal(),
            colour_err: allowed && io::stderr().is_terminal(),
        }
    }

    /// Whether one JSON document is wanted.
    pub fn json(&self) -> bool {
        self.json
    }

    /// The one document; nothing without `--json`.
    pub fn document<T: Serialize>(&self, value: &T) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, value)?;
        writeln!(out)?;
        out.flush()
    }

    /// One document of a stream of documents, in one line; nothing without `--json`.
    pub fn document_line<T: Serialize>(&self, value: &T) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, value)?;
        writeln!(out)?;
        out.flush()
    }

    /// A line for people on stdout; nothing with `--json`. Control characters are the caller's business: texts
    /// from elsewhere go through [`clean`] first.
    pub fn line(&self, text: impl AsRef<str>) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        writeln!(out, "{}", text.as_ref())?;
        out.flush()
    }

    /// A line for people on stderr: progress, notes.
    pub fn note(&self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(io::stderr().lock(), "{}", text.as_ref())
    }

    /// `error: …` and, if there is one, `hint: …` on stderr.
    pub fn error(&self, message: &str, hint: &str) -> io::Result<()> {
        let mut err = io::stderr().lock();
        writeln!(err, "{} {}", paint("error:", Tone::Bad, self.colour_err), clean_lines(message))?;
        if hint.is_empty() {
            return Ok(());
        }
        writeln!(err, "{} {}", paint("hint:", Tone::Bold, self.colour_err), clean_lines(hint))
    }

    /// `text` in a tone, when stdout shows colours.
    pub fn tone(&self, text: &str, tone: Tone) -> String {
        paint(text, tone, self.colour_out)
    }

    /// A table with a line of headings. The last column is not padded. Cells lose their control characters.
    pub fn table(&self, headings: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
        for (number, line) in table(headings, rows).iter().enumerate() {
            if number == 0 { self.line(self.tone(line, Tone::Dim))? } else { self.line(line)? }
        }
        Ok(())
    }
}

/// The text without control characters, so that it cannot move a terminal's cursor or break a table.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_format(c) { ' ' } else { c }).collect()
}

/// The same for a text of several lines, which stay lines.
pub fn clean_lines(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
}

/// Direction marks and other invisible characters that make a text look like another.
fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The first `width` characters, with `…` when there are more.
pub fn short(text: &str, width: usize) -> String {
    let clean = clean(text);
    if clean.chars().count() <= width {
        return clean;
    }
    let mut cut: String = clean.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// `1.2k in, 340 out`, with the cached part when there is one.
pub fn tokens(usage: Usage) -> String {
    let mut text = format!("{} in", count(usage.input));
    if usage.cached > 0 {
        let _ = write!(text, " ({} cached)", count(usage.cached));
    }
    let _ = write!(text, ", {} out", count(usage.output));
    text
}

/// The cost, marked when a rehearsal answered: then it is not real money.
pub fn cost(cost: MicroUsd, rehearsal: bool) -> String {
    if rehearsal { format!("{cost} (rehearsal)") } else { cost.to_string() }
}

/// `850 ms`, `12.3 s`, `4 min`.
pub fn millis(ms: u64) -> String {
    match ms {
        0..=999 => format!("{ms} ms"),
        1_000..=119_999 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} min", ms / 60_000),
    }
}

fn count(number: u64) -> String {
    match number {
        0..=9_999 => number.to_string(),
        10_000..=9_999_999 => format!("{}k", number / 1_000),
        _ => format!("{}M", number / 1_000_000),
    }
}

fn paint(text: &str, tone: Tone, colour: bool) -> String {
    if !colour {
        return text.to_owned();
    }
    let code = match tone {
        Tone::Good => "32",
        Tone::Bad => "31;1",
        Tone::Warn => "33",
        Tone::Dim => "2",
        Tone::Bold => "1",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

fn table(headings: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let head: Vec<String> = headings.iter().map(|&h| h.to_owned()).collect();
    let rows: Vec<Vec<String>> =
        std::iter::once(head).chain(rows.iter().map(|row| row.iter().map(|c| clean(c)).collect())).collect();
    let width = |column: usize| rows.iter().filter_map(|r| r.get(column)).map(|c| c.chars().count()).max();
    let widths: Vec<usize> = (0..headings.len()).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_its_columns_up() {
        let rows =
            vec![vec!["r1".into(), "Größe".into(), "x".into()], vec!["run22".into(), "b".into(), "y".into()]];
        assert_eq!(
            table(&["RUN", "TITLE", "Z"], &rows),
            ["RUN    TITLE  Z", "r1     Größe  x", "run22  b      y"]
        );
    }

    #[test]
    fn a_title_cannot_move_the_cursor() {
        assert_eq!(clean("a\u{1b}[2Jb\u{202e}c\nd"), "a [2Jb c d");
        assert_eq!(short("abcdef", 4), "abc…");
    }

    #[test]
    fn colours_are_for_terminals() {
        assert_eq!(paint("x", Tone::Bad, false), "x");
        assert!(paint("x", Tone::Bad, true).contains("\u{1b}["));
    }

    #[test]
    fn spans_of_time_are_short() {
        assert_eq!([millis(850), millis(12_345), millis(240_000)], ["850 ms", "12.3 s", "4 min"]);
    }
}
