//! What can go wrong between the command line and the control door, in words an operator can act on.

use crate::error::ErrorDetail;
use std::io;

/// Why there is no answer, or not the one asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing listens there.
    #[error("cannot reach the control door at {address}")]
    Unreachable {
        /// Where.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// It did not answer in time.
    #[error("the control door at {address} did not answer within {after_ms} ms; look at its log")]
    TimedOut {
        /// Where.
        address: String,
        /// How long we waited.
        after_ms: u128,
    },
    /// The connection broke, or what answers does not speak HTTP.
    #[error(
        "the connection to the control door at {address} broke; it may have ended, or something else listens there"
    )]
    Broken {
        /// Where.
        address: String,
        /// What the HTTP layer said.
        source: hyper::Error,
    },
    /// The secret is missing or wrong.
    #[error("the control door at {address} wants its secret: {}", .detail.message)]
    Unauthorized {
        /// Where.
        address: String,
        /// In its own words.
        detail: ErrorDetail,
    },
    /// It answered with an error.
    #[error("{}", .detail.message)]
    Refused {
        /// The HTTP status.
        status: u16,
        /// In its own words.
        detail: ErrorDetail,
    },
    /// It answered something we cannot read.
    #[error("the answer of the control door at {address} cannot be read; run the same version on both sides")]
    Unreadable {
        /// Where.
        address: String,
        /// Where the reading ended.
        source: serde_json::Error,
    },
    /// It answered more than we read.
    #[error("the answer of the control door at {address} is larger than {limit} bytes; ask for less at once")]
    TooLarge {
        /// Where.
        address: String,
        /// The limit.
        limit: usize,
    },
    /// The address or the secret cannot stand in a request.
    #[error(
        "the control door's address `{address}` or its secret cannot be sent; check both for odd characters"
    )]
    Unsendable {
        /// Where.
        address: String,
    },
}

impl Error {
    /// Whether the door itself is unreachable, so that another way (the kill plane) must be taken.
    pub fn is_dead_door(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Broken { .. } => true,
            Self::Unauthorized { .. }
            | Self::Refused { .. }
            | Self::Unreadable { .. }
            | Self::TooLarge { .. }
            | Self::Unsendable { .. } => false,
        }
    }

    /// What to do, when the server or we know more than the message says.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Unauthorized { .. } => {
                Some("run this as the user that runs `seawall up`, or set SEAWALL_CONTROL_SECRET")
            }
            Self::Refused { detail, .. } => Some(detail.hint.as_str()).filter(|hint| !hint.is_empty()),
            Self::Unreachable { .. } => {
                Some("start it with `seawall up`, or name its configuration with --config")
            }
            Self::TimedOut { .. }
            | Self::Broken { .. }
            | Self::Unreadable { .. }
            | Self::TooLarge { .. }
            | Self::Unsendable { .. } => None,
        }
    }
}
