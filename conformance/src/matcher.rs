//! What a case expects of a JSON value, and where in a larger value it looks.
//!
//! Invariant: an operator that nobody knows is refused when the case is read.

mod ops;

use ops::Ops;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Either a literal that must be equal, or operators that must all hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) enum Matcher {
    Literal(Value),
    Ops(Box<Ops>),
}

/// By JSON pointer, what must be there. A `*` in a pointer stands for every element: their values come as a list.
pub(crate) type Fields = BTreeMap<String, Matcher>;

impl TryFrom<Value> for Matcher {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        if !value.is_object() {
            return Ok(Self::Literal(value));
        }
        let ops = serde_json::from_value(value.clone());
        ops.map(|ops| Self::Ops(Box::new(ops))).map_err(|error| format!("{value}: {error}"))
    }
}

impl Matcher {
    /// What is wrong with what was seen; `None` means that nothing is there.
    pub(crate) fn check(&self, seen: Option<&Value>) -> Result<(), String> {
        match self {
            Self::Literal(expected) if same(expected, seen.unwrap_or(&Value::Null)) && seen.is_some() => {
                Ok(())
            }
            Self::Literal(expected) => Err(format!("expected {expected}, saw {}", shown(seen))),
            Self::Ops(ops) => ops.check(seen),
        }
    }
}

/// All fields, and the first that is wrong.
pub(crate) fn check(fields: &Fields, value: &Value) -> Result<(), String> {
    fields.iter().try_for_each(|(pointer, matcher)| {
        matcher.check(find(value, pointer).as_ref()).map_err(|why| format!("{pointer}: {why}"))
    })
}

/// The value at a pointer; with `*`, the list of what is found there.
pub(crate) fn find(value: &Value, pointer: &str) -> Option<Value> {
    let Some((before, after)) = pointer.split_once("/*") else { return value.pointer(pointer).cloned() };
    let items: Vec<&Value> = match value.pointer(before)? {
        Value::Array(items) => items.iter().collect(),
        Value::Object(map) => map.values().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
    };
    Some(items.into_iter().filter_map(|item| find(item, after)).collect())
}

/// Equal, where `1` and `1.0` are the same number.
fn same(expected: &Value, seen: &Value) -> bool {
    match (expected.as_f64(), seen.as_f64()) {
        (Some(expected), Some(seen)) => (expected - seen).abs() < f64::EPSILON,
        (None, None) | (Some(_), None) | (None, Some(_)) => expected == seen,
    }
}

/// A value for a person, not longer than a few lines.
pub(crate) fn shown(value: Option<&Value>) -> String {
    const LONGEST: usize = 600;
    let Some(value) = value else { return "nothing there".to_owned() };
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn matcher(value: Value) -> Matcher {
        Matcher::try_from(value).unwrap()
    }

    #[test]
    fn literals_are_equal_or_not() {
        assert!(matcher(json!(1)).check(Some(&json!(1.0))).is_ok());
        assert!(matcher(json!("a")).check(Some(&json!("b"))).is_err());
        assert!(matcher(json!(null)).check(None).is_err());
    }

    #[test]
    fn operators_hold_together() {
        let between = matcher(json!({"min": 2, "max": 4}));
        assert!(between.check(Some(&json!(3))).is_ok());
        assert!(between.check(Some(&json!(5))).is_err());
        assert!(matcher(json!({"contains": ["a", "c"], "lacks": "d"})).check(Some(&json!("abc"))).is_ok());
        assert!(matcher(json!({"lacks": "b"})).check(Some(&json!("abc"))).is_err());
        assert!(matcher(json!({"absent": true})).check(None).is_ok());
        assert!(matcher(json!({"not": "a"})).check(Some(&json!("b"))).is_ok());
        assert!(matcher(json!({"like": "A_B?[0-9a-z]*"})).check(Some(&json!("A_B-[0-9a-z]xyz"))).is_ok());
        assert!(matcher(json!({"has": {"starts": "x"}, "len": 2})).check(Some(&json!(["a", "xy"]))).is_ok());
        assert!(matcher(json!({"every": {"min": 1}})).check(Some(&json!([1, 0]))).is_err());
        assert!(matcher(json!({"kind": "string"})).check(Some(&json!(1))).is_err());
    }

    #[test]
    fn a_misspelt_operator_is_refused() {
        assert!(Matcher::try_from(json!({"contians": "a"})).is_err());
    }

    #[test]
    fn a_star_collects() {
        let value = json!({"rows": [{"id": 1}, {"id": 2}, {}]});
        assert_eq!(find(&value, "/rows/*/id"), Some(json!([1, 2])));
        assert_eq!(find(&value, "/rows/1/id"), Some(json!(2)));
        assert_eq!(find(&value, "/none/*/id"), None);
    }
}
