//! What the launcher inside and the driver outside say to each other, one JSON object per line.

use std::path::PathBuf;

use domain::failure::{Failure, FailureKind};
use serde::{Deserialize, Serialize};

use super::report::{Report, Status};
use crate::agent::Activity;
use crate::agent::dialogue::{start_of, tail_of};

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ToGuest {
    /// The first message, and the first turn.
    Start(Box<Start>),
    /// The program once more.
    Turn {
        prompt: String,
    },
    Interrupt,
}

// No `Debug`: it carries the token.
#[derive(Serialize, Deserialize)]
pub(super) struct Start {
    /// What every message of the launcher carries: its program may reach its stdout, but not its memory.
    pub key: String,
    pub token: String,
    pub socket: PathBuf,
    pub port: u16,
    /// Where prompts and results are.
    pub files: PathBuf,
    pub program: Vec<String>,
    pub run: String,
    pub title: String,
    pub model: String,
    pub session: String,
    pub resumed: bool,
    pub prompt: String,
}

/// A message of the launcher with the key that proves it is the launcher's.
#[derive(Serialize, Deserialize)]
pub(super) struct Signed {
    pub key: String,
    pub message: FromGuest,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum FromGuest {
    Activity { activity: Activity },
    Over(Over),
    Failed { failure: Failure },
}

/// How one process of the program ended.
#[derive(Serialize, Deserialize)]
pub(super) struct Over {
    /// As a shell reports it: 128 and more for a signal.
    pub code: i32,
    pub ms: u64,
    /// The end of what it printed.
    pub tail: String,
    /// Its result file; `Err`: what is wrong with it.
    pub report: Result<Option<Report>, String>,
}

impl Over {
    pub fn activity(&self) -> Activity {
        let (exit, ms) = ((self.code < 128).then_some(self.code), self.ms);
        Activity::Ran {
            command: "the agent's command".to_owned(),
            exit,
            ms,
            output_tail: tail_of(&self.tail),
        }
    }

    /// What it comes to: the result file's word when there is one, else the exit code's.
    pub fn judge(self) -> Result<Report, Failure> {
        let said = match self.report {
            Ok(said) => said,
            Err(why) => {
                return Err(Failure::new(
                    FailureKind::Protocol,
                    format!("its result file: {}", start_of(&why)),
                ));
            }
        };
        if let Some(report) = said {
            let Report { status, summary, question } = report;
            return Ok(Report { status, summary: start_of(&summary), question: start_of(&question) });
        }
        let tail = tail_of(self.tail.trim());
        let (kind, what) = match self.code {
            0 => {
                let summary = tail.lines().next_back().unwrap_or_default().to_owned();
                return Ok(Report { status: Status::Done, summary, question: String::new() });
            }
            126 | 127 => (
                FailureKind::AgentMissing,
                "a program of its command cannot be run; install it or name its path".to_owned(),
            ),
            code @ 129..=192 => (FailureKind::Signalled, format!("signal {} ended it", code - 128)),
            code => (FailureKind::Exited, format!("it exited with code {code}")),
        };
        Err(Failure::new(kind, if tail.is_empty() { what } else { format!("{what}; it said: {tail}") }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(code: i32, report: Result<Option<Report>, String>) -> String {
        let over = Over { code, ms: 1, tail: "one\ntwo\n".to_owned(), report };
        over.judge().map_or_else(
            |failure| failure.kind.name().to_owned(),
            |report| format!("{:?} {}", report.status, report.summary),
        )
    }

    #[test]
    fn the_result_file_speaks_before_the_exit_code() {
        assert_eq!(judged(0, Ok(None)), "Done two");
        assert_eq!(judged(3, Ok(None)), "exited");
        assert_eq!(judged(127, Ok(None)), "agent_missing");
        assert_eq!(judged(137, Ok(None)), "signalled");
        let blocked = Report { status: Status::Blocked, summary: "s".to_owned(), question: "q".to_owned() };
        assert_eq!(judged(3, Ok(Some(blocked))), "Blocked s");
        assert_eq!(judged(0, Err("no JSON".to_owned())), "protocol");
    }
}
