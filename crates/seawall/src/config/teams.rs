//! `[teams.X]`: who owns agents and code, and pays.

use super::section::{Given, Reader, Section};
use base::secret::Secret;
use domain::budget::Limit;
use domain::fleet::Team;
use domain::{AgentName, TeamName};
use std::collections::BTreeMap;

/// A team with where its parts stand.
#[derive(Clone, Debug)]
pub struct Stated {
    /// The team.
    pub team: Team,
    /// Its name, where it stands.
    pub name: Given<String>,
    /// Its reviewer, where it is named.
    pub reviewer: Option<Given<String>>,
    /// Where its people are told.
    pub notify: Option<Secret>,
}

/// Every team.
pub type Teams = BTreeMap<TeamName, Stated>;

/// Reads all teams.
pub fn read(root: &Section<'_>, reader: &Reader<'_>) -> Teams {
    let mut teams = Teams::new();
    for (name, section) in root.named("teams") {
        let budget = section.parsed("budget", Limit::parse).map(|given| given.value);
        let reviewer = section.text("reviewer");
        let knowledge = section.parsed("knowledge", inside_repository).map(|given| given.value);
        let notify = section.secret("notify");
        if let Some(notify) = &notify {
            let what = "`notify` is read, but nothing is sent to it yet";
            reader.warning(notify, what, "keep it: people are told from the release that pages teams on");
        }
        section.finish();
        let team = Team {
            name: TeamName::new(&name.value),
            budget,
            reviewer: reviewer.as_ref().map(|r| AgentName::new(&r.value)),
            knowledge: knowledge.unwrap_or_else(|| format!("teams/{}", name.value)),
        };
        let notify = notify.map(|given| given.value);
        teams.insert(team.name.clone(), Stated { team, name, reviewer, notify });
    }
    teams
}

/// A folder within a repository: relative, and never leading out of it.
fn inside_repository(text: &str) -> Result<String, &'static str> {
    let clean = text.trim_end_matches('/');
    let outside = clean.is_empty()
        || clean.starts_with('/')
        || clean.split('/').any(|part| matches!(part, ".." | "." | ".git"));
    if outside {
        Err("the folder must lie within the project's repository; write it relative, like \"teams/payments\"")
    } else {
        Ok(clean.to_owned())
    }
}
