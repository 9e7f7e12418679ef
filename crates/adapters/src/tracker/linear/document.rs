//! What a GraphQL document asks for, as far as a gate has to know: how many operations it holds, and of which kind.
//!
//! It reads the words of a document (October 2021 specification, 2.1), not its grammar: the provider does that. What
//! cannot be split into words, or does not close what it opens, is refused here.

/// A longer document is not one question.
const MAX_BYTES: usize = 64 * 1024;
/// Selections within selections; the provider's own limit is lower.
const MAX_DEPTH: usize = 100;

/// Why a document is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("the query is blank")]
    Blank,
    #[error("the query is longer than 64 KiB")]
    TooLong,
    #[error("the query holds several operations; send one at a time")]
    Several,
    #[error("the query holds no operation")]
    NoOperation,
    #[error("subscriptions are not served; ask again instead")]
    Subscription,
    #[error("the query holds something that is no operation and no fragment")]
    Foreign,
    #[error("the query does not close what it opens, or the other way round")]
    Unbalanced,
    #[error("the query has a text without an end")]
    OpenText,
}

/// Whether `document` holds exactly one query or mutation.
pub(super) fn check(document: &str) -> Result<(), Unfit> {
    if document.trim().is_empty() {
        return Err(Unfit::Blank);
    }
    if document.len() > MAX_BYTES {
        return Err(Unfit::TooLong);
    }
    let mut words = Words(document);
    let (mut operations, mut open) = (0_usize, vec![]);
    // Between definitions a word begins one; within, everything up to its closing brace belongs to it.
    let mut within = false;
    while let Some(word) = words.next()? {
        match word {
            Word::Open(bracket) => {
                if !within {
                    if bracket != '{' {
                        return Err(Unfit::Foreign);
                    }
                    // The short form of a query.
                    (operations, within) = (operations + 1, true);
                }
                open.push(bracket);
                if open.len() > MAX_DEPTH {
                    return Err(Unfit::Unbalanced);
                }
            }
            Word::Close(bracket) => {
                if open.pop() != Some(bracket) {
                    return Err(Unfit::Unbalanced);
                }
                within = !(open.is_empty() && bracket == '{');
            }
            Word::Name("query" | "mutation") if !within => (operations, within) = (operations + 1, true),
            Word::Name("fragment") if !within => within = true,
            Word::Name("subscription") if !within => return Err(Unfit::Subscription),
            Word::Name(_) | Word::Other if !within => return Err(Unfit::Foreign),
            Word::Name(_) | Word::Other => {}
        }
    }
    match operations {
        _ if within => Err(Unfit::Unbalanced),
        0 => Err(Unfit::NoOperation),
        1 => Ok(()),
        _ => Err(Unfit::Several),
    }
}

enum Word<'a> {
    Name(&'a str),
    /// An opening bracket.
    Open(char),
    /// A closing bracket, told as the one it closes.
    Close(char),
    /// A number, a text, a sign.
    Other,
}

/// The words that are left.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn next(&mut self) -> Result<Option<Word<'a>>, Unfit> {
        loop {
            // Commas and the byte order mark are blanks in GraphQL.
            self.0 = self.0.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ',' | '\u{feff}'));
            match self.0.strip_prefix('#') {
                Some(comment) => self.0 = comment.split_once(['\n', '\r']).map_or("", |(_, rest)| rest),
                None => break,
            }
        }
        let Some(first) = self.0.chars().next() else { return Ok(None) };
        let word = match first {
            '{' | '(' | '[' => Word::Open(first),
            '}' => Word::Close('{'),
            ')' => Word::Close('('),
            ']' => Word::Close('['),
            '"' => {
                self.0 = after_text(self.0).ok_or(Unfit::OpenText)?;
                return Ok(Some(Word::Other));
            }
            c if c.is_ascii_alphanumeric() || c == '_' => {
                let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let (name, rest) = self.0.split_at(self.0.find(|c| !inside(c)).unwrap_or(self.0.len()));
                self.0 = rest;
                return Ok(Some(Word::Name(name)));
            }
            _ => Word::Other,
        };
        self.0 = &self.0[first.len_utf8()..];
        Ok(Some(word))
    }
}

/// What follows the text, or block of text, at the start of `rest`.
fn after_text(rest: &str) -> Option<&str> {
    if let Some(block) = rest.strip_prefix("\"\"\"") {
        let mut from = 0;
        loop {
            let end = from + block[from..].find("\"\"\"")?;
            if !block[..end].ends_with('\\') {
                return Some(&block[end + 3..]);
            }
            from = end + 3;
        }
    }
    let text = &rest[1..];
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(&text[at + 1..]),
            '\n' | '\r' => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_operation_passes_with_its_fragments() {
        for good in [
            "{ viewer { id } }",
            "query { viewer { id } }",
            "query query($query: [Int!] = [1], $b: In = {mutation: \"}\"}) @skip(if: $c) { query(a: {b: 1}) { id } }",
            "mutation M { a(text: \"} query { x }\") { id } }",
            "mutation M { a(text: \"\"\"} \\\"\"\" query { x }\"\"\") { id } }",
            "# query A { a }\nfragment F on Issue { id }\n\u{feff}query A { a { ...F } }",
            "query A { a(b: \"\\\"\") } # query B { b }",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn everything_else_is_told_why() {
        for (bad, why) in [
            (" \n", Unfit::Blank),
            ("query A { a } query B { b }", Unfit::Several),
            ("{ a } { b }", Unfit::Several),
            ("query A { a } mutation B { b }", Unfit::Several),
            ("query A { a(t: \"#\") } mutation B { b }", Unfit::Several),
            ("fragment F on Issue { id }", Unfit::NoOperation),
            ("subscription { issues { id } }", Unfit::Subscription),
            ("type A { b: C }", Unfit::Foreign),
            ("extend type A { b: C } { a }", Unfit::Foreign),
            ("7", Unfit::Foreign),
            ("query A { a ", Unfit::Unbalanced),
            ("query A", Unfit::Unbalanced),
            ("query A { a } }", Unfit::Unbalanced),
            ("query A { a(b: [1) }", Unfit::Unbalanced),
            ("query A { a(t: \"x) }", Unfit::OpenText),
            ("query A { a(t: \"x\n\") }", Unfit::OpenText),
            ("query A { a(t: \"\"\"x) }", Unfit::OpenText),
        ] {
            assert_eq!(check(bad), Err(why), "{bad}");
        }
        assert_eq!(check(&"{a".repeat(MAX_DEPTH + 1)), Err(Unfit::Unbalanced));
        assert_eq!(check(&"x".repeat(MAX_BYTES + 1)), Err(Unfit::TooLong));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[{}()\\[\\]\"\\\\# \nquerymtationfs,é]{0,60}") {
            let _ = check(&text);
        }

        #[test]
        fn two_operations_never_pass(text in "[ -~]{0,20}", name in "[a-z]{1,5}") {
            let quoted = serde_json::Value::from(text).to_string();
            let document = format!("query {name} {{ a(t: {quoted}) }} mutation {name} {{ b(t: {quoted}) }}");
            prop_assert_eq!(check(&document), Err(Unfit::Several));
        }
    }
}
