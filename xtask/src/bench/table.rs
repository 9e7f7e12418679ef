//! The figures, as rows of a Markdown table.

use std::io::Write;
use std::time::Duration;

/// Figures in the order in which they were measured.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<[String; 3]>,
    part: &'static str,
}

impl Table {
    /// What follows belongs to `part`.
    pub(super) fn begin(&mut self, part: &'static str) {
        self.part = part;
        say(&format!("measuring {part} (load {})", load()));
    }

    /// One figure; it is also told at once, because the next may take minutes.
    pub(super) fn row(&mut self, what: &str, figure: impl Into<String>) {
        let figure = figure.into();
        say(&format!("  {what}: {figure}"));
        self.rows.push([self.part.to_owned(), what.to_owned(), figure]);
    }

    /// To stdout, ready for a document.
    pub(super) fn print(&self) {
        let mut text = String::from("| part | what | figure |\n|---|---|---|\n");
        for [part, what, figure] in &self.rows {
            text.push_str(&format!("| {part} | {what} | {figure} |\n"));
        }
        // When stdout is gone there is nobody to tell.
        let _ = std::io::stdout().write_all(text.as_bytes());
    }
}

/// A line of progress on stderr.
pub(super) fn say(text: &str) {
    // When stderr is gone there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The machine's load over the last minute, as /proc tells it.
pub(super) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}

pub(super) fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

pub(super) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

pub(super) fn mebibytes(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}

/// `part` for each of `whole`, with one decimal; a dash when there is none.
pub(super) fn ratio(part: u64, whole: u64) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{:.1}", part as f64 / whole as f64) }
}
