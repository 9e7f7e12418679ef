//! Front matter: YAML between two lines `---` at the very beginning of a markdown file.

/// The parts of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    /// The YAML; `None` when the file does not begin with `---`.
    pub front: Option<&'a str>,
    /// What follows it.
    pub body: &'a str,
    /// The line, from 1, that the body begins on.
    pub body_line: u32,
    /// Whether the front matter was closed.
    pub closed: bool,
}

/// Cuts `text`. Front matter that is never closed takes the whole rest.
pub(crate) fn split(text: &str) -> Parts<'_> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first = text.split_inclusive('\n').next().unwrap_or_default();
    if first.trim_end() != "---" {
        return Parts { front: None, body: text, body_line: 1, closed: true };
    }
    let (start, mut at, mut line) = (first.len(), first.len(), 2);
    for part in text[start..].split_inclusive('\n') {
        let end = at + part.len();
        line += 1;
        if part.trim_end() == "---" {
            return Parts {
                front: Some(&text[start..at]),
                body: &text[end..],
                body_line: line,
                closed: true,
            };
        }
        at = end;
    }
    Parts { front: Some(&text[start..]), body: "", body_line: line, closed: false }
}

/// A YAML error: the line in the file, and what is wrong, in one line.
pub(crate) fn yaml<T: serde::de::DeserializeOwned>(front: &str) -> Result<T, (u32, String)> {
    let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
    serde_saphyr::from_str_with_options(front, options).map_err(|error| {
        // Front matter begins on the second line of the file.
        let line = error.location().map_or(1, |at| u32::try_from(at.line()).unwrap_or(u32::MAX - 1) + 1);
        let text = error.to_string();
        (line, text.lines().next().unwrap_or_default().to_owned())
    })
}

/// The line in the file on which the key path `a.b` stands, as far as simple block YAML tells; else the line of
/// its nearest parent, else 1. Only for error messages.
pub(crate) fn line_of(front: &str, path: &str) -> u32 {
    let mut found = 1;
    let (mut from, mut indent) = (0, None::<usize>);
    for key in path.split('.') {
        let hit = front.lines().enumerate().skip(from).find(|(_, line)| {
            let margin = line.len() - line.trim_start().len();
            let deeper = indent.is_none_or(|outer| margin > outer) && (indent.is_some() || margin == 0);
            let rest = line.trim_start().strip_prefix(key);
            deeper && rest.is_some_and(|rest| rest.trim_start().starts_with(':'))
        });
        let Some((number, line)) = hit else { return found };
        indent = Some(line.len() - line.trim_start().len());
        from = number + 1;
        found = u32::try_from(number).unwrap_or(0).saturating_add(2);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_their_line_numbers() {
        let parts = split("---\na: 1\n---\nbody\n");
        assert_eq!((parts.front, parts.body, parts.body_line), (Some("a: 1\n"), "body\n", 4));
        assert_eq!(split("no\n---\n").front, None);
        let open = split("---\na: 1");
        assert_eq!((open.front, open.body, open.closed), (Some("a: 1"), "", false));
    }

    #[test]
    fn a_key_is_found_below_its_parent() {
        let front = "b: 0\nhooks:\n  a: 1\nagent:\n  b:\n    c: x\n";
        assert_eq!(line_of(front, "agent.b.c"), 7);
        assert_eq!(line_of(front, "agent.nope"), 5);
        assert_eq!(line_of(front, "zzz"), 1);
    }
}
