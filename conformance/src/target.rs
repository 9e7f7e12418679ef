//! The target file: how an implementation is started, where its API is, and what it does not claim to have.

use crate::case::CAPABILITIES;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One implementation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Target {
    pub(crate) name: String,
    /// The command line, with `{workflow}`, `{dir}`, `{env:NAME}`.
    pub(crate) command: Vec<String>,
    /// What is added to it to say the port of the HTTP API, with `{port}`.
    #[serde(default)]
    pub(crate) port_arguments: Vec<String>,
    /// Where the HTTP API is, with `{port}`.
    #[serde(default = "http")]
    pub(crate) http: String,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// Below which folder the cases work, with `~` and `{env:NAME}`; else the system's temporary one.
    #[serde(default)]
    pub(crate) work_dir: Option<String>,
    /// Log files, with `{dir}`; stdout and stderr are always looked at.
    #[serde(default)]
    pub(crate) logs: Vec<String>,
    /// Capabilities that it does not have, each with the reason.
    #[serde(default)]
    pub(crate) lacks: BTreeMap<String, String>,
    /// Front matter that every workflow needs for this implementation.
    #[serde(default)]
    pub(crate) workflow: Map<String, Value>,
}

fn http() -> String {
    "http://127.0.0.1:{port}".to_owned()
}

impl Target {
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text).map_err(|why| format!("{}: {why}", path.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let target: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        if target.command.is_empty() {
            return Err("command is empty".to_owned());
        }
        let known = |name: &str| CAPABILITIES.iter().any(|(capability, _)| *capability == name);
        match target.lacks.keys().find(|name| !known(name)) {
            Some(name) => {
                let all: Vec<&str> = CAPABILITIES.iter().map(|(name, _)| *name).collect();
                Err(format!("lacks.{name} is no capability; there are {}", all.join(", ")))
            }
            None => Ok(target),
        }
    }

    /// Whether every variable that it reads is set.
    pub(crate) fn ready(&self) -> Result<(), String> {
        let texts = self.command.iter().chain(self.env.values()).chain(&self.work_dir);
        texts.into_iter().try_for_each(|text| from_env(text).map(drop))
    }

    /// Why a case that needs these cannot be run, if it cannot.
    pub(crate) fn missing(&self, needs: &[String]) -> Option<String> {
        needs.iter().find_map(|need| self.lacks.get(need).map(|reason| format!("lacks {need}: {reason}")))
    }

    /// The folder for all cases.
    pub(crate) fn work_dir(&self) -> Result<PathBuf, String> {
        let Some(dir) = &self.work_dir else { return Ok(std::env::temp_dir()) };
        let dir = from_env(dir)?;
        match dir.strip_prefix("~/") {
            Some(rest) => {
                let home = std::env::var_os("HOME").ok_or("work_dir begins with ~, and HOME is not set")?;
                Ok(PathBuf::from(home).join(rest))
            }
            None => Ok(PathBuf::from(dir)),
        }
    }
}

/// Fills in `{env:NAME}`.
pub(crate) fn from_env(text: &str) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{env:") {
        let (name, after) = after.split_once('}').ok_or_else(|| format!("{text:?}: {{env: without }}"))?;
        let value =
            std::env::var(name).map_err(|_| format!("the target needs the variable {name}; set it"))?;
        filled.push_str(before);
        filled.push_str(&value);
        rest = after;
    }
    Ok(filled + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_that_come_with_the_kit_can_be_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("targets");
        for entry in std::fs::read_dir(folder).unwrap() {
            Target::read(&entry.unwrap().path()).unwrap();
        }
    }

    #[test]
    fn a_capability_nobody_knows_is_refused() {
        let why = Target::parse("name = 'x'\ncommand = ['x']\n[lacks]\nwings = 'none'").unwrap_err();
        assert!(why.contains("wings") && why.contains("http_api"), "{why}");
    }

    #[test]
    fn what_is_lacked_is_a_reason_to_skip() {
        let target = Target::parse("name = 'x'\ncommand = ['x']\n[lacks]\nhttp_api = 'planned'").unwrap();
        assert_eq!(target.missing(&["http_api".to_owned()]).unwrap(), "lacks http_api: planned");
        assert!(target.missing(&[]).is_none());
    }
}
