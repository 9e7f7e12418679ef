//! Why a tracker could not do it, by the categories of Symphony's specification, section 11.4.

use domain::{IssueId, Millis};

/// A stable name for what went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// No adapter of that kind.
    UnsupportedKind,
    /// The adapter does not accept its settings.
    InvalidConfig,
    /// A secret is missing or blank.
    MissingSecret,
    /// It was not reached.
    Request,
    /// It answered with a status that is no success.
    Status,
    /// Its answer makes no sense.
    Response,
    /// Its pages do not fit together.
    Pagination,
    /// It wants to be asked less often.
    RateLimited,
    /// It was asked for something it does not have or take.
    Refused,
}

impl Category {
    /// The name, as it stands in logs and documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::UnsupportedKind => "unsupported_tracker_kind",
            Self::InvalidConfig => "invalid_tracker_config",
            Self::MissingSecret => "missing_tracker_secret",
            Self::Request => "tracker_request",
            Self::Status => "tracker_status",
            Self::Response => "tracker_response",
            Self::Pagination => "tracker_pagination",
            Self::RateLimited => "tracker_rate_limited",
            Self::Refused => "tracker_refused",
        }
    }
}

/// Why the tracker could not do it. Texts hold no secrets, and of what it answered only the start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The settings cannot be used.
    #[error("`{key}` {what}; {mend}")]
    Config {
        /// `UnsupportedKind`, `InvalidConfig` or `MissingSecret`.
        category: Category,
        /// The key, with dots, from `tracker` on.
        key: String,
        /// What is wrong with it.
        what: String,
        /// What to do.
        mend: String,
    },
    /// It was not reached.
    #[error("the tracker was not reached: {0}")]
    Request(String),
    /// It answered with a status that is no success.
    #[error("the tracker answered {status}: {what}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The start of what it said.
        what: String,
    },
    /// Its answer makes no sense.
    #[error("the tracker's answer cannot be used: {0}")]
    Response(String),
    /// Its pages do not fit together.
    #[error("the tracker's pages do not fit together: {0}")]
    Pagination(String),
    /// It wants to be asked less often.
    #[error("the tracker asks for patience{}", .retry_after.map_or_else(String::new, |wait| format!(", for {} s", wait.0.div_ceil(1_000))))]
    RateLimited {
        /// How long, if it says so.
        retry_after: Option<Millis>,
    },
    /// No such issue in its scope.
    #[error("there is no issue {0}; it may have been renamed or removed")]
    NoIssue(IssueId),
    /// What is to be written is not acceptable, now or later.
    #[error("{0}")]
    Refused(String),
}

impl Error {
    /// Its stable name.
    pub fn category(&self) -> Category {
        match self {
            Self::Config { category, .. } => *category,
            Self::Request(_) => Category::Request,
            Self::Status { .. } => Category::Status,
            Self::Response(_) => Category::Response,
            Self::Pagination(_) => Category::Pagination,
            Self::RateLimited { .. } => Category::RateLimited,
            Self::NoIssue(_) | Self::Refused(_) => Category::Refused,
        }
    }
}
