//! Path patterns as `.gitignore` and CODEOWNERS write them: `*` and `?` stay within a part of the path, `**` is
//! any number of parts, `\` takes the next character as it is.
//!
//! Matching is by dynamic programming without backtracking: at most pattern length times path length steps.

/// Longer patterns are refused by [`Glob::new`]; nobody writes them by hand.
pub const MAX_PATTERN_BYTES: usize = 1_024;
/// Deeper patterns are refused by [`Glob::new`].
pub const MAX_PARTS: usize = 64;
/// Longer paths match nothing; no file system holds them.
pub const MAX_PATH_BYTES: usize = 4_096;

/// A checked pattern over whole paths such as `src/a/b.rs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// `**`: any number of parts, also none.
    Any,
    One(Vec<Token>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Char(char),
    /// `?`
    AnyChar,
    /// `*`
    AnyChars,
}

/// Why a text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing, or only slashes.
    #[error("the pattern is empty")]
    Empty,
    /// Too long or too deep.
    #[error("the pattern is longer than {MAX_PATTERN_BYTES} bytes or deeper than {MAX_PARTS} directories")]
    TooLong,
    /// A `\` with nothing after it.
    #[error("the pattern ends with a backslash that escapes nothing")]
    Escape,
}

impl Glob {
    /// The pattern `text`, matched against whole paths: `src/*.rs` is no match for `x/src/a.rs`. Outer slashes
    /// are not looked at.
    pub fn new(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_PATTERN_BYTES {
            return Err(Error::TooLong);
        }
        let mut parts = Vec::new();
        for part in text.split('/').filter(|part| !part.is_empty()) {
            if parts.len() == MAX_PARTS {
                return Err(Error::TooLong);
            }
            if part == "**" {
                if parts.last() != Some(&Part::Any) {
                    parts.push(Part::Any);
                }
            } else {
                parts.push(Part::One(tokens(part)?));
            }
        }
        if parts.is_empty() { Err(Error::Empty) } else { Ok(Self { parts }) }
    }

    /// The pattern at any depth: `**/` before it.
    #[must_use]
    pub fn anywhere(mut self) -> Self {
        if self.parts.first() != Some(&Part::Any) {
            self.parts.insert(0, Part::Any);
        }
        self
    }

    /// Whether `path` matches as a whole.
    pub fn matches(&self, path: &str) -> bool {
        self.ends(path).is_some_and(|(ends, count)| ends[count])
    }

    /// Whether a directory above `path` matches, or `path` itself.
    pub fn matches_or_contains(&self, path: &str) -> bool {
        self.ends(path).is_some_and(|(ends, count)| ends[1..=count].contains(&true))
    }

    /// Whether a directory above `path` matches.
    pub fn contains(&self, path: &str) -> bool {
        self.ends(path)
            .is_some_and(|(ends, count)| ends.get(1..count).is_some_and(|dirs| dirs.contains(&true)))
    }

    /// For each number of leading parts of `path` whether the whole pattern matches them, and how many there are.
    fn ends(&self, path: &str) -> Option<(Vec<bool>, usize)> {
        if path.len() > MAX_PATH_BYTES {
            return None;
        }
        let path: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let mut now = vec![false; path.len() + 1];
        now[0] = true;
        for part in &self.parts {
            let mut next = vec![false; path.len() + 1];
            match part {
                Part::Any => {
                    let mut reached = false;
                    for (at, next) in next.iter_mut().enumerate() {
                        reached |= now[at];
                        *next = reached;
                    }
                }
                Part::One(tokens) => {
                    for (at, name) in path.iter().enumerate() {
                        next[at + 1] = now[at] && name_matches(tokens, name);
                    }
                }
            }
            now = next;
        }
        // A trailing `/**` means everything inside, not the directory itself.
        if self.parts.last() == Some(&Part::Any) && self.parts.len() > 1 {
            let inside = Self { parts: self.parts[..self.parts.len() - 1].to_vec() };
            let (starts, _) = inside.ends(&path.join("/"))?;
            let first = starts.iter().position(|hit| *hit)?;
            now[first] = false;
        }
        Some((now, path.len()))
    }
}

fn tokens(part: &str) -> Result<Vec<Token>, Error> {
    let mut tokens = Vec::new();
    let mut chars = part.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => tokens.push(Token::Char(chars.next().ok_or(Error::Escape)?)),
            '?' => tokens.push(Token::AnyChar),
            // Several stars within a part mean one.
            '*' if tokens.last() == Some(&Token::AnyChars) => {}
            '*' => tokens.push(Token::AnyChars),
            _ => tokens.push(Token::Char(c)),
        }
    }
    Ok(tokens)
}

/// Greedy with one point to return to, which is enough for `*`: linear for real names, at worst their product.
fn name_matches(tokens: &[Token], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let (mut token, mut at) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < name.len() {
        let fits = match tokens.get(token) {
            Some(Token::AnyChars) => {
                star = Some((token + 1, at));
                token += 1;
                continue;
            }
            Some(Token::AnyChar) => true,
            Some(Token::Char(c)) => *c == name[at],
            None => false,
        };
        if fits {
            (token, at) = (token + 1, at + 1);
        } else if let Some((after, from)) = star {
            star = Some((after, from + 1));
            (token, at) = (after, from + 1);
        } else {
            return false;
        }
    }
    tokens[token..].iter().all(|t| *t == Token::AnyChars)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Glob::new(pattern).unwrap().matches(path)
    }

    #[test]
    fn stars_know_their_place() {
        for (pattern, path) in [
            ("*.rs", "a.rs"),
            ("src/**", "src/a/b"),
            ("**/x", "x"),
            ("**/x", "a/b/x"),
            ("a/**/b", "a/b"),
            ("a/**/b", "a/x/y/b"),
            ("a?c", "aäc"),
            ("\\*", "*"),
            ("a*b*c", "aXbXbc"),
            ("**", "a/b"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in
            [("*.rs", "a/b.rs"), ("src/**", "src"), ("a?c", "a/c"), ("\\*", "a"), ("a*b", "abc"), ("A", "a")]
        {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn a_hostile_pattern_is_refused_or_quick() {
        assert_eq!(Glob::new(&"a/".repeat(100)), Err(Error::TooLong));
        assert_eq!(Glob::new("a\\"), Err(Error::Escape));
        assert_eq!(Glob::new("//"), Err(Error::Empty));
        // With backtracking this would take longer than the universe is old.
        let pattern = "*a".repeat(500);
        assert!(!matches(&pattern, &"a".repeat(499)));
        let deep = "**/a*/".repeat(32);
        assert!(!matches(&deep, &"b/".repeat(2_000)));
    }

    proptest! {
        #[test]
        fn any_pattern_and_path_end(pattern in "[a*?/\\\\.]{0,60}", path in "[a/.]{0,80}") {
            if let Ok(glob) = Glob::new(&pattern) {
                let whole = glob.matches(&path);
                prop_assert_eq!(whole || glob.contains(&path), glob.matches_or_contains(&path));
            }
        }

        #[test]
        fn a_path_without_specials_matches_itself(path in "[a-z]{1,5}(/[a-z]{1,5}){0,5}") {
            let glob = Glob::new(&path).unwrap();
            prop_assert!(glob.matches(&path));
            let below = format!("{path}/x");
            prop_assert!(glob.contains(&below));
        }
    }
}
