//! Takes values out of a table by name, says what does not fit, and what nobody asked for.
//!
//! Invariant: whatever is wrong becomes a [`Problem`] and reading goes on, so that all problems of a file are
//! told at once. What a value holds after `$NAME` was replaced is never put into a problem.

use super::environment::inject;
use super::names::{is_name, nearest};
use super::problem::{Problem, Report, Show};
use super::source::Source;
use base::env::Env;
use base::secret::Secret;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What every section of one file shares.
#[derive(Debug)]
pub struct Reader<'a> {
    /// The file.
    pub source: &'a Source,
    /// Where `$NAME` is looked up.
    pub env: &'a Env,
    /// Where problems go.
    pub report: &'a Report,
    /// Every key that was asked for, names people chose replaced by `*`: the documented keys.
    pub known: RefCell<BTreeSet<String>>,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given<T> {
    /// The value.
    pub value: T,
    /// Its full key.
    pub key: String,
    /// Its bytes in the file.
    pub span: Range<usize>,
    /// Whether any of it came from the environment and must not be shown.
    pub injected: bool,
}

/// A table of the file.
#[derive(Debug)]
pub struct Section<'a> {
    reader: &'a Reader<'a>,
    table: &'a DeTable<'a>,
    path: String,
    pattern: String,
    span: Range<usize>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Reader<'a> {
    /// The file's outermost table.
    pub fn root(&'a self, table: &'a Spanned<DeTable<'a>>) -> Section<'a> {
        Section {
            reader: self,
            table: table.get_ref(),
            path: String::new(),
            pattern: String::new(),
            span: 0..0,
            asked: RefCell::default(),
        }
    }

    /// Says that what stands at `given` is wrong.
    pub fn problem<T>(&self, given: &Given<T>, what: impl Into<String>, mend: impl Into<String>) {
        self.report.add(self.about(given).saying(&given.key, what, mend));
    }

    /// Says that what stands at `given` is worth a look.
    pub fn warning<T>(&self, given: &Given<T>, what: impl Into<String>, mend: impl Into<String>) {
        self.report.add(self.about(given).saying(&given.key, what, mend).warning());
    }

    fn about<T>(&self, given: &Given<T>) -> Problem {
        Problem::at(self.source, &given.span, Show::Stretch)
    }
}

impl<'a> Section<'a> {
    /// A text, with `$NAME` replaced.
    pub fn text(&self, key: &'static str) -> Option<Given<String>> {
        let (span, value) = self.take(key)?;
        self.string(key, span, value, "a text in quotes")
    }

    /// A text that `parse` makes into something.
    pub fn parsed<T, E: ToString>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Given<T>> {
        let text = self.text(key)?;
        match parse(&text.value) {
            Ok(value) => Some(text.with(value)),
            Err(error) => {
                self.unfit(&text, &error.to_string());
                None
            }
        }
    }

    /// A text that must not be seen; given literally it is a warning.
    pub fn secret(&self, key: &'static str) -> Option<Given<Secret>> {
        let (span, value) = self.take(key)?;
        let text = self.string(key, span, value, "the name of an environment variable, like \"$API_KEY\"")?;
        if text.value.trim().is_empty() {
            self.reader.problem(&text, "the secret is empty", "set it, or leave the key out");
            return None;
        }
        if !text.injected {
            let variable = text.key.replace(['.', '-'], "_").to_uppercase();
            let about = Problem::at(self.reader.source, &text.span, Show::NameOnly);
            let what = format!("`{}` is a secret written into a file", text.key);
            let mend = format!("put it into the environment and write \"${variable}\" here");
            self.reader.report.add(about.saying(&text.key, what, mend).warning());
        }
        Some(text.map(Secret::new))
    }

    /// A whole number within `range`.
    pub fn integer(&self, key: &'static str, range: std::ops::RangeInclusive<u64>) -> Option<Given<u64>> {
        let (span, value) = self.take(key)?;
        let (low, high) = (*range.start(), *range.end());
        let number = value.as_integer().and_then(|n| u64::from_str_radix(n.as_str(), n.radix()).ok());
        match number.filter(|n| range.contains(n)) {
            Some(number) => Some(self.given(key, span, number)),
            None => {
                let given = self.given(key, span, ());
                let what = format!("`{key}` must be a whole number from {low} to {high}");
                self.reader.problem(&given, what, format!("write it without quotes, like {key} = {low}"));
                None
            }
        }
    }

    /// A whole or broken number.
    pub fn number(&self, key: &'static str) -> Option<Given<f64>> {
        let (span, value) = self.take(key)?;
        let text = value.as_float().map(|f| f.as_str()).or_else(|| value.as_integer().map(|i| i.as_str()));
        match text.and_then(|t| t.parse::<f64>().ok()) {
            Some(number) => Some(self.given(key, span, number)),
            None => {
                let given = self.given(key, span, ());
                self.reader.problem(
                    &given,
                    format!("`{key}` must be a number"),
                    format!("write it like {key} = 2"),
                );
                None
            }
        }
    }

    /// `true` or `false`; `false` when not given.
    pub fn flag(&self, key: &'static str) -> bool {
        let Some((span, value)) = self.take(key) else { return false };
        value.as_bool().unwrap_or_else(|| {
            let given = self.given(key, span, ());
            self.reader.problem(
                &given,
                format!("`{key}` must be true or false"),
                format!("write {key} = true"),
            );
            false
        })
    }

    /// A list of texts.
    pub fn texts(&self, key: &'static str) -> Option<Given<Vec<Given<String>>>> {
        let (span, value) = self.take(key)?;
        let Some(array) = value.as_array() else {
            let mend = format!("write it like {key} = [\"one\", \"two\"]");
            self.reader.problem(&self.given(key, span, ()), format!("`{key}` must be a list of texts"), mend);
            return None;
        };
        let texts: Vec<_> = array
            .iter()
            .filter_map(|item| self.string(key, item.span(), item.get_ref(), "a list of texts"))
            .collect();
        // A list of which nothing could be read was told text by text; it is not an empty one.
        (array.is_empty() || !texts.is_empty()).then(|| self.given(key, span, texts))
    }

    /// A table within this one.
    pub fn section(&self, key: &'static str) -> Option<Section<'a>> {
        let (span, value) = self.take(key)?;
        self.inner(key, key, span, value)
    }

    /// The tables within the table `key`, by the names people chose. A name must be fit for paths and headers.
    pub fn named(&self, key: &'static str) -> Vec<(Given<String>, Section<'a>)> {
        self.named_by(key, is_name, "a name may have letters, digits, `-`, `_` and `.`, at most 64 of them")
    }

    /// The same, with another idea of what a name is.
    pub fn named_by(
        &self,
        key: &'static str,
        fits: fn(&str) -> bool,
        rule: &str,
    ) -> Vec<(Given<String>, Section<'a>)> {
        let Some(all) = self.section(key) else { return vec![] };
        let mut found = vec![];
        for (name, value) in all.table {
            let text: &str = name.get_ref();
            let given =
                Given { value: text.to_owned(), key: all.full(text), span: name.span(), injected: false };
            if !fits(text) {
                self.reader.problem(&given, format!("`{text}` cannot be a name"), rule);
                continue;
            }
            if let Some(section) = all.inner(text, "*", value.span(), value.get_ref()) {
                found.push((given, section));
            }
        }
        found
    }

    /// Says that `key` is missing. When it is there after all, what is wrong with it was told as it was read.
    pub fn missing(&self, key: &str, mend: impl Into<String>) {
        if self.table.contains_key(key) {
            return;
        }
        let place = if self.path.is_empty() { "the file".to_owned() } else { format!("[{}]", self.path) };
        let about = Problem::at(self.reader.source, &self.span, Show::Stretch);
        self.reader.report.add(about.saying(&self.full(key), format!("{place} has no `{key}`"), mend));
    }

    /// The section itself as a place, to be named in a problem.
    pub fn itself(&self) -> Given<()> {
        Given { value: (), key: self.path.clone(), span: self.span.clone(), injected: false }
    }

    /// Says that the text at `given` does not fit, without repeating what came from the environment.
    pub fn unfit(&self, given: &Given<String>, error: &str) {
        let what_is_wrong = error.replace(&given.value, "its value");
        let error = if given.injected { &what_is_wrong } else { error };
        let (what, mend) = error.split_once("; ").unwrap_or((error, "see examples/seawall.toml"));
        // An address with a user may hold a password.
        let show = if given.value.contains('@') { Show::NameOnly } else { Show::Stretch };
        let about = Problem::at(self.reader.source, &given.span, show);
        self.reader.report.add(about.saying(&given.key, what, mend));
    }

    /// Ends the reading: what nobody asked for is unknown.
    pub fn finish(&self) {
        let asked = self.asked.borrow();
        for name in self.table.keys() {
            let text: &str = name.get_ref();
            if asked.contains(&text) {
                continue;
            }
            let given = Given { value: (), key: self.full(text), span: name.span(), injected: false };
            let place = if self.path.is_empty() { "here".to_owned() } else { format!("in [{}]", self.path) };
            let mend = match nearest(text, &asked) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known {place}: {}", asked.join(", ")),
            };
            self.reader.problem(&given, format!("unknown key `{text}`"), mend);
        }
    }

    fn take(&self, key: &'static str) -> Option<(Range<usize>, &'a DeValue<'a>)> {
        self.asked.borrow_mut().push(key);
        self.reader.known.borrow_mut().insert(join(&self.pattern, key));
        let value = self.table.get(key)?;
        Some((value.span(), value.get_ref()))
    }

    fn inner(
        &self,
        key: &str,
        pattern: &str,
        span: Range<usize>,
        value: &'a DeValue<'a>,
    ) -> Option<Section<'a>> {
        let Some(table) = value.as_table() else {
            let given = Given { value: (), key: self.full(key), span, injected: false };
            let what = format!("`{key}` must be a table, not {}", value.type_str());
            self.reader.problem(&given, what, format!("write it as [{}] with keys below it", self.full(key)));
            return None;
        };
        Some(Section {
            reader: self.reader,
            table,
            path: self.full(key),
            pattern: join(&self.pattern, pattern),
            span,
            asked: RefCell::default(),
        })
    }

    fn string(
        &self,
        key: &str,
        span: Range<usize>,
        value: &DeValue<'_>,
        expect: &str,
    ) -> Option<Given<String>> {
        let given = self.given(key, span, ());
        let Some(raw) = value.as_str() else {
            let mend = format!("write it like {key} = \"…\"");
            self.reader.problem(&given, format!("`{key}` must be {expect}, not {}", value.type_str()), mend);
            return None;
        };
        match inject(raw, self.reader.env) {
            Ok((value, injected)) => Some(Given { injected, ..given.with(value) }),
            Err(name) => {
                let what = format!("the environment variable `{name}` is not set");
                self.reader.problem(
                    &given,
                    what,
                    format!("export {name} before starting, or write $$ for a plain $"),
                );
                None
            }
        }
    }

    fn given<T>(&self, key: &str, span: Range<usize>, value: T) -> Given<T> {
        Given { value, key: self.full(key), span, injected: false }
    }

    fn full(&self, key: &str) -> String {
        join(&self.path, key)
    }
}

impl<T> Given<T> {
    /// Another value at the same place.
    pub fn with<U>(&self, value: U) -> Given<U> {
        Given { value, key: self.key.clone(), span: self.span.clone(), injected: self.injected }
    }

    /// The value made into another at the same place.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Given<U> {
        Given { value: make(self.value), key: self.key, span: self.span, injected: self.injected }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
