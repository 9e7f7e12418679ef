//! A file of configuration and where in it a byte stands.

use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The most bytes of a configuration file; one with hundreds of agents stays below a tenth of it.
const MAX_BYTES: u64 = 1024 * 1024;

/// A file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its absolute path.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// A stretch within a file. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The first column.
    pub column: usize,
    /// Characters, at least 1, all in that line.
    pub width: usize,
}

impl Source {
    /// Reads the file. Errors: those of the file system, a file of more than 1 MiB, one that is not UTF-8.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut text = String::new();
        std::fs::File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
        if text.len() as u64 > MAX_BYTES {
            return Err(io::Error::other(format!("it is larger than {MAX_BYTES} bytes")));
        }
        Ok(Self { path: path.to_owned(), text })
    }

    /// The directory that relative paths in it start from.
    pub fn dir(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// Where the bytes `span` stand. A span beyond the end stands at the end.
    pub fn place(&self, span: &Range<usize>) -> Place {
        let start = self.boundary(span.start);
        let end = self.boundary(span.end).max(start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
        Place {
            line: self.text[..start].matches('\n').count() + 1,
            column: self.text[line_start..start].chars().count() + 1,
            width: self.text[start..end.min(line_end)].chars().count().max(1),
        }
    }

    /// The text of a line, counted from 1.
    pub fn line(&self, number: usize) -> &str {
        self.text.lines().nth(number.saturating_sub(1)).unwrap_or("")
    }

    /// The nearest start of a character at or before `at`.
    fn boundary(&self, at: usize) -> usize {
        let at = at.min(self.text.len());
        (0..=at).rev().find(|&i| self.text.is_char_boundary(i)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters_and_stays_in_its_line() {
        let source = Source { path: "x".into(), text: "a = 1\nü = \"zwei\nlines\"\n".into() };
        let start = source.text.find('"').unwrap();
        let end = source.text.rfind('"').unwrap() + 1;
        assert_eq!(source.place(&(start..end)), Place { line: 2, column: 5, width: 5 });
        assert_eq!(source.place(&(900..950)), Place { line: 4, column: 1, width: 1 });
    }
}
