//! `[sandbox]` and `[trace]`: the walls around agents, and what is kept of what they say.

use super::section::{Given, Reader, Section};
use adapters::sandbox::Level;
use std::path::PathBuf;

/// The user that agents run as when Seawall runs as root and nothing else is said: `nobody`, who owns nothing.
const NOBODY: u32 = 65_534;

/// The walls, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// The weakest isolation that agents may run in.
    pub require: Level,
    /// The user that agents run as when Seawall runs as root.
    pub uid: u32,
    /// Folders of this machine that agents may read.
    pub read_only: Vec<PathBuf>,
    /// Folders in front of the agents' PATH.
    pub path: Vec<PathBuf>,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self { require: Level::Walled, uid: NOBODY, read_only: vec![], path: vec![] }
    }
}

/// Reads `[sandbox]`.
pub fn read(root: &Section<'_>, reader: &Reader<'_>) -> Sandbox {
    let default = Sandbox::default();
    let Some(section) = root.section("sandbox") else { return default };
    let require = section.parsed("require", level).map_or(default.require, |given| given.value);
    let uid = section.integer("uid", 1..=u64::from(u32::MAX - 1));
    let uid = uid.and_then(|given| u32::try_from(given.value).ok()).unwrap_or(default.uid);
    let read_only = folders(section.texts("read_only"), reader);
    let path = folders(section.texts("path"), reader);
    section.finish();
    Sandbox { require, uid, read_only, path }
}

/// Reads `[trace]`: whether request and answer bodies are kept.
pub fn read_trace(root: &Section<'_>) -> bool {
    let Some(section) = root.section("trace") else { return false };
    let bodies = section.flag("bodies");
    section.finish();
    bodies
}

fn level(text: &str) -> Result<Level, &'static str> {
    match text {
        "bare" => Ok(Level::Bare),
        "walled" => Ok(Level::Walled),
        "isolated" => Ok(Level::Isolated),
        _ => Err("there are three levels of isolation; write \"bare\", \"walled\" or \"isolated\""),
    }
}

fn folders(given: Option<Given<Vec<Given<String>>>>, reader: &Reader<'_>) -> Vec<PathBuf> {
    let mut folders = vec![];
    for text in given.map(|g| g.value).unwrap_or_default() {
        let folder = reader.source.dir().join(&text.value);
        if !folder.exists() {
            let what = format!(
                "there is no `{}` on this machine",
                if text.injected { "such path" } else { &text.value }
            );
            reader.warning(&text, what, "agents will not see it; create it or take it out");
        }
        folders.push(folder);
    }
    folders
}
