//! The operators of a matcher.

use super::{Matcher, same, shown};
use serde::Deserialize;
use serde_json::Value;

/// Every one that is given must hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ops {
    /// Equal; for objects, which would be taken for operators.
    eq: Option<Value>,
    not: Option<Matcher>,
    /// Texts that are in the text, or in the JSON of what is not a text.
    contains: Option<Many>,
    lacks: Option<Many>,
    starts: Option<String>,
    ends: Option<String>,
    /// `*` is any text, `?` any character.
    like: Option<String>,
    one_of: Option<Vec<Value>>,
    min: Option<f64>,
    max: Option<f64>,
    /// How many elements or characters.
    len: Option<usize>,
    min_len: Option<usize>,
    /// An element that fits.
    has: Option<Matcher>,
    /// All elements fit.
    every: Option<Matcher>,
    absent: Option<bool>,
    /// `string`, `number`, `bool`, `object`, `array` or `null`.
    kind: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Many {
    One(String),
    All(Vec<String>),
}

impl Ops {
    pub(super) fn check(&self, seen: Option<&Value>) -> Result<(), String> {
        if let Some(absent) = self.absent {
            let empty = seen.is_none_or(Value::is_null);
            return expect(absent == empty, || {
                format!("expected {}, saw {}", if absent { "nothing" } else { "something" }, shown(seen))
            });
        }
        let Some(value) = seen else { return Err("nothing there".to_owned()) };
        self.value(value)?;
        self.text(value)?;
        self.elements(value)
    }

    fn value(&self, value: &Value) -> Result<(), String> {
        if let Some(expected) = &self.eq {
            expect(same(expected, value), || format!("expected {expected}, saw {}", shown(Some(value))))?;
        }
        if let Some(not) = &self.not {
            expect(not.check(Some(value)).is_err(), || format!("should not be {}", shown(Some(value))))?;
        }
        if let Some(all) = &self.one_of {
            expect(all.iter().any(|one| same(one, value)), || {
                format!("expected one of {all:?}, saw {}", shown(Some(value)))
            })?;
        }
        if let Some(kind) = &self.kind {
            expect(kind == kind_of(value), || format!("expected a {kind}, saw {}", shown(Some(value))))?;
        }
        if self.min.is_none() && self.max.is_none() {
            return Ok(());
        }
        let number =
            value.as_f64().ok_or_else(|| format!("expected a number, saw {}", shown(Some(value))))?;
        let inside = self.min.is_none_or(|min| number >= min) && self.max.is_none_or(|max| number <= max);
        expect(inside, || format!("expected {:?} to {:?}, saw {number}", self.min, self.max))
    }

    fn text(&self, value: &Value) -> Result<(), String> {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let short = || shown(Some(value));
        for part in self.contains.iter().flat_map(Many::all) {
            expect(text.contains(part), || format!("expected {part:?} in {}", short()))?;
        }
        for part in self.lacks.iter().flat_map(Many::all) {
            expect(!text.contains(part), || format!("did not expect {part:?} in {}", short()))?;
        }
        if let Some(start) = &self.starts {
            expect(text.starts_with(start), || format!("expected to begin with {start:?}: {}", short()))?;
        }
        if let Some(end) = &self.ends {
            expect(text.ends_with(end), || format!("expected to end with {end:?}: {}", short()))?;
        }
        if let Some(pattern) = &self.like {
            let like = glob(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>());
            expect(like, || format!("expected the form {pattern:?}, saw {}", short()))?;
        }
        Ok(())
    }

    fn elements(&self, value: &Value) -> Result<(), String> {
        let len = match value {
            Value::Array(items) => items.len(),
            Value::Object(map) => map.len(),
            Value::String(text) => text.chars().count(),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        };
        if let Some(expected) = self.len {
            expect(len == expected, || format!("expected {expected} of them, saw {}", shown(Some(value))))?;
        }
        if let Some(least) = self.min_len {
            expect(len >= least, || format!("expected {least} or more, saw {}", shown(Some(value))))?;
        }
        let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
        if let Some(has) = &self.has {
            expect(items.iter().any(|item| has.check(Some(item)).is_ok()), || {
                format!("no element fits {has:?} in {}", shown(Some(value)))
            })?;
        }
        match &self.every {
            Some(every) => items.iter().try_for_each(|item| every.check(Some(item))),
            None => Ok(()),
        }
    }
}

impl Many {
    fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::All(all) => all,
        }
    }
}

fn expect(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// `*` any text, `?` any one character. Keeps one place to return to, so it takes no more than pattern times text.
fn glob(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                back = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => (p, t) = (p + 1, t + 1),
            Some(_) | None => match back {
                Some((after, at)) => {
                    back = Some((after, at + 1));
                    (p, t) = (after, at + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}
