//! Finds what the provider allows, wherever a version of Codex puts it.

use serde_json::Value;

/// Deeper than any version nests it.
const MAX_DEPTH: u32 = 8;
const NAMES: [&str; 4] = ["limit_id", "limit_name", "limitId", "limitName"];
const WINDOWS: [&str; 3] = ["primary", "secondary", "credits"];

/// The first object in `value` that names a limit and says a window of it.
pub(super) fn find(value: &Value) -> Option<&Value> {
    look(value, MAX_DEPTH)
}

fn look(value: &Value, depth: u32) -> Option<&Value> {
    let below = depth.checked_sub(1)?;
    match value {
        Value::Object(object) => {
            let named = NAMES.iter().any(|key| object.contains_key(*key));
            // A provider that tells nothing is told of with nulls.
            if named && WINDOWS.iter().any(|key| object.get(*key).is_some_and(|window| !window.is_null())) {
                return Some(value);
            }
            object.values().find_map(|value| look(value, below))
        }
        Value::Array(values) => values.iter().find_map(|value| look(value, below)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn limits_are_found_at_any_nesting() {
        let limits = json!({"limitId": "codex", "primary": {"usedPercent": 4}});
        assert_eq!(find(&json!({"rateLimits": limits})), Some(&limits));
        assert_eq!(find(&json!({"msg": [{"info": {"rate_limits": limits}}]})), Some(&limits));
        assert_eq!(find(&json!({"limitId": "codex"})), None);
        assert_eq!(find(&json!({"primary": {}})), None);
        assert_eq!(find(&json!({"limitId": "codex", "primary": null, "credits": null})), None);
    }
}
