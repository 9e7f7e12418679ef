//! Agents: programs that work in a sandbox until their job is done, driven through one contract.
//!
//! Invariants:
//! - an agent runs in a [`Sandbox`], and what it wrote is untrusted: lines, garbage, turns and time are bounded;
//! - the run token reaches the agent over stdin, never by argv, environment or log, and is blotted out of whatever
//!   comes back;
//! - dropping the future of a session kills every process of it.

use std::sync::Arc;
use std::time::Duration;

use base::secret::Secret;
use domain::call::Usage;
use domain::failure::Failure;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::sandbox::{Sandbox, Spec};

pub mod builtin;
pub mod claude;
pub mod codex;
pub mod command;
mod conversation;
mod dialogue;
mod exit;
pub mod guest;
mod launch;
mod stderr;
mod waiting;

/// Longest line of an agent's protocol, bytes: Codex was seen to write 1.2 MB, and its output cap allows more.
pub const MAX_LINE_BYTES: usize = 10 * 1024 * 1024;
/// Output that is not protocol, bytes, before an agent counts as out of control.
pub const MAX_GARBAGE_BYTES: u64 = 1024 * 1024;

/// One attempt's work.
#[derive(Clone, Debug)]
pub struct Session {
    /// The run's id.
    pub run: String,
    /// What people call the work: `SHOP-12: its title`.
    pub title: String,
    /// Which attempt of the run this is, from 1.
    pub attempt: u32,
    /// What to do.
    pub prompt: String,
    /// How to behave while doing it; before the prompt.
    pub instructions: String,
    /// The model's name, as the gateway knows it; `None`: the agent's own command chooses.
    pub model: Option<String>,
    /// The thread, by the agent's own name for it, that an earlier attempt began and this one goes on with.
    pub resume: Option<String>,
    /// The driver's own block of the workflow (`codex`, `claude`, `command`), passed on as it is; an object.
    pub settings: Value,
    /// What the gateway knows this run by.
    pub token: Secret,
    /// Tools that the host answers.
    pub tools: Vec<ToolSpec>,
    /// What the session may take.
    pub limits: SessionLimits,
}

/// What a session may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// Requests to the model; 0: no limit.
    pub max_turns: u32,
    /// Time without a message from the agent; zero: no limit.
    pub stall: Duration,
    /// Time that an answer of the agent's protocol may take; zero: no limit.
    pub read: Duration,
    /// Time without any output of the agent while a turn goes on; zero: no limit.
    pub turn: Duration,
    /// Time in all.
    pub deadline: Duration,
    /// Longest protocol line, bytes; a longer one is garbage.
    pub max_line: usize,
    /// Output that is not protocol, bytes.
    pub max_garbage_bytes: u64,
}

/// A tool that the host answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Its name: letters, digits, `_` and `-`.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// JSON schema of its arguments.
    pub input_schema: Value,
}

/// What a tool said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolAnswer {
    /// Whether it did what was asked.
    pub ok: bool,
    /// The answer, or what was wrong, for the model.
    pub text: String,
}

/// Answers an agent's tool calls. Must not trust the arguments.
pub trait ToolHost: Send + Sync {
    /// Answers one call. Cancelled when the session ends.
    fn call<'a>(&'a self, name: &'a str, arguments: Value) -> BoxFuture<'a, ToolAnswer>;
}

/// What follows a turn that the agent finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// The session is over.
    Finish,
    /// Another turn on the same thread.
    Continue {
        /// What the agent is told.
        prompt: String,
    },
    /// The attempt failed.
    Fail(Failure),
}

/// Decides after each turn whether there is another one.
pub trait TurnHost: Send + Sync {
    /// `finished` turns of this session are over, from 1.
    fn after<'a>(&'a self, finished: u32) -> BoxFuture<'a, Then>;
}

/// One turn is all.
#[derive(Clone, Copy, Debug)]
pub struct OneTurn;

impl TurnHost for OneTurn {
    fn after<'a>(&'a self, _finished: u32) -> BoxFuture<'a, Then> {
        Box::pin(std::future::ready(Then::Finish))
    }
}

/// What the host gives a session.
#[derive(Clone)]
pub struct Host {
    /// Who answers the tools.
    pub tools: Arc<dyn ToolHost>,
    /// Who says what follows a turn.
    pub turns: Arc<dyn TurnHost>,
    /// Where activity is told, in order. A full channel holds the agent back; a closed one is fine.
    pub activity: mpsc::Sender<Activity>,
    /// Cancel it to end the session politely; it is killed if it does not end soon.
    pub interrupt: CancellationToken,
}

/// Something an agent did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Activity {
    /// Its process runs. The first activity of every session.
    Spawned {
        /// Outermost process id on the host.
        pid: u32,
        /// Its control group's directory that can be killed and frozen, when there is one.
        cgroup: Option<std::path::PathBuf>,
        /// The sandbox it has: `bare`, `walled` or `isolated`.
        level: crate::sandbox::Level,
    },
    /// It took its work.
    Started {
        /// Its own name for the session: what a later attempt can resume.
        session: String,
    },
    /// A turn of the conversation began.
    TurnStarted {
        /// The agent's own name for it, if it has one.
        turn: String,
        /// Its number in this session, from 1.
        n: u32,
    },
    /// A turn of the conversation ended.
    TurnEnded {
        /// Its number in this session, from 1.
        n: u32,
        /// `completed`, `failed` or `interrupted`.
        status: String,
    },
    /// What the provider allows, as it told last.
    RateLimits {
        /// As the agent's protocol has it.
        limits: Value,
    },
    /// Anything else of its protocol that people may want to see.
    Noticed {
        /// A name for it, stable.
        event: String,
        /// In a few words.
        text: String,
    },
    /// It asked, or is about to ask, the model.
    Turn {
        /// The number of the request, from 1.
        n: u32,
    },
    /// The model said something.
    Said {
        /// What.
        text: String,
    },
    /// A command ended.
    Ran {
        /// The command line.
        command: String,
        /// Its exit code; none when it did not run, or was killed.
        exit: Option<i32>,
        /// How long it took, milliseconds.
        ms: u64,
        /// The end of its output.
        output_tail: String,
    },
    /// Files were changed by a patch.
    Edited {
        /// Paths in the workspace.
        files: Vec<String>,
    },
    /// A tool of the host was called.
    ToolCalled {
        /// The tool.
        name: String,
        /// Whether it did what was asked.
        ok: bool,
    },
    /// Tokens used by the session so far, as the agent counts them.
    Usage {
        /// Totals.
        total: Usage,
    },
    /// A request to the model failed and is made again.
    Retrying {
        /// Why.
        why: String,
    },
    /// It asked for something that is not granted.
    Declined {
        /// What.
        what: String,
    },
    /// It wrote something that is not its protocol.
    Garbage {
        /// All of it so far, bytes.
        total_bytes: u64,
        /// The start of the last piece.
        start: String,
    },
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum End {
    /// The agent says its work is done.
    Finished {
        /// Its last words.
        summary: String,
    },
    /// It failed.
    Failed(Failure),
    /// It asked for something that only a person can give: an approval, or an answer.
    Blocked {
        /// What, for that person.
        question: String,
    },
    /// The host interrupted it.
    Interrupted,
}

/// A kind of agent.
pub trait Driver: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &'static str;

    /// Works on `session` to its end, in `sandbox`, as `spec` says; the driver fills in the spec's program, its
    /// environment and what the program needs to see. Dropping the future kills everything it started.
    fn run<'a>(
        &'a self,
        sandbox: &'a Sandbox,
        spec: Spec,
        session: Session,
        host: Host,
    ) -> BoxFuture<'a, End>;
}
