//! Maps what a scenario wants done to the tools a request offers.

use super::scenario::Act;
use serde_json::{Map, Value, json};

/// One tool that the request offers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tool<'a> {
    name: &'a str,
    namespace: Option<&'a str>,
    kind: Kind,
    parameters: &'a Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Function,
    Custom,
}

/// A tool call, ready to be sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Invocation {
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
    pub(crate) payload: Payload,
}

/// What a tool is called with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Payload {
    /// The arguments of a function, as JSON text.
    Arguments(String),
    /// The free text of a custom tool.
    Input(String),
}

/// The tools of `body` (a parsed request): `tools`, and for some models an input item of type `additional_tools`.
pub(crate) fn offered(body: &Value) -> Vec<Tool<'_>> {
    let mut found = Vec::new();
    let lists = body["input"].as_array().into_iter().flatten();
    let lists = lists.filter(|item| item["type"] == "additional_tools").map(|item| &item["tools"]);
    for list in std::iter::once(&body["tools"]).chain(lists) {
        collect(list, None, &mut found);
    }
    found
}

fn collect<'a>(list: &'a Value, namespace: Option<&'a str>, found: &mut Vec<Tool<'a>>) {
    for tool in list.as_array().into_iter().flatten() {
        let Some(name) = tool["name"].as_str() else { continue };
        match tool["type"].as_str() {
            Some("function") => {
                found.push(Tool { name, namespace, kind: Kind::Function, parameters: &tool["parameters"] });
            }
            Some("custom") => {
                found.push(Tool { name, namespace, kind: Kind::Custom, parameters: &Value::Null });
            }
            // Namespaces do not nest.
            Some("namespace") if namespace.is_none() => collect(&tool["tools"], Some(name), found),
            Some(_) | None => {}
        }
    }
}

/// How `act` is done with `tools`; the error names what is missing and what is there.
pub(crate) fn invoke(act: &Act, tools: &[Tool<'_>]) -> Result<Invocation, String> {
    let missing = |wanted: &str| {
        let names: Vec<_> = tools.iter().map(|tool| tool.name).collect();
        format!("the scenario needs {wanted}, but the request offers only: {}", names.join(", "))
    };
    match act {
        Act::Tool { name, arguments } => {
            let tool = tools.iter().find(|tool| tool.name == name).ok_or_else(|| missing(name))?;
            Ok(tool.called(arguments))
        }
        Act::Run(command) => {
            shell(command, tools).ok_or_else(|| missing("a shell (exec_command, shell or exec)"))
        }
        Act::Patch(patch) => {
            let direct = tools
                .iter()
                .find(|tool| tool.name == "apply_patch")
                .map(|tool| tool.with_text("input", patch));
            let heredoc = || shell(&heredoc(patch), tools);
            direct.or_else(heredoc).ok_or_else(|| missing("apply_patch or a shell"))
        }
    }
}

fn heredoc(patch: &str) -> String {
    format!("apply_patch <<'EOP'\n{}\nEOP", patch.trim_end_matches('\n'))
}

fn shell(command: &str, tools: &[Tool<'_>]) -> Option<Invocation> {
    let named = |name: &str| tools.iter().find(|tool| tool.name == name);
    if let Some(tool) = named("exec_command") {
        return Some(tool.with_text("cmd", command));
    }
    if let Some(tool) = named("shell") {
        // The older shell tool takes the words of a command, not a line.
        let words = Map::from_iter([("command".to_owned(), json!(["bash", "-lc", command]))]);
        return Some(match tool.parameters["properties"]["command"]["type"].as_str() {
            Some("array") => tool.called(&words),
            Some(_) | None => tool.with_text("command", command),
        });
    }
    // A custom `exec` takes JavaScript that calls the shell.
    let exec = named("exec").filter(|tool| tool.kind == Kind::Custom)?;
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

    fn check(tools: Value, act: Act, expect: Result<(&str, Payload), &str>) {
        let body = json!({"tools": tools});
        match (invoke(&act, &offered(&body)), expect) {
            (Ok(got), Ok((name, payload))) => assert_eq!((got.name.as_str(), got.payload), (name, payload)),
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
        let invocation = invoke(&act, &offered(&body)).unwrap();
        assert_eq!(invocation.namespace.as_deref(), Some("ws"));
    }
}
