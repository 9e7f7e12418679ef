//! Maps what a scenario wants done to the tools a request offers.

use super::edits;
use super::scenario::Act;
use serde_json::{Map, Value, json};

/// One tool that the request offers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tool<'a> {
    pub(super) name: &'a str,
    pub(super) namespace: Option<&'a str>,
    pub(super) kind: Kind,
    /// The JSON schema of its arguments.
    pub(super) parameters: &'a Value,
}

/// How a tool is called.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// With arguments.
    Function,
    /// With free text.
    Custom,
}

/// A tool call, ready to be sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Invocation {
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) payload: Payload,
}

/// What a tool is called with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Payload {
    /// The arguments of a function, as JSON text.
    Arguments(String),
    /// The free text of a custom tool.
    Input(String),
}

/// How `act` is done with `tools`, in one call or several; the error names what is missing and what is there.
pub(super) fn invoke(act: &Act, tools: &[Tool<'_>]) -> Result<Vec<Invocation>, String> {
    let missing = |wanted: &str| {
        let names: Vec<_> = tools.iter().map(|tool| tool.name).collect();
        format!("the scenario needs {wanted}, but the request offers only: {}", names.join(", "))
    };
    match act {
        Act::Tool { name, arguments } => {
            let tool = named(name, tools).or_else(|| of_server(name, tools)).ok_or_else(|| missing(name))?;
            Ok(vec![tool.called(arguments)])
        }
        Act::Run(command) => {
            let call = shell(command, tools);
            Ok(vec![call.ok_or_else(|| missing("a shell (exec_command, shell, exec or Bash)"))?])
        }
        Act::Patch(patch) => {
            let direct = named("apply_patch", tools).map(|tool| tool.with_text("input", patch));
            // The shells of Codex know the command; others do not have it.
            if let Some(call) = direct.or_else(|| patching_shell(&heredoc(patch), tools)) {
                return Ok(vec![call]);
            }
            if ["Read", "Edit", "Write"].iter().any(|name| named(name, tools).is_none()) {
                return Err(missing("apply_patch, a shell that has it, or Read, Edit and Write"));
            }
            let calls: Vec<_> =
                edits::of(patch)?.iter().map(|act| invoke(act, tools)).collect::<Result<_, _>>()?;
            Ok(calls.into_iter().flatten().collect())
        }
    }
}

fn named<'a, 'b>(name: &str, tools: &'b [Tool<'a>]) -> Option<&'b Tool<'a>> {
    tools.iter().find(|tool| tool.name == name)
}

/// The tool `name` of an MCP server: clients offer it as `mcp__SERVER__NAME`.
fn of_server<'a, 'b>(name: &str, tools: &'b [Tool<'a>]) -> Option<&'b Tool<'a>> {
    let own_name = |tool: &Tool<'a>| Some(tool.name.strip_prefix("mcp__")?.split_once("__")?.1);
    tools.iter().find(|tool| own_name(tool) == Some(name))
}

fn heredoc(patch: &str) -> String {
    format!("apply_patch <<'EOP'\n{}\nEOP", patch.trim_end_matches('\n'))
}

fn shell(command: &str, tools: &[Tool<'_>]) -> Option<Invocation> {
    let bash = || named("Bash", tools).map(|tool| tool.with_text("command", command));
    patching_shell(command, tools).or_else(bash)
}

/// A shell that knows `apply_patch`.
fn patching_shell(command: &str, tools: &[Tool<'_>]) -> Option<Invocation> {
    if let Some(tool) = named("exec_command", tools) {
        return Some(tool.with_text("cmd", command));
    }
    if let Some(tool) = named("shell", tools) {
        // The older shell tool takes the words of a command, not a line.
        let words = Map::from_iter([("command".to_owned(), json!(["bash", "-lc", command]))]);
        return Some(match tool.parameters["properties"]["command"]["type"].as_str() {
            Some("array") => tool.called(&words),
            Some(_) | None => tool.with_text("command", command),
        });
    }
    // A custom `exec` takes JavaScript that calls the shell.
    let exec = named("exec", tools).filter(|tool| tool.kind == Kind::Custom)?;
    let script = format!("const r = await tools.exec_command({}); text(r.output);", json!({"cmd": command}));
    Some(exec.with_text("input", &script))
}

impl Tool<'_> {
    fn called(&self, arguments: &Map<String, Value>) -> Invocation {
        let payload = match self.kind {
            Kind::Function => Payload::Arguments(Value::from(arguments.clone()).to_string()),
            Kind::Custom => {
                Payload::Input(arguments.get("input").and_then(Value::as_str).unwrap_or_default().to_owned())
            }
        };
        Invocation { name: self.name.to_owned(), namespace: self.namespace.map(str::to_owned), payload }
    }

    /// Calls it with one text: under `usual` if the tool has such a parameter or does not say, else under its
    /// first required one.
    fn with_text(&self, usual: &str, text: &str) -> Invocation {
        let known = self.parameters["properties"].get(usual).is_some();
        let first = self.parameters["required"][0].as_str();
        let key = match (self.kind, first) {
            (Kind::Function, Some(first)) if !known => first,
            (Kind::Function | Kind::Custom, _) if known || self.kind == Kind::Function => usual,
            (Kind::Function | Kind::Custom, _) => "input",
        };
        self.called(&Map::from_iter([(key.to_owned(), Value::from(text))]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::dialect::Dialect;
    use crate::rehearsal::messages::Messages;
    use crate::rehearsal::responses::Responses;

    fn check(tools: Value, act: Act, expect: Result<(&str, Payload), &str>) {
        let body = json!({"tools": tools});
        match (invoke(&act, &Responses::offered(&body)), expect) {
            (Ok(got), Ok((name, payload))) => {
                assert_eq!((got.len(), got[0].name.as_str(), &got[0].payload), (1, name, &payload));
            }
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            (got, wanted) => panic!("{got:?} but {wanted:?}"),
        }
    }

    fn arguments(value: &Value) -> Payload {
        Payload::Arguments(value.to_string())
    }

    #[test]
    fn a_command_goes_through_the_shell_that_is_offered() {
        let run = || Act::Run("ls".into());
        let function = |name: &str| json!([{"type": "function", "name": name}]);
        check(function("exec_command"), run(), Ok(("exec_command", arguments(&json!({"cmd": "ls"})))));
        let words = json!([{"type": "function", "name": "shell",
            "parameters": {"properties": {"command": {"type": "array"}}}}]);
        check(words, run(), Ok(("shell", arguments(&json!({"command": ["bash", "-lc", "ls"]})))));
        let script = "const r = await tools.exec_command({\"cmd\":\"ls\"}); text(r.output);";
        let exec = json!([{"type": "custom", "name": "exec"}]);
        check(exec, run(), Ok(("exec", Payload::Input(script.into()))));
        check(function("view"), run(), Err("offers only: view"));
    }

    #[test]
    fn a_patch_goes_through_the_way_that_is_offered() {
        let patch = || Act::Patch("*** Begin Patch\n*** End Patch\n".into());
        let custom = json!([{"type": "custom", "name": "apply_patch"}]);
        check(
            custom,
            patch(),
            Ok(("apply_patch", Payload::Input("*** Begin Patch\n*** End Patch\n".into()))),
        );
        let named = json!([{"type": "function", "name": "apply_patch", "parameters":
            {"properties": {"patch": {}}, "required": ["patch"]}}]);
        let wanted = arguments(&json!({"patch": "*** Begin Patch\n*** End Patch\n"}));
        check(named, patch(), Ok(("apply_patch", wanted)));
        let shell = json!([{"type": "function", "name": "exec_command"}]);
        let command = "apply_patch <<'EOP'\n*** Begin Patch\n*** End Patch\nEOP";
        check(shell, patch(), Ok(("exec_command", arguments(&json!({"cmd": command})))));
    }

    #[test]
    fn tools_are_found_in_namespaces_and_in_the_input() {
        let body = json!({"input": [{"type": "additional_tools", "tools":
            [{"type": "namespace", "name": "ws", "tools": [{"type": "function", "name": "say"}]}]}]});
        let act = Act::Tool { name: "say".into(), arguments: Map::new() };
        let invocation = invoke(&act, &Responses::offered(&body)).unwrap();
        assert_eq!(invocation[0].namespace.as_deref(), Some("ws"));
    }

    /// The tools of Claude Code, and one of an MCP server.
    fn claude() -> Value {
        let names = ["Bash", "Edit", "Read", "Write", "mcp__seawall__submit__review"];
        json!({"tools": names.map(|name| json!({"name": name, "input_schema": {"type": "object"}}))})
    }

    fn calls(act: &Act) -> Vec<(String, String)> {
        let (body, text) = (claude(), |payload| match payload {
            Payload::Arguments(text) | Payload::Input(text) => text,
        });
        let calls = invoke(act, &Messages::offered(&body)).unwrap();
        calls.into_iter().map(|call| (call.name, text(call.payload))).collect()
    }

    #[test]
    fn claude_code_runs_commands_and_tools_of_servers() {
        assert_eq!(calls(&Act::Run("ls".into())), [("Bash".into(), r#"{"command":"ls"}"#.into())]);
        let act = Act::Tool { name: "submit__review".into(), arguments: Map::new() };
        assert_eq!(calls(&act), [("mcp__seawall__submit__review".into(), "{}".into())]);
        let unknown = Act::Tool { name: "review".into(), arguments: Map::new() };
        assert!(invoke(&unknown, &Messages::offered(&claude())).is_err());
    }

    #[test]
    fn claude_code_patches_by_reading_and_editing() {
        let patch = "*** Begin Patch\n*** Update File: a\n@@\n-x\n+y\n*** Delete File: b\n*** End Patch\n";
        let names: Vec<_> = calls(&Act::Patch(patch.into())).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["Read", "Edit", "Bash"]);
    }

    #[test]
    fn a_shell_without_apply_patch_is_not_asked_for_it() {
        let body = json!({"tools": [{"name": "Bash", "input_schema": {}}]});
        let error = invoke(&Act::Patch("x".into()), &Messages::offered(&body)).unwrap_err();
        assert!(error.contains("Read, Edit and Write"), "{error}");
    }
}
