//! Which trackers there are. A new one is a folder beside the others, and its line in [`KINDS`].

use super::{Category, Error, Tracker, files, github, linear, memory};
use base::clock::Clock;
use base::env::Env;
use domain::issue::States;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// What a tracker is opened with: one snapshot of its settings.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// `tracker.provider`, as it stands in the workflow: `$NAME` is not replaced yet. An object, or null.
    pub provider: &'a Value,
    /// What its states mean.
    pub states: &'a States,
    /// The folder of WORKFLOW.md; paths in `provider` start there.
    pub folder: &'a Path,
    /// What `$NAME` means.
    pub env: &'a Env,
    /// What time it is.
    pub clock: &'a Clock,
}

/// One kind of tracker.
pub(super) struct Kind {
    /// The value of `tracker.kind`.
    pub(super) name: &'static str,
    /// The states that count when the workflow names none; `None` when it has to.
    pub(super) default_states: fn() -> Option<States>,
    pub(super) open: fn(&Scope<'_>) -> Result<Arc<dyn Tracker>, Error>,
}

const KINDS: [Kind; 4] = [files::KIND, github::KIND, linear::KIND, memory::KIND];

/// The tracker that `kind` names. Asks nothing of it: only its settings are judged.
pub fn open(kind: &str, scope: &Scope<'_>) -> Result<Arc<dyn Tracker>, Error> {
    (find(kind)?.open)(scope)
}

/// The states of `kind` that count when the workflow names none; `None` when it has to name them. Errors when there is
/// no such kind.
pub fn default_states(kind: &str) -> Result<Option<States>, Error> {
    Ok((find(kind)?.default_states)())
}

/// The kinds, by name.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name)
}

fn find(kind: &str) -> Result<&'static Kind, Error> {
    const { &KINDS }.iter().find(|known| known.name == kind).ok_or_else(|| Error::Config {
        category: Category::UnsupportedKind,
        key: "tracker.kind".to_owned(),
        what: format!("names no tracker: {kind:?}"),
        mend: format!("write one of {}", kinds().collect::<Vec<_>>().join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_is_told_with_those_there_are() {
        let error = default_states("trello").unwrap_err();
        assert_eq!(error.category(), Category::UnsupportedKind);
        assert!(error.to_string().contains("files, github, linear, memory"), "{error}");
    }

    #[test]
    fn only_github_has_to_be_told_its_states() {
        let told: Vec<_> = kinds().filter(|kind| default_states(kind).unwrap().is_none()).collect();
        assert_eq!(told, ["github"]);
        assert_eq!(default_states("linear"), default_states("memory"));
    }
}
