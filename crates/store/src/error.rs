//! Why the store did not do what was asked.

use crate::db;
use crate::lease::TENURE;
use domain::EffectId;

/// Why the store did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// What the decision rested on is no longer so. Nothing was kept: load the facts and decide again.
    #[error("{what} changed since it was read; nothing was kept")]
    Outdated {
        /// What changed.
        what: &'static str,
    },
    /// The effect was claimed by another performer, or is done. Stop performing it.
    #[error("the lease of effect {effect} is lost; another performer has it")]
    LeaseLost {
        /// Which.
        effect: EffectId,
    },
    /// This engine is not that of its database any more. Nothing was kept, and nothing will be: stop.
    #[error("another engine works on this database now")]
    Superseded,
    /// The database failed.
    #[error(transparent)]
    Db(db::Error),
}

/// The store's answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Whether doing the same again later can help. [`Error::Outdated`] needs a new decision instead.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Db(error) => error.is_transient(),
            Self::Outdated { .. } | Self::LeaseLost { .. } | Self::Superseded => false,
        }
    }
}

impl From<db::Error> for Error {
    fn from(error: db::Error) -> Self {
        match error {
            db::Error::Conflict { label: TENURE, .. } => Self::Superseded,
            db::Error::Conflict { label, .. } => Self::Outdated { what: label },
            other @ (db::Error::Unavailable { .. }
            | db::Error::Unknown { .. }
            | db::Error::Corrupt { .. }
            | db::Error::Schema { .. }
            | db::Error::Address { .. }
            | db::Error::Sql { .. }) => Self::Db(other),
        }
    }
}
