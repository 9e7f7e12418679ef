//! `[projects.X.tracker]`: where a project's issues are, and what their states mean.

use super::problem::Problem;
use super::projects::Merge;
use super::section::{Given, Reader, Section};
use super::workflow::Front;
use domain::issue::States;
use std::path::{Path, PathBuf};

/// The folder of issues beside WORKFLOW.md unless somebody says otherwise.
pub const DEFAULT_PATH: &str = "issues";
const FILES: &str = "files";
const NOT_SERVED: &str = "only trackers of kind `files` are served yet";

/// What the file says of a tracker.
#[derive(Debug, Default)]
pub struct Tracker {
    kind: Option<Given<String>>,
    path: Option<Given<String>>,
    active: Option<Given<Vec<String>>>,
    terminal: Option<Given<Vec<String>>>,
}

/// Reads the section `tracker`.
pub fn read(project: &Section<'_>, reader: &Reader<'_>) -> Tracker {
    let Some(section) = project.section("tracker") else { return Tracker::default() };
    let kind = section.text("kind");
    if let Some(kind) = kind.as_ref().filter(|kind| kind.value != FILES) {
        reader.problem(
            kind,
            NOT_SERVED,
            "write kind = \"files\" and keep issues as markdown files in a folder",
        );
    }
    let path = section.text("path");
    let (active, terminal) = (states_in(&section, "active", reader), states_in(&section, "terminal", reader));
    section.finish();
    Tracker { kind, path, active, terminal }
}

impl Tracker {
    /// The folder of issues, absolute, and the meaning of states, with what WORKFLOW.md says.
    pub fn with(&self, merged: &Merge<'_>, workflow: &Path) -> (PathBuf, States) {
        if self.kind.is_none()
            && let Err(problem) = served(merged.front)
        {
            merged.reader.report.add(*problem);
        }
        let beside = workflow.parent().unwrap_or(Path::new("/"));
        let path = match &self.path {
            Some(given) => merged.reader.source.dir().join(&given.value),
            None => beside.join(merged.front.tracker_path.as_deref().unwrap_or(DEFAULT_PATH)),
        };
        let default = States::default();
        let pick = |given: &Option<_>, front: &Option<Vec<String>>, default| {
            merged.pick(given.as_ref(), front.clone()).unwrap_or(default)
        };
        let states = States {
            active: pick(&self.active, &merged.front.active, default.active),
            terminal: pick(&self.terminal, &merged.front.terminal, default.terminal),
        };
        (path, states)
    }
}

/// Whether the tracker that WORKFLOW.md names is one that is served.
pub fn served(front: &Front) -> Result<(), Box<Problem>> {
    match front.tracker_kind.as_deref() {
        None | Some(FILES) => Ok(()),
        Some(_) => {
            let mend = "write `kind: files` and keep issues as markdown files in a folder";
            Err(Box::new(Problem::of_file(&front.file, "", "").saying("tracker.kind", NOT_SERVED, mend)))
        }
    }
}

/// The states that WORKFLOW.md names, else those of the `files` tracker.
pub fn states(front: &Front) -> States {
    let default = States::default();
    States {
        active: front.active.clone().unwrap_or(default.active),
        terminal: front.terminal.clone().unwrap_or(default.terminal),
    }
}

fn states_in(section: &Section<'_>, key: &'static str, reader: &Reader<'_>) -> Option<Given<Vec<String>>> {
    let given = section.texts(key)?;
    if given.value.is_empty() {
        reader.problem(&given, format!("`{key}` names no state"), "name at least one, or leave the key out");
        return None;
    }
    Some(given.map(|texts| texts.into_iter().map(|text| text.value).collect()))
}
