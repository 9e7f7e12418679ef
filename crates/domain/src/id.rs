//! Names of things. Each is its own type, so that a run can never be passed where an agent is meant.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a text that the edge has already checked.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

name_type!(
    /// A run: one claim of one piece of work by one agent. 16 characters, sortable by creation.
    RunId
);
name_type!(
    /// One model request or tool request. 16 characters, sortable by creation; also its span id.
    CallId
);
name_type!(
    /// One command to contain a scope.
    OrderId
);
name_type!(
    /// An effect's idempotency key: `run/fence/kind`, derived and never random.
    EffectId
);
name_type!(
    /// The tracker's own id of an issue, unique within its project.
    IssueId
);
name_type!(
    /// A registered kind of worker, as named in the configuration.
    AgentName
);
name_type!(
    /// Who owns agents and code, pays for runs, and is paged.
    TeamName
);
name_type!(
    /// A repository with its tracker, as named in the configuration.
    ProjectName
);
name_type!(
    /// A model name that agents ask for; the gateway routes it.
    ModelName
);
name_type!(
    /// A full git object id of a commit, 40 or 64 lower-case hex digits.
    Sha
);

impl Sha {
    /// The first ten digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..10).unwrap_or(&self.0)
    }

    /// Whether the text has the shape of a full object id (SHA-1 or SHA-256).
    pub fn is_well_formed(&self) -> bool {
        matches!(self.0.len(), 40 | 64) && self.0.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }
}

/// A number that grows with each claim of a run; a write that carries an old one is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fence(pub u64);

impl Fence {
    /// The fence of the next claim.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A number that grows with each containment order; a token minted before an order's epoch is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_full_lower_case_hex_is_a_commit() {
        assert!(Sha::new("a".repeat(40)).is_well_formed());
        for wrong in ["", "abc", &"A".repeat(40), &"g".repeat(40), &"a".repeat(41)] {
            assert!(!Sha::new(wrong).is_well_formed(), "{wrong:?}");
        }
    }
}
