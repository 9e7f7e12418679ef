//! The tools of the built-in agent: a shell, a patch, and whatever the host answers.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::messages::Start;
use super::{command, patch};
use crate::agent::{Activity, ToolSpec};

/// A command that names no time gets this much: a test suite's worth.
const DEFAULT_COMMAND_MS: u64 = 120_000;
/// Of a command's output, the end that is told to the host, characters.
const TOLD_TAIL: usize = 2_000;
const SHELL: &str = "exec_command";
const PATCH: &str = "apply_patch";

pub(super) struct Toolbox {
    workspace: PathBuf,
    max_command_ms: u64,
    hosts: Vec<ToolSpec>,
}

/// One tool call of the model.
pub(super) struct Call {
    pub id: String,
    pub name: String,
    /// JSON for a function; free text for a custom tool.
    pub input: String,
    pub custom: bool,
}

impl Call {
    pub fn arguments(&self) -> Result<Value, String> {
        let text = if self.input.trim().is_empty() { "{}" } else { &self.input };
        serde_json::from_str(text).map_err(|error| format!("the arguments are not JSON: {error}"))
    }

    /// The item that answers this call.
    pub fn output(&self, text: &str) -> Value {
        let kind = if self.custom { "custom_tool_call_output" } else { "function_call_output" };
        json!({"type": kind, "call_id": self.id, "output": text})
    }
}

#[derive(Deserialize)]
struct ShellArguments {
    cmd: String,
    timeout_ms: Option<u64>,
}

#[derive(Deserialize)]
struct PatchArguments {
    input: String,
}

impl Toolbox {
    pub fn new(start: &Start) -> Toolbox {
        Toolbox {
            workspace: start.workspace.clone(),
            max_command_ms: start.max_command_ms,
            hosts: start.tools.clone(),
        }
    }

    /// The tools as the Responses API wants them described.
    pub fn descriptions(&self) -> Vec<Value> {
        let shell = json!({
            "type": "object",
            "properties": {
                "cmd": {"type": "string", "description": "a shell command, run in the workspace"},
                "timeout_ms": {"type": "integer", "description": "it is killed after this time"},
            },
            "required": ["cmd"],
            "additionalProperties": false,
        });
        let edit = json!({
            "type": "object",
            "properties": {"input": {"type": "string", "description": "*** Begin Patch … *** End Patch"}},
            "required": ["input"],
            "additionalProperties": false,
        });
        let own = [(SHELL, "Run a shell command.", shell), (PATCH, "Change files with a patch.", edit)];
        let own = own.map(|(name, text, schema)| function(name, text, &schema));
        let hosts = self.hosts.iter().map(|tool| function(&tool.name, &tool.description, &tool.input_schema));
        own.into_iter().chain(hosts).collect()
    }

    pub fn is_hosts(&self, name: &str) -> bool {
        self.hosts.iter().any(|tool| tool.name == name)
    }

    /// Carries out a call of a tool of our own; the text is for the model.
    pub async fn use_own(&self, call: &Call) -> (String, Option<Activity>) {
        match call.name.as_str() {
            SHELL => match self.shell_arguments(call) {
                Ok(arguments) => self.shell(arguments).await,
                Err(text) => (text, None),
            },
            PATCH => match patch_text(call) {
                Ok(text) => self.patch(&text),
                Err(text) => (text, None),
            },
            other => (format!("there is no tool `{other}`"), None),
        }
    }

    fn shell_arguments(&self, call: &Call) -> Result<ShellArguments, String> {
        if call.custom {
            return Ok(ShellArguments { cmd: call.input.clone(), timeout_ms: None });
        }
        serde_json::from_value(call.arguments()?)
            .map_err(|error| format!("the arguments do not fit: {error}"))
    }

    async fn shell(&self, arguments: ShellArguments) -> (String, Option<Activity>) {
        let ms = arguments.timeout_ms.unwrap_or(DEFAULT_COMMAND_MS).min(self.max_command_ms);
        let ran = command::run(&arguments.cmd, &self.workspace, Duration::from_millis(ms)).await;
        let skip = ran.output.chars().count().saturating_sub(TOLD_TAIL);
        let activity = Activity::Ran {
            command: arguments.cmd,
            exit: ran.exit,
            ms: ran.ms,
            output_tail: ran.output.chars().skip(skip).collect(),
        };
        (ran.for_model(), Some(activity))
    }

    fn patch(&self, text: &str) -> (String, Option<Activity>) {
        match patch::apply(&self.workspace, text) {
            Ok(files) => (format!("done: {}", files.join(", ")), Some(Activity::Edited { files })),
            Err(error) => (format!("nothing was changed: {}", base::error::chain(&error)), None),
        }
    }
}

fn patch_text(call: &Call) -> Result<String, String> {
    if call.custom {
        return Ok(call.input.clone());
    }
    let arguments = serde_json::from_value::<PatchArguments>(call.arguments()?);
    arguments.map(|arguments| arguments.input).map_err(|error| format!("the arguments do not fit: {error}"))
}

fn function(name: &str, description: &str, parameters: &Value) -> Value {
    json!({"type": "function", "name": name, "description": description, "parameters": parameters, "strict": false})
}
