//! Budgets: a limit with a window. Reserved plus settled never passes the limit.

use crate::{AgentName, MicroUsd, RunId, TeamName, Timestamp, money};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How long a budget lasts before it is full again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Window {
    /// One run, however long.
    Run,
    /// A calendar day, UTC.
    Day,
}

/// A limit as written in the configuration: `5 USD/run`, `200 USD/day`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// The most that may be spent in one window.
    pub amount: MicroUsd,
    /// The window.
    pub window: Window,
}

/// Why a text is not a limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The amount is wrong.
    #[error(transparent)]
    Amount(#[from] money::Error),
    /// The window is missing or unknown.
    #[error("`{0}` names no known window; write it like `5 USD/run` or `200 USD/day`")]
    Window(String),
}

impl Limit {
    /// Reads `5 USD/run` or `200 USD/day`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let no_window = || Error::Window(text.to_owned());
        let (amount, window) = text.split_once('/').ok_or_else(no_window)?;
        let window = match window.trim() {
            "run" => Window::Run,
            "day" => Window::Day,
            _ => return Err(no_window()),
        };
        Ok(Self { amount: MicroUsd::parse(amount)?, window })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let window = match self.window {
            Window::Run => "run",
            Window::Day => "day",
        };
        write!(f, "{}/{window}", self.amount)
    }
}

/// Whose money it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "lowercase")]
pub enum Holder {
    /// One run.
    Run(RunId),
    /// All runs of an agent.
    Agent(AgentName),
    /// All runs of a team.
    Team(TeamName),
}

impl fmt::Display for Holder {
    /// `run/ID`, `agent/NAME`, `team/NAME`: also the key in the store.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(id) => write!(f, "run/{id}"),
            Self::Agent(name) => write!(f, "agent/{name}"),
            Self::Team(name) => write!(f, "team/{name}"),
        }
    }
}

/// One budget that a call must pass, in the window that `now` lies in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Whose.
    pub holder: Holder,
    /// The start of the window; 0 for a window that is the run itself.
    pub window_start: Timestamp,
    /// The most that may be reserved and settled together.
    pub limit: MicroUsd,
}

/// The account of `holder` under `limit` at `now`.
pub fn account(holder: Holder, limit: Limit, now: Timestamp) -> Account {
    let window_start = match limit.window {
        Window::Run => Timestamp(0),
        Window::Day => now.day_start(),
    };
    Account { holder, window_start, limit: limit.amount }
}

/// How an account stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Whose.
    pub holder: String,
    /// The start of the window.
    pub window_start: Timestamp,
    /// The most.
    pub limit: MicroUsd,
    /// What calls in flight may still cost.
    pub reserved: MicroUsd,
    /// What was spent.
    pub settled: MicroUsd,
}

impl Standing {
    /// What may still be reserved.
    pub fn available(&self) -> MicroUsd {
        MicroUsd(self.limit.0.saturating_sub(self.reserved.plus(self.settled).0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_and_written_back() {
        for (text, shown) in [("5 USD/run", "5.00 USD/run"), ("200 USD/day", "200.00 USD/day")] {
            assert_eq!(Limit::parse(text).unwrap().to_string(), shown);
        }
        for text in ["5 USD", "5 USD/fortnight", "many/run", ""] {
            assert!(Limit::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_day_budget_starts_anew_at_midnight() {
        let limit = Limit::parse("1 USD/day").unwrap();
        let at = |us| account(Holder::Team("pay".into()), limit, Timestamp(us)).window_start;
        assert_eq!(at(86_400_000_000 - 1), Timestamp(0));
        assert_eq!(at(86_400_000_000), Timestamp(86_400_000_000));
    }
}
