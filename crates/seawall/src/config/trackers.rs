//! `[projects.X.tracker]`: where a project's issues are, and what their states mean.

use super::problem::Problem;
use super::projects::Merge;
use super::section::{Given, Reader, Section};
use super::workflow::Front;
use adapters::tracker::{self as registry, Scope};
use adapters::tracker::{Category, Tracker as Adapter};
use base::clock::Clock;
use base::env::Env;
use domain::issue::States;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

const FILES: &str = "files";

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
    let path = section.text("path");
    let (active, terminal) = (states_in(&section, "active", reader), states_in(&section, "terminal", reader));
    section.finish();
    Tracker { kind, path, active, terminal }
}

impl Tracker {
    /// The tracker and the meaning of its states, with what WORKFLOW.md says. What is wrong is reported.
    pub fn with(&self, merged: &Merge<'_>, workflow: &Path) -> Option<(Arc<dyn Adapter>, States)> {
        let front = merged.front;
        let kind =
            merged.pick(self.kind.as_ref(), front.tracker_kind.clone()).unwrap_or_else(|| FILES.to_owned());
        let active = merged.pick(self.active.as_ref(), front.active.clone());
        let terminal = merged.pick(self.terminal.as_ref(), front.terminal.clone());
        let mut provider = front.provider.clone();
        if let (Some(given), Value::Object(map)) = (&self.path, &mut provider) {
            // Relative to the file that says it.
            let path = merged.reader.source.dir().join(&given.value);
            map.insert("path".to_owned(), Value::String(path.display().to_string()));
        }
        let folder = workflow.parent().unwrap_or(Path::new("/"));
        match open(&kind, &provider, active, terminal, folder, merged.reader.env) {
            Ok(opened) => Some(opened),
            Err(error) => {
                match &self.kind {
                    Some(given) => merged.reader.problem(given, error.to_string(), MEND),
                    None => merged.reader.report.add(*told(front, &error)),
                }
                None
            }
        }
    }
}

/// The tracker of a lone WORKFLOW.md.
pub fn lone(front: &Front, folder: &Path, env: &Env) -> Result<(Arc<dyn Adapter>, States), Box<Problem>> {
    let kind = match (&front.tracker_kind, front.is_ours) {
        (Some(kind), _) => kind.as_str(),
        (None, true) => FILES,
        // Symphony wants it named (5.3.1), and a folder of issues is not what its users mean by nothing.
        (None, false) => {
            let what = "unsupported_tracker_kind: no tracker is named";
            let mend = "write `tracker: {kind: linear, …}`, or `kind: files` for a folder of markdown issues";
            return Err(Box::new(Problem::of_file(&front.file, "", "").saying("tracker.kind", what, mend)));
        }
    };
    open(kind, &front.provider, front.active.clone(), front.terminal.clone(), folder, env)
        .map_err(|error| told(front, &error))
}

/// What to do about a tracker that is not accepted, where its own words do not say it.
const MEND: &str = "see docs/trackers for what each kind needs";

fn told(front: &Front, error: &adapters::tracker::Error) -> Box<Problem> {
    let about = Problem::of_file(&front.file, "", "");
    let adapters::tracker::Error::Config { category, key, what, mend } = error else {
        return Box::new(about.saying("tracker", error.to_string(), MEND));
    };
    Box::new(about.saying(key, format!("{}: `{key}` {what}", category.name()), mend.clone()))
}

fn open(
    kind: &str,
    provider: &Value,
    active: Option<Vec<String>>,
    terminal: Option<Vec<String>>,
    folder: &Path,
    env: &Env,
) -> Result<(Arc<dyn Adapter>, States), adapters::tracker::Error> {
    let default = registry::default_states(kind)?;
    let missing = |key: &str| adapters::tracker::Error::Config {
        category: Category::InvalidConfig,
        key: key.to_owned(),
        what: format!("is missing, and trackers of kind `{kind}` have no default"),
        mend: "name the states, such as [open]".to_owned(),
    };
    let given = |given: Option<Vec<String>>, default: Option<Vec<String>>, key| {
        given.or(default).ok_or_else(|| missing(key))
    };
    let (known_active, known_terminal) = default.map_or((None, None), |d| (Some(d.active), Some(d.terminal)));
    let states = States {
        active: given(active, known_active, "tracker.active_states")?,
        terminal: given(terminal, known_terminal, "tracker.terminal_states")?,
    };
    let scope = Scope { provider, states: &states, folder, env, clock: &Clock::system() };
    Ok((registry::open(kind, &scope)?, states))
}

fn states_in(section: &Section<'_>, key: &'static str, reader: &Reader<'_>) -> Option<Given<Vec<String>>> {
    let given = section.texts(key)?;
    if given.value.is_empty() {
        reader.problem(&given, format!("`{key}` names no state"), "name at least one, or leave the key out");
        return None;
    }
    Some(given.map(|texts| texts.into_iter().map(|text| text.value).collect()))
}
