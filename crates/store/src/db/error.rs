//! The errors of the database, by what a caller can do about them.

/// Why the database did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A statement did not meet its expectation, or broke a unique index: somebody else was faster.
    /// Nothing of the batch was kept. Load the facts again and decide anew.
    #[error("{label}: somebody else changed it first (statement {statement} touched {rows} rows)")]
    Conflict {
        /// Which statement of the batch, from 0.
        statement: usize,
        /// The name it was given.
        label: &'static str,
        /// The rows it touched; 0 also when a unique index refused it.
        rows: u64,
    },
    /// The database cannot be reached, is too busy, or has no space left. Nothing was kept. Try again later.
    #[error("the database is unavailable: {what}")]
    Unavailable {
        /// What exactly, and what to do.
        what: String,
    },
    /// The connection was lost while the commit was on its way: it may or may not have been kept. Read again.
    #[error("the connection was lost during a commit: {what}; read again before retrying")]
    Unknown {
        /// What exactly.
        what: String,
    },
    /// The database's contents are damaged, or not what this program wrote.
    #[error("the database is damaged: {what}; restore a backup")]
    Corrupt {
        /// What exactly.
        what: String,
    },
    /// The schema is not one that this program can work on.
    #[error("{what}")]
    Schema {
        /// What exactly, and what to do.
        what: String,
    },
    /// The address is not one that this program can open.
    #[error("`{url}` is not a database address: {what}; write `sqlite:FILE` or `postgres://USER@HOST/NAME`")]
    Address {
        /// The address, without its password.
        url: String,
        /// What is wrong with it.
        what: String,
    },
    /// The database refused the statement itself: an error of this program.
    #[error("{label}: the database refused the statement: {what}")]
    Sql {
        /// The statement's name, or its text when it has none.
        label: String,
        /// The database's own words.
        what: String,
    },
}

/// The database's answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An [`Error::Unavailable`] that says `what`.
    pub(super) fn unavailable(what: impl std::fmt::Display) -> Self {
        Self::Unavailable { what: what.to_string() }
    }

    /// An [`Error::Schema`] that says `what`.
    pub(super) fn schema(what: impl std::fmt::Display) -> Self {
        Self::Schema { what: what.to_string() }
    }

    /// The same conflict, at statement number `index`.
    pub(super) fn at(self, index: usize) -> Self {
        match self {
            Self::Conflict { label, rows, .. } => Self::Conflict { statement: index, label, rows },
            other @ (Self::Unavailable { .. }
            | Self::Unknown { .. }
            | Self::Corrupt { .. }
            | Self::Schema { .. }
            | Self::Address { .. }
            | Self::Sql { .. }) => other,
        }
    }

    /// Whether doing the same again later can help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Unknown { .. } => true,
            Self::Conflict { .. }
            | Self::Corrupt { .. }
            | Self::Schema { .. }
            | Self::Address { .. }
            | Self::Sql { .. } => false,
        }
    }
}
