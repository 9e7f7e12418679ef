//! Whether a record passes an `IssueFilter`, and what such a filter asks for.
//!
//! Invariant: a comparison or a field that the fake does not know is an error, never a silent yes or no.

use serde_json::{Map, Value};

/// Whether `record` fits. A filter on a connection holds when one of its nodes fits.
pub(super) fn passes(filter: &Value, record: &Value) -> Result<bool, String> {
    let Value::Object(map) = filter else {
        return if filter.is_null() { Ok(true) } else { Err("a filter must be an object".to_owned()) };
    };
    for (key, wanted) in map {
        let holds = match key.as_str() {
            "and" => every(wanted, record)?,
            "or" => some(wanted, record)?,
            _ if is_comparison(key) => compare(key, wanted, record)?,
            "some" | "every" => nodes(record, wanted)?,
            _ => field(key, wanted, record)?,
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The values that a filter names for a path such as `state.name` or `id`.
pub(super) fn wanted(filter: &Value, path: &[&str]) -> Option<Vec<String>> {
    let map = filter.as_object()?;
    for key in ["and", "or"] {
        let all = map.get(key).and_then(Value::as_array);
        if let Some(found) = all.and_then(|all| all.iter().find_map(|part| wanted(part, path))) {
            return Some(found);
        }
    }
    let Some((first, rest)) = path.split_first() else { return named(map) };
    wanted(map.get(*first)?, rest)
}

fn named(map: &Map<String, Value>) -> Option<Vec<String>> {
    let texts = |value: &Value| match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => vec![],
    };
    ["in", "eq", "eqIgnoreCase"].iter().find_map(|key| map.get(*key)).map(texts)
}

fn every(parts: &Value, record: &Value) -> Result<bool, String> {
    let parts = parts.as_array().ok_or("`and` needs a list")?;
    parts.iter().try_fold(true, |all, part| Ok(all && passes(part, record)?))
}

fn some(parts: &Value, record: &Value) -> Result<bool, String> {
    let parts = parts.as_array().ok_or("`or` needs a list")?;
    parts.iter().try_fold(false, |any, part| Ok(any || passes(part, record)?))
}

fn nodes(record: &Value, wanted: &Value) -> Result<bool, String> {
    let nodes = record.get("nodes").and_then(Value::as_array).ok_or("not a list of things")?;
    nodes.iter().try_fold(false, |any, node| Ok(any || passes(wanted, node)?))
}

fn field(key: &str, wanted: &Value, record: &Value) -> Result<bool, String> {
    if record.get("nodes").is_some() {
        let Value::Object(map) = wanted else { return Err(format!("a filter on {key} must be an object")) };
        let one = Value::Object(Map::from_iter([(key.to_owned(), Value::Object(map.clone()))]));
        return nodes(record, &one);
    }
    match record.get(key) {
        Some(inner) => passes(wanted, inner),
        // Nothing is there to compare with, as with an issue that nobody is assigned to.
        None if record.is_null() => passes(wanted, &Value::Null),
        None => Err(format!("Field \"{key}\" is not defined by type \"IssueFilter\".")),
    }
}

fn is_comparison(key: &str) -> bool {
    matches!(
        key,
        "eq" | "neq"
            | "in"
            | "nin"
            | "eqIgnoreCase"
            | "neqIgnoreCase"
            | "contains"
            | "containsIgnoreCase"
            | "startsWith"
            | "endsWith"
            | "null"
            | "lt"
            | "lte"
            | "gt"
            | "gte"
    )
}

fn compare(key: &str, wanted: &Value, seen: &Value) -> Result<bool, String> {
    let within = |wanted: &Value| -> Result<bool, String> {
        Ok(wanted.as_array().ok_or_else(|| format!("`{key}` needs a list"))?.contains(seen))
    };
    let (text, other) = (seen.as_str().unwrap_or_default(), wanted.as_str().unwrap_or_default());
    Ok(match key {
        "eq" => wanted == seen,
        "neq" => wanted != seen,
        "in" => within(wanted)?,
        "nin" => !within(wanted)?,
        "eqIgnoreCase" => text.to_lowercase() == other.to_lowercase(),
        "neqIgnoreCase" => text.to_lowercase() != other.to_lowercase(),
        "contains" => text.contains(other),
        "containsIgnoreCase" => text.to_lowercase().contains(&other.to_lowercase()),
        "startsWith" => text.starts_with(other),
        "endsWith" => text.ends_with(other),
        "null" => wanted.as_bool().unwrap_or(true) == seen.is_null(),
        "lt" | "lte" | "gt" | "gte" => ordered(key, wanted, seen),
        _ => return Err(format!("the comparison {key} is not known")),
    })
}

/// Numbers by value, times and texts by their letters.
fn ordered(key: &str, wanted: &Value, seen: &Value) -> bool {
    let order = match (seen.as_f64(), wanted.as_f64()) {
        (Some(seen), Some(wanted)) => seen.partial_cmp(&wanted),
        (None, None) | (Some(_), None) | (None, Some(_)) => {
            Some(seen.as_str().unwrap_or_default().cmp(wanted.as_str().unwrap_or_default()))
        }
    };
    order.is_some_and(|order| match key {
        "lt" => order.is_lt(),
        "lte" => order.is_le(),
        "gt" => order.is_gt(),
        _ => order.is_ge(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record() -> Value {
        json!({
            "id": "1", "state": {"name": "Todo"}, "assignee": null, "project": {"slugId": "p"}, "priority": 2,
            "labels": {"nodes": [{"name": "a"}, {"name": "b"}]},
        })
    }

    #[test]
    fn filters_hold_as_linear_says() {
        for (filter, expected) in [
            (json!({}), true),
            (json!({"state": {"name": {"in": ["Todo", "Done"]}}}), true),
            (json!({"state": {"name": {"nin": ["Todo"]}}}), false),
            (json!({"id": {"in": []}}), false),
            (json!({"project": {"slugId": {"eq": "q"}}}), false),
            (json!({"or": [{"id": {"eq": "9"}}, {"state": {"name": {"eqIgnoreCase": "TODO"}}}]}), true),
            (json!({"and": [{"id": {"eq": "1"}}, {"priority": {"lte": 1}}]}), false),
            (json!({"labels": {"name": {"eq": "b"}}}), true),
            (json!({"labels": {"some": {"name": {"eq": "c"}}}}), false),
            (json!({"assignee": {"id": {"eq": "me"}}}), false),
            (json!({"assignee": {"null": true}}), true),
        ] {
            assert_eq!(passes(&filter, &record()), Ok(expected), "{filter}");
        }
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        assert!(passes(&json!({"stat": {"name": {"eq": "x"}}}), &record()).is_err());
        assert!(passes(&json!({"id": {"resembles": "1"}}), &record()).is_err());
    }

    #[test]
    fn what_a_filter_asks_for_is_found_wherever_it_stands() {
        let filter =
            json!({"and": [{"project": {"slugId": {"eq": "p"}}}, {"state": {"name": {"in": ["A", "B"]}}}]});
        assert_eq!(wanted(&filter, &["state", "name"]), Some(vec!["A".to_owned(), "B".to_owned()]));
        assert_eq!(wanted(&filter, &["id"]), None);
    }
}
