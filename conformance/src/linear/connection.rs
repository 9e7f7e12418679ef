//! A page of issues: filter, order, page size, cursor.

use super::filter;
use serde_json::{Map, Value, json};

/// What Linear gives when `first` is not named, and at most.
const USUAL: usize = 50;
const MOST: usize = 250;

/// The page that `arguments` ask for, of the records that also pass `scope`. With `no_cursor` it says that there is
/// more and not where.
pub(super) fn page(
    records: &[Value],
    arguments: &Map<String, Value>,
    scope: &Value,
    page_size: Option<usize>,
    no_cursor: bool,
) -> Result<Value, String> {
    let filter = arguments.get("filter").unwrap_or(&Value::Null);
    let mut fitting = vec![];
    for record in records {
        if filter::passes(scope, record)? && filter::passes(filter, record)? {
            fitting.push(record);
        }
    }
    let begin = match arguments.get("after").and_then(Value::as_str) {
        Some(cursor) => after(&fitting, cursor)?,
        None => 0,
    };
    let first = match arguments.get("first") {
        Some(Value::Number(n)) => {
            n.as_u64().and_then(|n| usize::try_from(n).ok()).ok_or("first is not a size")?
        }
        Some(Value::Null) | None => USUAL,
        Some(_) => return Err("first must be an integer".to_owned()),
    };
    if first == 0 || first > MOST {
        return Err(format!("Argument Validation Error: first must be between 1 and {MOST}"));
    }
    let size = first.min(page_size.unwrap_or(MOST));
    let nodes: Vec<Value> = fitting.iter().skip(begin).take(size).map(|record| (*record).clone()).collect();
    let more = begin + nodes.len() < fitting.len();
    let end = nodes.last().map(cursor);
    let edges: Vec<Value> = nodes.iter().map(|node| json!({"node": node, "cursor": cursor(node)})).collect();
    Ok(json!({
        "nodes": nodes, "edges": edges,
        "pageInfo": {
            "hasNextPage": more || no_cursor, "hasPreviousPage": begin > 0,
            "startCursor": nodes.first().map(cursor), "endCursor": if no_cursor { None } else { end },
        },
    }))
}

/// Opaque to clients, as a cursor is.
fn cursor(record: &Value) -> String {
    format!("cursor:{}", record["id"].as_str().unwrap_or_default())
}

fn after(records: &[&Value], wanted: &str) -> Result<usize, String> {
    let at = records.iter().position(|record| cursor(record) == wanted);
    at.map(|at| at + 1).ok_or_else(|| format!("the cursor {wanted:?} is not known"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<Value> {
        (1..=5)
            .map(|n| json!({"id": n.to_string(), "project": {"slugId": if n == 3 { "q" } else { "p" }}}))
            .collect()
    }

    fn ids(page: &Value) -> Vec<&str> {
        page["nodes"].as_array().unwrap().iter().filter_map(|node| node["id"].as_str()).collect()
    }

    fn ask(arguments: Value, size: Option<usize>) -> Result<Value, String> {
        page(&records(), arguments.as_object().unwrap(), &Value::Null, size, false)
    }

    #[test]
    fn pages_follow_one_another_and_keep_the_order() {
        let filter = json!({"project": {"slugId": {"eq": "p"}}});
        let one = ask(json!({"filter": filter, "first": 3}), None).unwrap();
        assert_eq!(ids(&one), ["1", "2", "4"]);
        assert_eq!(one["pageInfo"]["hasNextPage"], json!(true));
        let two =
            ask(json!({"filter": filter, "first": 3, "after": one["pageInfo"]["endCursor"]}), None).unwrap();
        assert_eq!((ids(&two), &two["pageInfo"]["hasNextPage"]), (vec!["5"], &json!(false)));
    }

    #[test]
    fn the_case_may_want_small_pages() {
        assert_eq!(ids(&ask(json!({"first": 50}), Some(2)).unwrap()), ["1", "2"]);
    }

    #[test]
    fn what_makes_no_page_is_refused() {
        for wrong in
            [json!({"first": 0}), json!({"first": 251}), json!({"first": "2"}), json!({"after": "x"})]
        {
            assert!(ask(wrong.clone(), None).is_err(), "{wrong}");
        }
    }
}
