//! Whom an order reaches, as text and as a set of runs.

use crate::{AgentName, ProjectName, RunId, TeamName};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whom an order reaches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// One run.
    Run(RunId),
    /// Every run of an agent.
    Agent(AgentName),
    /// Every run that a team's agents make.
    Team(TeamName),
    /// Every run for a project.
    Project(ProjectName),
    /// Everything.
    All,
}

/// Why a text is not a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a scope; write run/ID, agent/NAME, team/NAME, project/NAME or all")]
pub struct UnknownScope(pub String);

impl std::str::FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let unknown = || UnknownScope(text.to_owned());
        if text == "all" {
            return Ok(Self::All);
        }
        let (kind, name) = text.split_once('/').ok_or_else(unknown)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 128 || !name.chars().all(plain) {
            return Err(unknown());
        }
        match kind {
            "run" => Ok(Self::Run(name.into())),
            "agent" => Ok(Self::Agent(name.into())),
            "team" => Ok(Self::Team(name.into())),
            "project" => Ok(Self::Project(name.into())),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(id) => write!(f, "run/{id}"),
            Self::Agent(name) => write!(f, "agent/{name}"),
            Self::Team(name) => write!(f, "team/{name}"),
            Self::Project(name) => write!(f, "project/{name}"),
            Self::All => f.write_str("all"),
        }
    }
}

impl Serialize for Scope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What of a run the scopes speak of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The run.
    pub run: RunId,
    /// Its agent.
    pub agent: AgentName,
    /// The agent's team.
    pub team: TeamName,
    /// The project it works for.
    pub project: ProjectName,
}

impl Identity {
    /// Every scope that covers this run, narrowest first.
    pub fn scopes(&self) -> [Scope; 5] {
        [
            Scope::Run(self.run.clone()),
            Scope::Agent(self.agent.clone()),
            Scope::Team(self.team.clone()),
            Scope::Project(self.project.clone()),
            Scope::All,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_and_written_back() {
        for text in ["run/0abc", "agent/author", "team/pay", "project/shop", "all"] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in
            ["", "run/", "everything", "user/x", "team/a b", "team/../x", &format!("run/{}", "a".repeat(129))]
        {
            assert!(text.parse::<Scope>().is_err(), "{text:?}");
        }
    }
}
