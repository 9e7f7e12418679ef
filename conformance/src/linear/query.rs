//! Reads a GraphQL request: which operation is meant, and its fields with variables filled in.
//!
//! Invariants: a request is bounded; fragments may not nest without end; what cannot be read is an error with a text.

use graphql_parser::query::{self, Definition, Document, OperationDefinition, Selection as Parsed};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A longer query than any client needs.
const QUERY_BYTES: usize = 64 * 1024;
/// Selections and fragments within each other.
const DEPTH: usize = 20;

/// The body of a request.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Request {
    pub(super) query: String,
    #[serde(default)]
    pub(super) variables: Option<Map<String, Value>>,
    #[serde(default, rename = "operationName")]
    pub(super) operation_name: Option<String>,
}

/// One field that is asked for.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    /// Under which key it is answered.
    pub(super) key: String,
    pub(super) arguments: Map<String, Value>,
    pub(super) fields: Vec<Field>,
}

/// The operation of a request.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) mutation: bool,
    pub(super) fields: Vec<Field>,
}

struct Reader<'a> {
    fragments: BTreeMap<&'a str, &'a query::SelectionSet<'a, String>>,
    variables: Map<String, Value>,
}

pub(super) fn read(request: &Request) -> Result<Operation, String> {
    if request.query.len() > QUERY_BYTES {
        return Err("the query is too long".to_owned());
    }
    if nesting(&request.query) > DEPTH {
        return Err("the query nests too deeply".to_owned());
    }
    let document: Document<'_, String> =
        query::parse_query(&request.query).map_err(|error| format!("Syntax Error: {error}"))?;
    let operation = chosen(&document, request.operation_name.as_deref())?;
    let (mutation, defined, set) = match operation {
        OperationDefinition::SelectionSet(set) => (false, &[][..], set),
        OperationDefinition::Query(query) => {
            (false, query.variable_definitions.as_slice(), &query.selection_set)
        }
        OperationDefinition::Mutation(m) => (true, m.variable_definitions.as_slice(), &m.selection_set),
        OperationDefinition::Subscription(_) => return Err("subscriptions are not served".to_owned()),
    };
    let given = request.variables.clone().unwrap_or_default();
    let reader = Reader { fragments: fragments(&document), variables: variables(defined, given)? };
    Ok(Operation { mutation, fields: reader.fields(set, 0)? })
}

/// How deeply braces, brackets and parentheses nest; the parser itself has no limit.
fn nesting(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut deepest = 0;
    for c in text.chars() {
        match c {
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn chosen<'a, 'b>(
    document: &'b Document<'a, String>,
    name: Option<&str>,
) -> Result<&'b OperationDefinition<'a, String>, String> {
    let operations = document.definitions.iter().filter_map(|definition| match definition {
        Definition::Operation(operation) => Some(operation),
        Definition::Fragment(_) => None,
    });
    let mut fitting = operations.filter(|operation| name.is_none() || name_of(operation) == name);
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err("there is no such operation".to_owned()),
        (Some(_), Some(_)) => Err("operationName must say which of the operations is meant".to_owned()),
    }
}

fn name_of<'b>(operation: &'b OperationDefinition<'_, String>) -> Option<&'b str> {
    match operation {
        OperationDefinition::SelectionSet(_) => None,
        OperationDefinition::Query(query) => query.name.as_deref(),
        OperationDefinition::Mutation(mutation) => mutation.name.as_deref(),
        OperationDefinition::Subscription(subscription) => subscription.name.as_deref(),
    }
}

fn fragments<'b>(
    document: &'b Document<'b, String>,
) -> BTreeMap<&'b str, &'b query::SelectionSet<'b, String>> {
    let fragment = |definition: &'b Definition<'b, String>| match definition {
        Definition::Fragment(fragment) => Some((fragment.name.as_str(), &fragment.selection_set)),
        Definition::Operation(_) => None,
    };
    document.definitions.iter().filter_map(fragment).collect()
}

/// The given variables and the defaults; a required one that is missing is an error, as is one nobody declared a
/// value for.
fn variables(
    defined: &[query::VariableDefinition<'_, String>],
    mut given: Map<String, Value>,
) -> Result<Map<String, Value>, String> {
    for variable in defined {
        if given.contains_key(&variable.name) {
            continue;
        }
        match (&variable.default_value, &variable.var_type) {
            (Some(default), _) => {
                given.insert(variable.name.clone(), literal(default, &Map::new(), 0)?);
            }
            (None, query::Type::NonNullType(_)) => {
                return Err(format!("Variable \"${}\" of a required type was not provided.", variable.name));
            }
            (None, query::Type::NamedType(_) | query::Type::ListType(_)) => {}
        }
    }
    Ok(given)
}

impl Reader<'_> {
    fn fields(&self, set: &query::SelectionSet<'_, String>, depth: usize) -> Result<Vec<Field>, String> {
        if depth > DEPTH {
            return Err("the query nests too deeply".to_owned());
        }
        let mut fields = vec![];
        for item in &set.items {
            match item {
                Parsed::Field(field) => {
                    let arguments = field
                        .arguments
                        .iter()
                        .map(|(name, value)| Ok((name.clone(), literal(value, &self.variables, depth)?)));
                    fields.push(Field {
                        name: field.name.clone(),
                        key: field.alias.clone().unwrap_or_else(|| field.name.clone()),
                        arguments: arguments.collect::<Result<_, String>>()?,
                        fields: self.fields(&field.selection_set, depth + 1)?,
                    });
                }
                Parsed::FragmentSpread(spread) => {
                    let name = spread.fragment_name.as_str();
                    let set =
                        self.fragments.get(name).ok_or_else(|| format!("Unknown fragment \"{name}\"."))?;
                    fields.extend(self.fields(set, depth + 1)?);
                }
                Parsed::InlineFragment(inline) => {
                    fields.extend(self.fields(&inline.selection_set, depth + 1)?);
                }
            }
        }
        Ok(fields)
    }
}

fn literal(
    value: &query::Value<'_, String>,
    variables: &Map<String, Value>,
    depth: usize,
) -> Result<Value, String> {
    if depth > DEPTH * 2 {
        return Err("a value nests too deeply".to_owned());
    }
    Ok(match value {
        query::Value::Variable(name) => variables.get(name).cloned().unwrap_or(Value::Null),
        query::Value::Int(number) => number.as_i64().into(),
        query::Value::Float(number) => (*number).into(),
        query::Value::String(text) | query::Value::Enum(text) => Value::String(text.clone()),
        query::Value::Boolean(truth) => Value::Bool(*truth),
        query::Value::Null => Value::Null,
        query::Value::List(items) => {
            items.iter().map(|item| literal(item, variables, depth + 1)).collect::<Result<_, _>>()?
        }
        query::Value::Object(map) => {
            let pairs = map.iter().map(|(key, item)| Ok((key.clone(), literal(item, variables, depth + 1)?)));
            Value::Object(pairs.collect::<Result<_, String>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn request(query: &str, variables: Value) -> Request {
        serde_json::from_value(json!({"query": query, "variables": variables})).unwrap()
    }

    #[test]
    fn variables_defaults_aliases_and_fragments_are_filled_in() {
        let text = "query Q($s: [String!]!, $n: Int = 7) { mine: issues(first: $n, filter: {state: {name: {in: $s}}}) \
            { nodes { ...F ... on Issue { title } } } } fragment F on Issue { id }";
        let read = read(&request(text, json!({"s": ["Todo"]}))).unwrap();
        let field = &read.fields[0];
        assert_eq!((field.name.as_str(), field.key.as_str()), ("issues", "mine"));
        assert_eq!(
            Value::Object(field.arguments.clone()),
            json!({"first": 7, "filter": {"state": {"name": {"in": ["Todo"]}}}})
        );
        let names: Vec<_> = field.fields[0].fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["id", "title"]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(read(&request("{ issues", json!({}))).unwrap_err().contains("Syntax Error"));
        let missing = read(&request("query Q($s: String!) { issue(id: $s) { id } }", json!({}))).unwrap_err();
        assert!(missing.contains("$s"), "{missing}");
        assert!(read(&request("query A { a } query B { b }", json!({}))).is_err());
        assert!(read(&request("{ ...F } fragment F on I { ...F }", json!({}))).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z{}()\\[\\]:$!\" .#\n]{0,200}") {
            let _ = read(&Request { query: text, ..Request::default() });
        }
    }
}
