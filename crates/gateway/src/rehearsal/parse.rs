//! Reads a scenario file, strictly: what is not understood is an error with file, line and mend.

use super::scenario::{Act, Fault, Play, Scenario, Script, Turn, When};
use domain::Millis;
use domain::call::Usage;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::ops::Range;
use std::path::Path;
use toml::Spanned;

/// A scenario is written by hand; a megabyte is a book.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Scripts are tried one after the other for each request.
const MAX_SCRIPTS: usize = 256;
/// Turns of one script; a longer play repeats its last turn.
const MAX_TURNS: usize = 1000;
/// Tool calls of one turn; providers allow 128.
const MAX_CALLS: usize = 128;
/// A longer wait than an hour is a mistake in the unit.
const MAX_WAIT_MS: u64 = 3_600_000;
/// Script names travel in call ids, which providers and clients limit to 64 characters.
const MAX_NAME: usize = 32;

/// Why a scenario cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("{file}: cannot be read: {why}; check the path in the provider's `scenario`")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system said.
        why: String,
    },
    /// The file is not a scenario.
    #[error("{file}:{line}: {what}")]
    Wrong {
        /// The file.
        file: String,
        /// From 1.
        line: usize,
        /// What is wrong and how to mend it.
        what: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    script: Vec<Spanned<RawScript>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScript {
    name: Spanned<String>,
    #[serde(default)]
    when: RawWhen,
    #[serde(default)]
    turn: Vec<Spanned<RawTurn>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWhen {
    #[serde(default)]
    contains: Vec<String>,
    model: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTurn {
    text: Option<String>,
    #[serde(default)]
    call: Vec<Spanned<RawCall>>,
    delay: Option<Spanned<String>>,
    chunk_delay: Option<Spanned<String>>,
    usage: Option<RawUsage>,
    error: Option<Spanned<RawError>>,
    cut_after: Option<u32>,
    #[serde(default)]
    repeat: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCall {
    tool: Option<String>,
    arguments: Option<Map<String, Value>>,
    run: Option<String>,
    patch: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct RawUsage {
    input: u32,
    cached: u32,
    output: u32,
    reasoning: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawError {
    status: u16,
    code: String,
    message: Option<String>,
    retry_after: Option<u32>,
}

/// What is wrong, and where in the text.
struct Wrong {
    at: Range<usize>,
    what: String,
}

fn wrong(at: Range<usize>, what: impl Into<String>) -> Wrong {
    Wrong { at, what: what.into() }
}

impl Scenario {
    /// Reads the file at `path`. Blocking; a scenario is read once, at start.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let file = path.display().to_string();
        let unreadable = |why: String| ScenarioError::Unreadable { file: file.clone(), why };
        let size = std::fs::metadata(path).map_err(|e| unreadable(e.to_string()))?.len();
        if size > MAX_FILE_BYTES {
            return Err(unreadable(format!("it has {size} bytes, the most is {MAX_FILE_BYTES}")));
        }
        let text = std::fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))?;
        Self::parse(&text, &file)
    }

    /// Reads `text`; `file` names it in errors.
    pub fn parse(text: &str, file: &str) -> Result<Self, ScenarioError> {
        let place = |w: Wrong| ScenarioError::Wrong {
            file: file.to_owned(),
            line: line_of(text, w.at.start),
            what: w.what,
        };
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(place(wrong(0..0, format!("the file is larger than {MAX_FILE_BYTES} bytes"))));
        }
        let raw: RawFile = toml::from_str(text)
            .map_err(|error| place(wrong(error.span().unwrap_or(0..0), error.message().trim_end())))?;
        let scripts = scripts(raw.script).map_err(place)?;
        Ok(Self { file: file.to_owned(), scripts })
    }
}

fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    before.iter().filter(|&&b| b == b'\n').count() + 1
}

fn scripts(raw: Vec<Spanned<RawScript>>) -> Result<Vec<Script>, Wrong> {
    if raw.is_empty() {
        return Err(wrong(
            0..0,
            "there is no script; add [[script]] with a name and at least one [[script.turn]]",
        ));
    }
    if let Some(over) = raw.get(MAX_SCRIPTS) {
        return Err(wrong(over.span(), format!("more than {MAX_SCRIPTS} scripts; split the scenario")));
    }
    let mut scripts: Vec<Script> = Vec::with_capacity(raw.len());
    for script in raw {
        let at = script.span();
        let script = script.into_inner();
        let name_at = script.name.span();
        let name = name(script.name)?;
        if scripts.iter().any(|s| s.name == name) {
            return Err(wrong(name_at, format!("the script name `{name}` stands twice; give each its own")));
        }
        let when = When { contains: script.when.contains, model: script.when.model };
        scripts.push(Script { turns: turns(script.turn, at, &name)?, name, when });
    }
    Ok(scripts)
}

fn name(raw: Spanned<String>) -> Result<String, Wrong> {
    let at = raw.span();
    let name = raw.into_inner();
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(plain) {
        return Err(wrong(at, format!("a script name has 1 to {MAX_NAME} of a-z, 0-9, _ and -; rename it")));
    }
    Ok(name)
}

fn turns(raw: Vec<Spanned<RawTurn>>, at: Range<usize>, script: &str) -> Result<Vec<Turn>, Wrong> {
    if raw.is_empty() {
        return Err(wrong(
            at,
            format!("script `{script}` has no turn; add [[script.turn]] with `text` or a call"),
        ));
    }
    if let Some(over) = raw.get(MAX_TURNS) {
        return Err(wrong(
            over.span(),
            format!("more than {MAX_TURNS} turns; use `repeat = true` on the last"),
        ));
    }
    let last = raw.len() - 1;
    let mut turns = Vec::with_capacity(raw.len());
    for (number, turn) in raw.into_iter().enumerate() {
        let at = turn.span();
        let turn = self::turn(turn.into_inner(), at.clone())?;
        if turn.repeat && number != last {
            return Err(wrong(at, "`repeat` may stand on the last turn of a script only; move it there"));
        }
        turns.push(turn);
    }
    Ok(turns)
}

fn turn(raw: RawTurn, at: Range<usize>) -> Result<Turn, Wrong> {
    let usage = raw.usage.map(usage).transpose().map_err(|what| wrong(at.clone(), what))?;
    let (delay, chunk_delay) = (wait(raw.delay)?, wait(raw.chunk_delay)?);
    let play = match raw.error {
        Some(_) if raw.text.is_some() || !raw.call.is_empty() => {
            return Err(wrong(at, "a turn has either `error` or something to say; make two turns of it"));
        }
        Some(error) => Play::Fail(fault(error)?),
        None => say(raw.text, raw.call, at)?,
    };
    Ok(Turn { play, delay, chunk_delay, usage, cut_after: raw.cut_after, repeat: raw.repeat })
}

fn say(text: Option<String>, calls: Vec<Spanned<RawCall>>, at: Range<usize>) -> Result<Play, Wrong> {
    if text.is_none() && calls.is_empty() {
        return Err(wrong(at, "the turn does nothing; give it `text`, [[script.turn.call]] or `error`"));
    }
    if let Some(over) = calls.get(MAX_CALLS) {
        return Err(wrong(
            over.span(),
            format!("more than {MAX_CALLS} calls in one turn; make two turns of it"),
        ));
    }
    Ok(Play::Say { text, acts: calls.into_iter().map(act).collect::<Result<_, _>>()? })
}

fn act(raw: Spanned<RawCall>) -> Result<Act, Wrong> {
    let at = raw.span();
    match raw.into_inner() {
        RawCall { tool: Some(name), arguments, run: None, patch: None } => {
            Ok(Act::Tool { name, arguments: arguments.unwrap_or_default() })
        }
        RawCall { run: Some(command), tool: None, arguments: None, patch: None } => Ok(Act::Run(command)),
        RawCall { patch: Some(patch), tool: None, arguments: None, run: None } => Ok(Act::Patch(patch)),
        RawCall { .. } => Err(wrong(
            at,
            "a call has exactly one of `tool` (with `arguments`), `run` or `patch`; keep one of them",
        )),
    }
}

fn usage(raw: RawUsage) -> Result<Usage, &'static str> {
    if raw.cached > raw.input || raw.reasoning > raw.output {
        return Err(
            "in `usage`, `input` includes `cached` and `output` includes `reasoning`; raise the whole",
        );
    }
    Ok(Usage {
        input: raw.input.into(),
        cached: raw.cached.into(),
        cache_write: 0,
        output: raw.output.into(),
        reasoning: raw.reasoning.into(),
    })
}

fn fault(raw: Spanned<RawError>) -> Result<Fault, Wrong> {
    let at = raw.span();
    let raw = raw.into_inner();
    if !(400..=599).contains(&raw.status) {
        return Err(wrong(at, "the `status` of an error lies between 400 and 599; choose one of these"));
    }
    let message = raw.message.unwrap_or_else(|| "an error that the scenario asks for".to_owned());
    Ok(Fault { status: raw.status, code: raw.code, message, retry_after: raw.retry_after })
}

fn wait(raw: Option<Spanned<String>>) -> Result<Millis, Wrong> {
    let Some(raw) = raw else { return Ok(Millis(0)) };
    let at = raw.span();
    let text = raw.into_inner();
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let scale = match unit.trim() {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        _ => None,
    };
    let ms = scale.and_then(|scale: u64| number.parse::<u64>().ok()?.checked_mul(scale));
    match ms.filter(|&ms| ms <= MAX_WAIT_MS) {
        Some(ms) => Ok(Millis(ms)),
        None => Err(wrong(at, "not a wait; write it like \"200ms\", \"2s\" or \"1m\", up to an hour")),
    }
}

#[cfg(test)]
mod tests;
