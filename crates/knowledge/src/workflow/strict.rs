//! What the Liquid engine lets pass and the specification does not: unknown variables in conditions. And what
//! would hurt: nesting that exhausts the stack, loops that never seem to end.
//!
//! The source is scanned for the variables it reads, in order; at rendering each is looked up in the values.

use super::expression::{Reading, readings};
use super::template::{Fault, FaultKind};
use serde_json::Value;
use std::collections::HashMap;

/// Deeper blocks are not written by hand; the engine's parser recurses.
const MAX_NESTING: usize = 32;
/// Loops within loops multiply.
const MAX_LOOPS: usize = 3;
/// The most rounds of a loop over numbers.
const MAX_RANGE: i64 = 1_000;

/// What a template does with variables, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Script(Vec<Step>);

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Read(Reading),
    /// From here on `name` is known; by `Source::Free` nothing more is known about it.
    Bind {
        name: String,
        source: Source,
    },
}

#[derive(Clone, Debug, PartialEq)]
enum Source {
    Free,
    Same(Reading),
    Each(Reading),
}

/// What a name stands for while checking: the values it may have, or anything.
type Known<'a> = HashMap<&'a str, Option<Vec<&'a Value>>>;

impl Script {
    /// Looks every variable up in `globals`, an object.
    pub fn check(&self, globals: &Value) -> Result<(), Fault> {
        let mut known: Known<'_> = HashMap::new();
        for (name, value) in globals.as_object().into_iter().flatten() {
            known.insert(name, Some(vec![value]));
        }
        for step in &self.0 {
            match step {
                Step::Read(reading) => {
                    resolve(&known, reading)?;
                }
                Step::Bind { name, source } => {
                    let values = match source {
                        Source::Free => None,
                        Source::Same(reading) => resolve(&known, reading)?,
                        Source::Each(reading) => resolve(&known, reading)?.map(items),
                    };
                    known.insert(name, values);
                }
            }
        }
        Ok(())
    }
}

/// What a loop over `values` sees.
fn items(values: Vec<&Value>) -> Vec<&Value> {
    values.into_iter().filter_map(Value::as_array).flatten().collect()
}

fn resolve<'a>(known: &Known<'a>, reading: &Reading) -> Result<Option<Vec<&'a Value>>, Fault> {
    let unknown = || Fault {
        kind: FaultKind::Render,
        line: reading.line,
        what: format!("unknown variable {}", reading.path.join(".")),
    };
    let (root, keys) = reading.path.split_first().ok_or_else(unknown)?;
    let Some(mut values) = known.get(root.as_str()).cloned().ok_or_else(unknown)? else { return Ok(None) };
    for key in keys {
        let mut next = Vec::new();
        for value in values {
            match value {
                Value::Null => {}
                Value::Object(map) => next.push(map.get(key).ok_or_else(unknown)?),
                Value::Array(items) => match key.as_str() {
                    "size" => return Ok(None),
                    "first" => next.extend(items.first()),
                    "last" => next.extend(items.last()),
                    _ => return Err(unknown()),
                },
                Value::String(_) if key == "size" => return Ok(None),
                Value::String(_) | Value::Bool(_) | Value::Number(_) => return Err(unknown()),
            }
        }
        values = next;
    }
    Ok(Some(values))
}

/// Reads `source`. Text that is not Liquid passes; the engine's parser judges it.
pub(super) fn scan(source: &str) -> Result<Script, Fault> {
    let mut scan = Scan::default();
    let mut rest = source;
    let mut line = 1_u32;
    while let Some(at) = next_open(rest) {
        let (before, tail) = rest.split_at(at);
        line += newlines(before);
        let is_tag = tail.starts_with("{%");
        // Not before the second character: of `{%}` the `%` is taken already.
        let Some(end) = tail[2..].find(if is_tag { "%}" } else { "}}" }).map(|at| at + 2) else { break };
        let inner = tail[2..end].trim_start_matches('-').trim_end_matches('-');
        rest = &tail[end + 2..];
        let skipped = if is_tag { scan.tag(inner, line, rest)? } else { scan.output(inner, line)? };
        line += newlines(&tail[..end + 2]) + newlines(&rest[..skipped]);
        rest = &rest[skipped..];
    }
    Ok(Script(scan.steps))
}

fn next_open(text: &str) -> Option<usize> {
    match (text.find("{{"), text.find("{%")) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn newlines(text: &str) -> u32 {
    u32::try_from(text.matches('\n').count()).unwrap_or(0)
}

#[derive(Default)]
struct Scan {
    steps: Vec<Step>,
    blocks: usize,
    loops: usize,
}

impl Scan {
    fn output(&mut self, expression: &str, line: u32) -> Result<usize, Fault> {
        self.read(expression, line)?;
        Ok(0)
    }

    /// One tag; answers how many bytes after it are not Liquid (`raw`, `comment`).
    fn tag(&mut self, inner: &str, line: u32, rest: &str) -> Result<usize, Fault> {
        let inner = inner.trim();
        let (name, arguments) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
        match name {
            "raw" | "comment" => return Ok(end_of(rest, &format!("end{name}"))),
            "if" | "unless" | "case" => self.open(line)?,
            "for" | "tablerow" => {
                self.open(line)?;
                return self.each(arguments, line).map(|()| 0);
            }
            "capture" => {
                self.open(line)?;
                self.bind(arguments.trim(), Source::Free);
                return Ok(0);
            }
            "assign" => return self.assign(arguments, line).map(|()| 0),
            "increment" | "decrement" => self.bind(arguments.trim(), Source::Free),
            "endfor" | "endtablerow" => {
                self.blocks = self.blocks.saturating_sub(1);
                self.loops = self.loops.saturating_sub(1);
            }
            _ if name.starts_with("end") => self.blocks = self.blocks.saturating_sub(1),
            _ => {}
        }
        if matches!(name, "increment" | "decrement") {
            return Ok(0);
        }
        self.read(arguments, line)?;
        Ok(0)
    }

    fn open(&mut self, line: u32) -> Result<(), Fault> {
        self.blocks += 1;
        if self.blocks > MAX_NESTING {
            return Err(fault(line, format!("more than {MAX_NESTING} blocks within each other")));
        }
        Ok(())
    }

    /// `x in path …`
    fn each(&mut self, arguments: &str, line: u32) -> Result<(), Fault> {
        self.loops += 1;
        if self.loops > MAX_LOOPS {
            return Err(fault(line, format!("more than {MAX_LOOPS} loops within each other")));
        }
        let Some((name, over)) = arguments.split_once(" in ") else { return Ok(()) };
        let readings = readings(over, line)?;
        self.steps.extend(readings.iter().cloned().map(Step::Read));
        let source = match readings.into_iter().next() {
            Some(first) if over.trim_start().starts_with(first.path[0].as_str()) => Source::Each(first),
            Some(_) | None => {
                check_range(over, line)?;
                Source::Free
            }
        };
        for known in ["forloop", "tablerowloop"] {
            self.bind(known, Source::Free);
        }
        self.bind(name.trim(), source);
        Ok(())
    }

    fn assign(&mut self, arguments: &str, line: u32) -> Result<(), Fault> {
        let Some((name, value)) = arguments.split_once('=') else { return Ok(()) };
        let readings = readings(value, line)?;
        self.steps.extend(readings.iter().cloned().map(Step::Read));
        let plain =
            readings.first().filter(|r| readings.len() == 1 && r.path.join(".") == value.trim()).cloned();
        self.bind(name.trim(), plain.map_or(Source::Free, Source::Same));
        Ok(())
    }

    fn bind(&mut self, name: &str, source: Source) {
        self.steps.push(Step::Bind { name: name.to_owned(), source });
    }

    fn read(&mut self, expression: &str, line: u32) -> Result<(), Fault> {
        self.steps.extend(readings(expression, line)?.into_iter().map(Step::Read));
        Ok(())
    }
}

fn end_of(rest: &str, end_tag: &str) -> usize {
    let mut from = 0;
    while let Some(at) = rest[from..].find("{%").map(|at| from + at) {
        if rest[at + 2..].trim_start_matches('-').trim_start().starts_with(end_tag) {
            return at;
        }
        from = at + 2;
    }
    rest.len()
}

/// `(1..n)`: both ends must be numbers that are near each other.
fn check_range(over: &str, line: u32) -> Result<(), Fault> {
    let Some((start, end)) = over.trim().trim_start_matches('(').split_once("..") else { return Ok(()) };
    let end = end.split(')').next().unwrap_or_default();
    match (start.trim().parse::<i64>(), end.trim().parse::<i64>()) {
        (Ok(start), Ok(end)) if end.saturating_sub(start) <= MAX_RANGE => Ok(()),
        (Ok(_) | Err(_), Ok(_) | Err(_)) => {
            Err(fault(line, format!("a range must be two numbers at most {MAX_RANGE} apart")))
        }
    }
}

pub(super) fn fault(line: u32, what: String) -> Fault {
    Fault { kind: FaultKind::Parse, line, what }
}
