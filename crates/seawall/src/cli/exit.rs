//! How a command ends.

use super::ui::Ui;
use serde_json::json;
use std::io;
use std::process::ExitCode;

/// The exit codes of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// Something is not proven.
    Partial = 3,
    /// Refused by policy, budget or containment.
    Refused = 4,
    /// Interrupted by the person.
    Interrupted = 130,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> ExitCode {
        ExitCode::from(self as u8)
    }

    /// The name, as `--json` tells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Partial => "partial",
            Self::Refused => "refused",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What failed.
    pub message: String,
    /// What to do; empty when there is nothing to do.
    pub hint: String,
    /// The reader of stdout went away: there is nobody left to tell.
    silent: bool,
}

impl Failure {
    /// A failure that ends the process with `exit`.
    pub fn new(exit: Exit, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: hint.into(), silent: false }
    }

    /// A failure without a hint.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message, "")
    }

    /// Wrong usage or configuration.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message, hint)
    }

    /// Tells the person (stderr) and, with `--json`, the program (stdout).
    pub fn report(&self, ui: &Ui) -> ExitCode {
        if !self.silent {
            // When the terminal is gone there is nobody to tell.
            let _ = ui.error(&self.message, &self.hint);
            let error = json!({ "code": self.exit.name(), "message": self.message, "hint": self.hint });
            let _ = ui.document(&json!({ "error": error }));
        }
        self.exit.code()
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let silent = error.kind() == io::ErrorKind::BrokenPipe;
        let exit = if silent { Exit::Done } else { Exit::Failed };
        Self { exit, message: format!("cannot write the output: {error}"), hint: String::new(), silent }
    }
}

impl From<wire::client::Error> for Failure {
    fn from(error: wire::client::Error) -> Self {
        let exit = match &error {
            wire::client::Error::Refused { status: 403 | 409, .. } => Exit::Refused,
            wire::client::Error::Refused { status: 400, .. } => Exit::Usage,
            wire::client::Error::Refused { .. }
            | wire::client::Error::Unauthorized { .. }
            | wire::client::Error::Unreachable { .. }
            | wire::client::Error::TimedOut { .. }
            | wire::client::Error::Broken { .. }
            | wire::client::Error::Unreadable { .. }
            | wire::client::Error::TooLarge { .. }
            | wire::client::Error::Unsendable { .. } => Exit::Failed,
        };
        Self::new(exit, base::error::chain(&error), error.hint().unwrap_or_default())
    }
}
