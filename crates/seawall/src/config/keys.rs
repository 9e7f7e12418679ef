//! `[keys.X]`: clients of the gateway that are not runs.

use super::section::{Given, Reader, Section};
use base::secret::Secret;
use domain::TeamName;
use std::collections::BTreeMap;

/// A client's key, and which team pays for what it does.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its team, where it is named.
    pub team: Given<String>,
    /// The key.
    pub key: Secret,
}

impl Key {
    /// Who pays.
    pub fn team(&self) -> TeamName {
        TeamName::new(&self.team.value)
    }
}

/// Reads all keys.
pub fn read(root: &Section<'_>, reader: &Reader<'_>) -> BTreeMap<String, Key> {
    let mut keys = BTreeMap::new();
    for (name, section) in root.named("keys") {
        let (team, key) = (section.text("team"), section.secret("key"));
        if team.is_none() {
            section.missing("team", "name the team that pays, like team = \"payments\"");
        }
        if key.is_none() {
            section.missing("key", "name the environment variable that holds it, like key = \"$CI_BOT_KEY\"");
        }
        section.finish();
        let what = "keys are read, but the gateway accepts only run tokens yet";
        reader.warning(&name, what, "keep it: clients that are not runs are let in from a later release on");
        if let (Some(team), Some(key)) = (team, key) {
            keys.insert(name.value, Key { team, key: key.value });
        }
    }
    keys
}
