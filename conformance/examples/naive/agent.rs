//! One attempt: workspace, hooks, app-server, turns.

use crate::orchestrator::{Heard, State};
use crate::workflow::Workflow;
use crate::{Wrong, tracker, workspace, wrong};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const GLANCE: Duration = Duration::from_millis(20);

pub(crate) struct Attempt {
    pub(crate) workflow: Workflow,
    pub(crate) issue: Value,
    pub(crate) attempt: Option<u32>,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) state: Arc<Mutex<State>>,
}

struct Session<'a> {
    of: &'a Attempt,
    child: Child,
    lines: Receiver<String>,
    next_id: u64,
    thread: String,
    /// Until when the current turn may be silent.
    silent_since: Instant,
}

impl Attempt {
    /// From the workspace to the end of the last turn.
    pub(crate) fn run(&self) -> Result<(), String> {
        let identifier = self.issue["identifier"].as_str().unwrap_or_default();
        let path = workspace::prepare(&self.workflow, identifier)?;
        let result = workspace::hook(&self.workflow, "before_run", &path).and_then(|()| self.session(&path));
        let _ = workspace::hook(&self.workflow, "after_run", &path);
        result
    }

    fn session(&self, path: &Path) -> Result<(), String> {
        let prompt = self.workflow.render(&self.issue, self.attempt)?;
        let mut session = self.launch(path)?;
        let result = session.turns(&prompt, path);
        drop(session.child.stdin.take());
        kill_group(session.child.id());
        let _ = session.child.wait();
        result
    }

    fn launch(&self, path: &Path) -> Result<Session<'_>, String> {
        let command = self.workflow.config["codex"]["command"].as_str().unwrap_or("codex app-server");
        // After the profile, which may bring the names back.
        let unset = format!("unset {}; {command}", self.workflow.secrets.join(" "));
        let leaks = wrong(Wrong::LeaksKey);
        let mut bash = Command::new("bash");
        bash.args(["-lc", if leaks { command } else { &unset }]).current_dir(path).process_group(0);
        bash.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = bash.spawn().map_err(|why| why.to_string())?;
        let (tell, lines) = channel();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let also = wrong(Wrong::StderrIsProtocol).then(|| tell.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                also.as_ref().map(|also| also.send(line));
            }
        });
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Session {
            of: self,
            child,
            lines,
            next_id: 0,
            thread: String::new(),
            silent_since: Instant::now(),
        })
    }
}

impl Session<'_> {
    fn turns(&mut self, prompt: &str, path: &Path) -> Result<(), String> {
        let me = json!({"clientInfo": {"name": "naive", "title": "Naive", "version": "0.0.1"}, "capabilities": {"experimentalApi": true}});
        self.ask("initialize", me)?;
        self.send(&json!({"method": "initialized"}))?;
        let codex = &self.of.workflow.config["codex"];
        let cwd = path.canonicalize().map_err(|why| why.to_string())?;
        let tool = json!({"type": "function", "name": "linear_graphql", "description": "Ask Linear.", "inputSchema":
            {"type": "object", "required": ["query"], "properties": {"query": {"type": "string"}, "variables": {"type": "object"}}}});
        let thread = self.ask(
            "thread/start",
            json!({"cwd": cwd, "approvalPolicy": codex["approval_policy"], "sandbox": codex["thread_sandbox"], "dynamicTools": [tool]}),
        )?;
        self.thread = thread["thread"]["id"].as_str().ok_or("no thread")?.to_owned();
        let most = self.of.workflow.number("agent", "max_turns", 20);
        let mut issue = self.of.issue.clone();
        for number in 1..=most {
            let text =
                if number == 1 { prompt.to_owned() } else { format!("Go on; turn {number} of {most}.") };
            let title = format!(
                "{}: {}",
                issue["identifier"].as_str().unwrap_or_default(),
                issue["title"].as_str().unwrap_or_default()
            );
            let turn = self.ask(
                "turn/start",
                json!({"threadId": self.thread, "input": [{"type": "text", "text": text}], "cwd": cwd, "title": title,
                    "approvalPolicy": codex["approval_policy"], "sandboxPolicy": codex["turn_sandbox_policy"]}),
            )?;
            self.hear(Heard::Turn(format!(
                "{}-{}",
                self.thread,
                turn["turn"]["id"].as_str().unwrap_or_default()
            )));
            self.one_turn()?;
            let id = issue["id"].as_str().unwrap_or_default().to_owned();
            match tracker::by_ids(&self.of.workflow, &[id])?.pop() {
                Some(found) if crate::orchestrator::may_go_on(&self.of.workflow, &found) => issue = found,
                Some(_) | None => return Ok(()),
            }
        }
        Ok(())
    }

    fn one_turn(&mut self) -> Result<(), String> {
        let timeout =
            u64::try_from(self.of.workflow.number("codex", "turn_timeout_ms", 3_600_000)).unwrap_or(0);
        self.silent_since = Instant::now();
        loop {
            match self.next()? {
                Some(message) if message["method"] == "turn/completed" => {
                    let turn = &message["params"]["turn"];
                    return match turn["status"].as_str() {
                        Some("completed") => Ok(()),
                        _ if wrong(Wrong::FailedIsSuccess) => Ok(()),
                        other => Err(format!("turn_failed: {other:?} {}", turn["error"]["message"])),
                    };
                }
                Some(message) => self.take(&message)?,
                None if self.silent_since.elapsed() > Duration::from_millis(timeout) => {
                    return Err("turn_timeout".to_owned());
                }
                None => {}
            }
        }
    }

    fn ask(&mut self, method: &str, params: Value) -> Result<Value, String> {
        self.next_id += 1;
        let id = self.next_id;
        self.send(&json!({"id": id, "method": method, "params": params}))?;
        let within = u64::try_from(self.of.workflow.number("codex", "read_timeout_ms", 5000)).unwrap_or(0);
        let end = Instant::now() + Duration::from_millis(within);
        while Instant::now() < end {
            match self.next()? {
                Some(message) if message["id"] == json!(id) && message.get("method").is_none() => {
                    return match message.get("result") {
                        Some(result) => Ok(result.clone()),
                        None => Err(format!("response_error: {}", message["error"]["message"])),
                    };
                }
                Some(message) => self.take(&message)?,
                None => {}
            }
        }
        Err(format!("response_timeout: {method}"))
    }

    /// The next message, if one comes soon.
    fn next(&mut self) -> Result<Option<Value>, String> {
        if self.of.stop.load(Ordering::Relaxed) {
            return Err("cancelled".to_owned());
        }
        match self.lines.recv_timeout(GLANCE) {
            Ok(line) => {
                self.silent_since = Instant::now();
                self.hear(Heard::Sign);
                Ok(serde_json::from_str(&line).ok().filter(Value::is_object))
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err("port_exit".to_owned()),
        }
    }

    fn take(&mut self, message: &Value) -> Result<(), String> {
        let params = &message["params"];
        match (message["method"].as_str(), message.get("id")) {
            (Some(method), Some(id)) => {
                let result = self.answer(method, params);
                match result {
                    Some(result) => self.send(&json!({"id": id, "result": result})),
                    None => {
                        self.send(&json!({"id": id, "error": {"code": -32601, "message": "not supported"}}))
                    }
                }
            }
            (Some("thread/tokenUsage/updated"), None) => {
                let total = &params["tokenUsage"]["total"];
                let number = |name: &str| total[name].as_u64().unwrap_or(0);
                self.hear(Heard::Usage(number("inputTokens"), number("outputTokens")));
                Ok(())
            }
            (Some("account/rateLimits/updated"), None) => {
                self.hear(Heard::Limits(params["rateLimits"].clone()));
                Ok(())
            }
            (Some("turn/input_required"), None) => Err("turn_input_required".to_owned()),
            _ => Ok(()),
        }
    }

    fn answer(&self, method: &str, params: &Value) -> Option<Value> {
        let never = self.of.workflow.config["codex"]["approval_policy"] == "never";
        match method {
            "item/commandExecution/requestApproval" | "item/fileChange/requestApproval" => {
                Some(json!({"decision": if never { "acceptForSession" } else { "decline" }}))
            }
            "execCommandApproval" | "applyPatchApproval" => {
                Some(json!({"decision": if never { "approved_for_session" } else { "denied" }}))
            }
            "item/tool/call" => Some(self.tool(params)),
            _ => None,
        }
    }

    fn tool(&self, params: &Value) -> Value {
        let arguments = &params["arguments"];
        let query = arguments["query"].as_str().filter(|query| !query.trim().is_empty());
        let fine = arguments["variables"].is_null() || arguments["variables"].is_object();
        let result = match (params["tool"].as_str(), query) {
            (Some("linear_graphql"), Some(query)) if fine => {
                tracker::raw(&self.of.workflow, query, arguments["variables"].clone())
            }
            (tool, _) => Err(format!("not supported or wrong arguments: {tool:?}")),
        };
        let (success, body) = match result {
            Ok(body) => (body.get("errors").is_none(), body),
            Err(why) => (false, json!({"error": {"message": why}})),
        };
        json!({"success": success, "contentItems": [{"type": "inputText", "text": body.to_string()}]})
    }

    fn send(&mut self, message: &Value) -> Result<(), String> {
        let stdin = self.child.stdin.as_mut().ok_or("no stdin")?;
        stdin.write_all(format!("{message}\n").as_bytes()).map_err(|why| format!("port_exit: {why}"))
    }

    fn hear(&self, heard: Heard) {
        let id = self.of.issue["id"].as_str().unwrap_or_default();
        self.of.state.lock().unwrap().hear(id, heard);
    }
}

pub(crate) fn kill_group(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
}
