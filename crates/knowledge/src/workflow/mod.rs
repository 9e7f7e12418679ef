//! `WORKFLOW.md` as Symphony's specification defines it (section 5): settings in front matter, and a prompt.
//!
//! Invariants: the front matter is kept whole, so keys we do not know reach whoever does; a wrong value is an
//! error that names key, file and line; a prompt with a fault fails the run that needs it, not the loading, so
//! that a running system keeps watching (5.5). Call [`Workflow::check`] to hear of it early.

mod expression;
mod settings;
mod strict;
mod template;
mod view;

pub use settings::{Agent, Hooks, Launch, Observability, Seawall, Server, Settings, Tracker};
pub use template::Template;
pub use view::issue_view;

use crate::front;
use serde_json::{Map, Value};
use std::path::Path;

/// A larger file is no workflow.
pub const MAX_BYTES: usize = 256 * 1024;

/// A workflow file that was read.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// The front matter, every key of it; an object.
    pub front: Value,
    /// The keys we know, checked, with defaults.
    pub settings: Settings,
    /// The prompt for each issue.
    pub prompt: Template,
}

/// Why a workflow or its prompt cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {file}; create it with `seawall init` or name another one")]
    MissingFile {
        /// The file.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The front matter is not YAML, or the file is not text.
    #[error("{file}:{line}: {what}")]
    Parse {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u32,
        /// What is wrong.
        what: String,
    },
    /// The front matter is YAML, but no map.
    #[error("{file}:2: the front matter must be a map of keys to values")]
    NotAMap {
        /// The file.
        file: String,
    },
    /// A key has a value it must not have.
    #[error("{file}:{line}: {key} {what}")]
    BadValue {
        /// The file.
        file: String,
        /// The line, from 1, as far as it can be told.
        line: u32,
        /// The key, with dots.
        key: String,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// The prompt is no template.
    #[error("{file}:{line}: the prompt cannot be read: {what}")]
    TemplateParse {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u32,
        /// What is wrong.
        what: String,
    },
    /// The prompt cannot be filled in: an unknown variable or filter, or too much text.
    #[error("{file}:{line}: the prompt cannot be filled in: {what}")]
    TemplateRender {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u32,
        /// What is wrong.
        what: String,
    },
}

impl Error {
    /// The name of section 5.5 of Symphony's specification.
    pub fn class(&self) -> &'static str {
        match self {
            Self::MissingFile { .. } => "missing_workflow_file",
            Self::Parse { .. } | Self::BadValue { .. } => "workflow_parse_error",
            Self::NotAMap { .. } => "workflow_front_matter_not_a_map",
            Self::TemplateParse { .. } => "template_parse_error",
            Self::TemplateRender { .. } => "template_render_error",
        }
    }
}

impl Workflow {
    /// Reads the file at `path`; `shown` is how errors call it.
    pub fn load(path: &Path, shown: &str) -> Result<Self, Error> {
        let missing = |source| Error::MissingFile { file: shown.to_owned(), source };
        let size = std::fs::metadata(path).map_err(missing)?.len();
        if size > MAX_BYTES as u64 {
            return Err(too_large(shown));
        }
        let bytes = std::fs::read(path).map_err(missing)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = before.iter().filter(|b| **b == b'\n').count() + 1;
            let line = u32::try_from(line).unwrap_or(u32::MAX);
            Error::Parse { file: shown.to_owned(), line, what: "is not UTF-8; save it as UTF-8".to_owned() }
        })?;
        Self::parse(shown, &text)
    }

    /// Reads `text`, the file called `file` in errors.
    pub fn parse(file: &str, text: &str) -> Result<Self, Error> {
        if text.len() > MAX_BYTES {
            return Err(too_large(file));
        }
        let parts = front::split(text);
        let yaml = parts.front.unwrap_or_default();
        let front = front_value(file, yaml)?;
        let settings = Settings::read(file, yaml, &front)?;
        let prompt = Template::new(file, parts.body, parts.body_line);
        Ok(Self { front, settings, prompt })
    }

    /// Whether the prompt is a template; does not need an issue.
    pub fn check(&self) -> Result<(), Error> {
        self.prompt.check()
    }

    /// The prompt for `issue` (an object with every normalised field). `attempt` is `None` on the first one.
    pub fn render(&self, issue: &Value, attempt: Option<u32>) -> Result<String, Error> {
        self.prompt.render(issue, attempt)
    }
}

fn front_value(file: &str, yaml: &str) -> Result<Value, Error> {
    let parse_error = |(line, what)| Error::Parse { file: file.to_owned(), line, what };
    if yaml.lines().all(|l| l.trim().is_empty() || l.trim_start().starts_with('#')) {
        return Ok(Value::Object(Map::new()));
    }
    match front::yaml::<Value>(yaml).map_err(parse_error)? {
        Value::Null => Ok(Value::Object(Map::new())),
        Value::Object(map) => Ok(Value::Object(map)),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Error::NotAMap { file: file.to_owned() })
        }
    }
}

fn too_large(file: &str) -> Error {
    Error::Parse {
        file: file.to_owned(),
        line: 1,
        what: format!("is larger than {MAX_BYTES} bytes; shorten it"),
    }
}

#[cfg(test)]
mod tests;
