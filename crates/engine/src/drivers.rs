//! Which programs agents are: those of this machine, or what a simulation puts in their place.

use adapters::agent;
use adapters::agent::builtin::Builtin;
use adapters::agent::claude::Claude;
use adapters::agent::codex::Codex;
use adapters::agent::command::Command;
use base::env::Env;
use domain::failure::{Failure, FailureKind};
use domain::fleet::{Agent, Driver};
use std::fmt::Debug;

/// What an agent needs that does not say what to run.
const NO_COMMAND: &str = "say in the agent's command what to run";

/// Finds the programs that agents are.
pub trait Drivers: Debug + Send + Sync {
    /// Whether `agent` can be started now; `Err` says what is missing and how to mend it.
    fn ready(&self, env: &Env, agent: &Agent) -> Result<(), String>;

    /// The driver for one session.
    fn open(&self, env: &Env, wanted: &Wanted<'_>) -> Result<Box<dyn agent::Driver>, Failure>;
}

/// What a session is to be driven with.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The protocol.
    pub driver: Driver,
    /// The agent's command, as configured.
    pub command: Option<&'a str>,
    /// The shell command of the project's workflow, which comes first where the driver takes one.
    pub shell: Option<&'a str>,
    /// Environment variables that the agent must not inherit.
    pub secrets: &'a [String],
}

/// The programs that are installed on this machine.
#[derive(Clone, Copy, Debug)]
pub struct Installed;

impl Drivers for Installed {
    fn ready(&self, env: &Env, agent: &Agent) -> Result<(), String> {
        let command = agent.command.as_deref();
        match agent.driver {
            Driver::Builtin => Ok(()),
            // Whether its command can be run shows when it runs.
            Driver::Command => command.map(|_| ()).ok_or_else(|| NO_COMMAND.to_owned()),
            Driver::Claude => Claude::find(env, command).map(|_| ()).map_err(|failure| failure.detail),
            Driver::Codex => Codex::find(env, command).map(|_| ()).map_err(|failure| failure.detail),
        }
    }

    fn open(&self, env: &Env, wanted: &Wanted<'_>) -> Result<Box<dyn agent::Driver>, Failure> {
        let Wanted { command, secrets, .. } = *wanted;
        Ok(match (wanted.driver, wanted.shell) {
            (Driver::Builtin, _) => Box::new(Builtin),
            (Driver::Codex, Some(shell)) => Box::new(Codex::shell(env, shell, secrets.to_vec())),
            (Driver::Codex, None) => Box::new(Codex::find(env, command)?),
            (Driver::Claude, _) => Box::new(Claude::find(env, command)?),
            (Driver::Command, shell) => {
                let missing = || Failure::new(FailureKind::AgentMissing, NO_COMMAND);
                let command = command.or(shell).ok_or_else(missing)?;
                Box::new(Command::shell(env, command, secrets.to_vec()))
            }
        })
    }
}
