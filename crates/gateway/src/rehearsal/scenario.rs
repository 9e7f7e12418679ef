//! What a rehearsal can play: scripts of turns, as read from a scenario file.

use domain::Millis;
use domain::call::Usage;
use serde_json::{Map, Value};

/// A scenario file, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Where it came from, for errors.
    pub file: String,
    /// In the order of the file; the first that matches a conversation plays it.
    pub scripts: Vec<Script>,
}

/// One part to play.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// Its name: 1 to 32 of `a-z 0-9 _ -`; travels in call ids.
    pub name: String,
    /// Which conversations it plays.
    pub when: When,
    /// What the model does, turn by turn. Never empty.
    pub turns: Vec<Turn>,
}

/// Which conversations a script plays: all conditions must hold; none means every conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// Texts that must all stand somewhere in the request's input.
    pub contains: Vec<String>,
    /// The model that must be asked for (the provider's own name).
    pub model: Option<String>,
}

/// One answer of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// What it says and does.
    pub play: Play,
    /// The wait before it.
    pub delay: Millis,
    /// The wait between the pieces of a streamed answer.
    pub chunk_delay: Millis,
    /// Tokens it reports; estimated from the bytes when not given.
    pub usage: Option<Usage>,
    /// Break the connection after so many pieces.
    pub cut_after: Option<u32>,
    /// Play this turn for every later one too. Only on a script's last turn.
    pub repeat: bool,
}

/// What a turn does.
#[derive(Clone, Debug, PartialEq)]
pub enum Play {
    /// Answers.
    Say {
        /// Text, if any.
        text: Option<String>,
        /// Tool calls, in order.
        acts: Vec<Act>,
    },
    /// Fails instead of answering.
    Fail(Fault),
}

/// One tool call.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// This tool with these arguments: the one of this name, or an MCP server's.
    Tool {
        /// Its name.
        name: String,
        /// Its arguments.
        arguments: Map<String, Value>,
    },
    /// A shell command, through whichever shell tool the request offers.
    Run(String),
    /// A patch (`*** Begin Patch` …), through whichever way to change files the request offers.
    Patch(String),
}

/// An error instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// HTTP status, 400 to 599.
    pub status: u16,
    /// The provider's error code.
    pub code: String,
    /// The provider's words.
    pub message: String,
    /// `retry-after`, seconds.
    pub retry_after: Option<u32>,
}

impl Script {
    /// What turn number `turn` (from 0) plays; the last one again when it repeats.
    pub fn turn(&self, turn: usize) -> Option<&Turn> {
        self.turns.get(turn).or_else(|| self.turns.last().filter(|last| last.repeat))
    }
}
