//! The prompt: Liquid, rendered strictly.

use super::Error;
use super::strict::{self, Script};
use liquid::model::Value as Liquid;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::sync::Arc;

/// A longer prompt is refused: no model reads it, and it was not meant.
const MAX_PROMPT_BYTES: usize = 1024 * 1024;
/// What an empty body means.
const DEFAULT_PROMPT: &str = "You are working on issue {{ issue.identifier }}: {{ issue.title }}\n\n\
                              {{ issue.description | default: \"No description provided.\" }}\n";

/// A prompt template, compiled once. Cheap to clone.
#[derive(Clone)]
pub struct Template {
    file: String,
    source: Arc<str>,
    /// The line of the file that the source begins on.
    line: u32,
    compiled: Result<Arc<Compiled>, Fault>,
}

struct Compiled {
    script: Script,
    template: liquid::Template,
}

/// What is wrong with a source, and where in it (from 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub kind: FaultKind,
    pub line: u32,
    pub what: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    Parse,
    Render,
}

impl Template {
    /// The template `body`, which begins on `line` of `file`. A fault is kept and told by
    /// [`Template::check`] and [`Template::render`].
    pub(super) fn new(file: &str, body: &str, line: u32) -> Self {
        let trimmed = body.trim();
        let skipped = body[..body.len() - body.trim_start().len()].matches('\n').count();
        let line = line.saturating_add(u32::try_from(skipped).unwrap_or(0));
        let source: Arc<str> = Arc::from(if trimmed.is_empty() { DEFAULT_PROMPT } else { trimmed });
        let compiled = compile(&source).map(Arc::new);
        Self { file: file.to_owned(), source, line, compiled }
    }

    /// The text of the template.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it is a template.
    pub fn check(&self) -> Result<(), Error> {
        self.compiled.as_ref().map(|_| ()).map_err(|fault| self.error(fault.clone()))
    }

    /// Fills it in. Every variable must exist, also one that is only asked for in a condition.
    pub fn render(&self, issue: &Value, attempt: Option<u32>) -> Result<String, Error> {
        let compiled = self.compiled.as_ref().map_err(|fault| self.error(fault.clone()))?;
        let globals = json!({ "issue": issue, "attempt": attempt });
        compiled.script.check(&globals).map_err(|fault| self.error(fault))?;
        let render_fault = |what: String| self.error(Fault { kind: FaultKind::Render, line: 1, what });
        let globals: Liquid =
            liquid::model::to_value(&globals).map_err(|e| render_fault(one_line(&e.to_string())))?;
        let Liquid::Object(globals) = globals else {
            return Err(render_fault("the issue is not an object".to_owned()));
        };
        let mut out = Bounded(Vec::new());
        compiled
            .template
            .render_to(&mut out, &globals)
            .map_err(|e| render_fault(one_line(&e.to_string())))?;
        String::from_utf8(out.0).map_err(|_| render_fault("the result is not UTF-8".to_owned()))
    }

    fn error(&self, fault: Fault) -> Error {
        let (file, what) = (self.file.clone(), fault.what);
        let line = self.line.saturating_add(fault.line).saturating_sub(1);
        match fault.kind {
            FaultKind::Parse => Error::TemplateParse { file, line, what },
            FaultKind::Render => Error::TemplateRender { file, line, what },
        }
    }
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Template").field("file", &self.file).field("line", &self.line).finish_non_exhaustive()
    }
}

fn compile(source: &str) -> Result<Compiled, Fault> {
    let script = strict::scan(source)?;
    let parser = liquid::ParserBuilder::with_stdlib().build();
    let parser =
        parser.map_err(|e| Fault { kind: FaultKind::Parse, line: 1, what: one_line(&e.to_string()) })?;
    let template = parser.parse(source).map_err(|error| parse_fault(&error.to_string()))?;
    Ok(Compiled { script, template })
}

/// The specification counts an unknown filter among the faults of rendering.
fn parse_fault(text: &str) -> Fault {
    let kind = if text.contains("Unknown filter") { FaultKind::Render } else { FaultKind::Parse };
    // Syntax errors begin with ` --> line:column`.
    let place =
        text.split("--> ").nth(1).and_then(|rest| rest.split(':').next()).and_then(|n| n.trim().parse().ok());
    Fault { kind, line: place.unwrap_or(1), what: one_line(text) }
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(400).collect()
}

/// Fails the rendering once it has become too long.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_PROMPT_BYTES {
            return Err(io::Error::other("the prompt is longer than 1 MiB"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
