//! The pattern of a rule.

use super::Dialect;
use crate::glob::Glob;

/// What a rule matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    glob: Glob,
    reach: Reach,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// The path itself, or everything below it when it is a directory.
    PathOrBelow,
    /// Ends with `/`: only what is below.
    Below,
    /// Ends with `/*`: what is directly in the directory, and nothing deeper.
    Path,
}

/// Cuts a line into its pattern and the rest. A blank after `\` belongs to the pattern.
pub(super) fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        if c.is_whitespace() && !escaped {
            return (&line[..at], &line[at..]);
        }
        escaped = c == '\\' && !escaped;
    }
    (line, "")
}

impl Pattern {
    /// Reads a pattern, or says why it is none in this dialect.
    pub fn new(text: &str, dialect: Dialect) -> Result<Self, String> {
        if dialect == Dialect::GitHub {
            refuse_unsupported(text)?;
        }
        let text = if dialect == Dialect::GitLab && text == "/" { "/**" } else { text };
        // A slash at the beginning or in the middle anchors; one at the end only says "directory".
        let inner = text.strip_suffix('/').unwrap_or(text);
        let anchored = inner.contains('/');
        let glob = Glob::new(text).map_err(|error| error.to_string())?;
        let last = inner.rsplit('/').next().unwrap_or_default();
        let reach = if text.ends_with('/') {
            Reach::Below
        } else if last == "*" && anchored {
            Reach::Path
        } else {
            Reach::PathOrBelow
        };
        Ok(Self { glob: if anchored { glob } else { glob.anywhere() }, reach })
    }

    /// Whether the rule speaks of `path`.
    pub fn matches(&self, path: &str) -> bool {
        match self.reach {
            Reach::PathOrBelow => self.glob.matches_or_contains(path),
            Reach::Below => self.glob.contains(path),
            Reach::Path => self.glob.matches(path),
        }
    }
}

fn refuse_unsupported(text: &str) -> Result<(), String> {
    if text.starts_with('!') {
        return Err("patterns that begin with ! are not supported by GitHub".to_owned());
    }
    if text.starts_with("\\#") {
        return Err("patterns that begin with \\# are not supported by GitHub".to_owned());
    }
    if text.contains('[') || text.contains(']') {
        return Err("[ ] in patterns is not supported by GitHub".to_owned());
    }
    Ok(())
}
