//! Failures of the outside, by the names that decide whether trying again can help.

use domain::failure::{Failure, FailureKind};

/// A failure of the forge: what the agent did wrong is named apart from what the machine did.
pub(crate) fn forge_failure(error: &adapters::forge::git::Error) -> Failure {
    let kind = match error.refusal() {
        Some(_) => FailureKind::OutsideWorkspace,
        None => FailureKind::Engine,
    };
    Failure::new(kind, base::error::chain(error))
}
