//! The folders of a case, its port, and the texts that stand for them.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Ports that were given to a case of this run; none is given twice.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
/// Below what Linux uses for outgoing connections (from 32768 on).
const PORTS: std::ops::Range<u16> = 18_000..32_000;
/// More ports than one run of the kit needs.
const STRIDE: u32 = 601;

/// Where things are.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) dir: PathBuf,
    pub(crate) port: u16,
    /// A second one, for cases that name a port in the workflow.
    pub(crate) other_port: u16,
}

impl Places {
    /// Makes the folders below `work`. Names are short: sockets in them must fit in 108 bytes.
    pub(crate) fn new(work: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(work)?;
        let dir = tempfile::Builder::new().prefix("sc-").rand_bytes(6).tempdir_in(work)?.keep();
        let dir = dir.canonicalize()?;
        for name in ["repo", "home", "trace", "out", "tmp"] {
            std::fs::create_dir(dir.join(name))?;
        }
        // An implementation may run hooks as a user of its own: their marks are anybody's to leave.
        std::fs::set_permissions(&dir, Permissions::from_mode(0o755))?;
        std::fs::write(dir.join("trace/hooks.log"), "")?;
        std::fs::set_permissions(dir.join("trace"), Permissions::from_mode(0o777))?;
        std::fs::set_permissions(dir.join("trace/hooks.log"), Permissions::from_mode(0o666))?;
        Ok(Self { dir, port: free_port()?, other_port: free_port()? })
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A path of a case: relative ones lie in its folder.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.join(path)
    }

    /// The key of the tracker: another one for each case, so that it can be found wherever it leaks.
    pub(crate) fn key(&self) -> String {
        format!("lin-key-{}", self.dir.file_name().unwrap_or_default().to_string_lossy())
    }

    /// Puts the places in the stead of their names.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut filled = text
            .replace("{port}", &self.port.to_string())
            .replace("{other_port}", &self.other_port.to_string())
            .replace("{key}", &self.key())
            .replace("{dir}", &self.dir.to_string_lossy());
        for name in ["workspaces", "repo", "home", "trace", "tmp"] {
            filled = filled.replace(&format!("{{{name}}}"), &self.at(name).to_string_lossy());
        }
        self.hooks(filled)
    }

    /// `{hook:NAME}` is a shell command that leaves a mark with the hook's name, its folder and the time.
    fn hooks(&self, mut text: String) -> String {
        let trace = self.at("trace").join("hooks.log");
        while let Some((before, after)) = text.split_once("{hook:") {
            let Some((name, after)) = after.split_once('}') else { return text };
            let mark = format!(
                "printf '%s\\t%s\\t%s\\n' {name} \"$(date +%s%3N)\" \"$PWD\" >> '{}'",
                trace.to_string_lossy()
            );
            text = format!("{before}{mark}{after}");
        }
        text
    }

    pub(crate) fn fill_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.fill(text)),
            Value::Array(items) => items.iter().map(|item| self.fill_value(item)).collect(),
            Value::Object(map) => {
                Value::Object(map.iter().map(|(k, v)| (self.fill(k), self.fill_value(v))).collect())
            }
            other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other.clone(),
        }
    }
}

/// A port that nobody listens on, from a range that the kernel does not take outgoing connections from: otherwise one of
/// those might have it by the time the implementation wants it.
fn free_port() -> std::io::Result<u16> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let size = u32::from(PORTS.end - PORTS.start);
    // Two kits on one machine begin at different places.
    let begin = std::process::id().wrapping_mul(STRIDE) % size;
    let all = (0..size).filter_map(|step| u16::try_from((begin + step) % size).ok());
    for port in all.map(|offset| PORTS.start + offset) {
        if !given.contains(&port) && std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            given.insert(port);
            return Ok(port);
        }
    }
    Err(std::io::Error::other("no free port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_places_and_templates_stay() {
        let work = tempfile::tempdir().unwrap();
        let places = Places::new(work.path()).unwrap();
        let filled = places.fill("{{ issue.id }} {workspaces}/x {hook:before_run} {linear}");
        assert!(filled.starts_with("{{ issue.id }} /") && filled.ends_with(" {linear}"), "{filled}");
        assert!(filled.contains("/workspaces/x printf") && filled.contains("before_run"), "{filled}");
    }
}
