//! The words of a shell command, as far as one can tell without running it. A word that is missed is one that the
//! program does not find; nothing here decides what is run.

use std::path::{Path, PathBuf};

/// Words that are looked at: more name nothing that somebody wrote by hand.
const MAX_WORDS: usize = 128;

/// What a word may name.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Named {
    /// An absolute path.
    Path(PathBuf),
    /// A name that may be that of a program.
    Program(String),
}

/// What `command` names, each once, in order.
pub(super) fn named(command: &str) -> Vec<Named> {
    let outer = split(command);
    let inner = outer.iter().filter(|word| word.contains(char::is_whitespace)).flat_map(|word| split(word));
    let words: Vec<String> = outer.iter().cloned().chain(inner).take(MAX_WORDS).collect();
    let mut all = Vec::new();
    for word in &words {
        // `NAME=value`, `--option=value` and the words themselves.
        let value = word.split_once('=').map(|(_, value)| value);
        for named in [Some(word.as_str()), value].into_iter().flatten().filter_map(name) {
            if !all.contains(&named) {
                all.push(named);
            }
        }
    }
    all
}

fn name(word: &str) -> Option<Named> {
    if Path::new(word).is_absolute() {
        return Some(Named::Path(PathBuf::from(word)));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    let program = word.starts_with(|c: char| c.is_ascii_alphanumeric()) && word.chars().all(plain);
    program.then(|| Named::Program(word.to_owned()))
}

fn split(command: &str) -> Vec<String> {
    let (mut all, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None | Some('"'), '\\') => word.extend(chars.next()),
            (None, c) if c.is_whitespace() || ";|&()<>`".contains(c) => all.push(std::mem::take(&mut word)),
            (_, c) => word.push(c),
        }
    }
    all.push(word);
    all.retain(|word| !word.is_empty());
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(command: &str, expect: &[&str]) {
        let shown = named(command).into_iter().map(|named| match named {
            Named::Path(path) => path.display().to_string(),
            Named::Program(name) => name,
        });
        assert_eq!(shown.collect::<Vec<_>>(), expect, "{command}");
    }

    #[test]
    fn words_are_found_in_assignments_quotes_and_lists() {
        check("codex app-server", &["codex", "app-server"]);
        check("FOO=1 /x/fake 'a b'", &["1", "/x/fake", "a", "b"]);
        check("a&&b|c", &["a", "b", "c"]);
        check("codex --config 'model=\"x\"' --at=/y/z", &["codex", "/y/z"]);
        // A word with spaces may be a command of its own; what it then seems to name does not exist.
        check(r"/with\ space/tool", &["/with space/tool", "/with"]);
        check("bash -c \"exec /x/y z\"", &["bash", "exec", "/x/y", "z"]);
    }

    proptest! {
        #[test]
        fn any_text_is_split(text in any::<String>()) {
            prop_assert!(named(&text).len() <= 2 * MAX_WORDS);
        }
    }
}
