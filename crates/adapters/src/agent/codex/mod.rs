//! The Codex CLI, driven through `codex app-server`: JSON-RPC without the version member, one object per line.
//!
//! Codex speaks TCP only, so inside it runs under `sandbox-forward`. Invariants: Codex's own telemetry and look-ups
//! are off; its home is the run's own; the run token reaches it over stdin only; nothing it asks for beyond its
//! sandbox is granted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base::env::Env;
use domain::failure::{Failure, FailureKind};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::conversation::{Conversation, Next};
use super::{Driver, End, Host, Session};
use crate::sandbox::{Inside, Sandbox, Spec};
use talk::{Heard, Talk};

mod program;
mod talk;

/// Where Codex is inside.
const INNER_DIR: &str = "/opt/codex";
/// The port of the forwarder inside; nobody else is in that network namespace.
const INNER_PORT: u16 = 18080;
/// Codex's own retries; the gateway already retries upstream, so few.
const REQUEST_RETRIES: u32 = 2;
const STREAM_RETRIES: u32 = 3;
/// Silence in a stream after which Codex asks again, at most: models think for minutes.
const STREAM_SILENCE: Duration = Duration::from_secs(300);
/// Codex looks up and reports nothing with these (measured as one set on 0.169).
const SILENT: [&str; 5] = [
    "analytics.enabled=false",
    "features.plugins=false",
    "features.apps=false",
    "features.remote_plugin=false",
    "check_for_update_on_startup=false",
];

/// Drives Codex.
#[derive(Clone, Debug)]
pub struct Codex {
    program: PathBuf,
}

impl Codex {
    /// Finds Codex: `command` (a name or a path), or `codex` on the environment's `PATH`. The npm wrapper is seen
    /// through to the native program behind it, because a killed wrapper leaves that running. Fails with
    /// `agent_missing`.
    pub fn find(env: &Env, command: Option<&str>) -> Result<Codex, Failure> {
        program::find(env, command.unwrap_or("codex")).map(|program| Codex { program })
    }

    /// Uses exactly this program.
    pub fn at(program: &Path) -> Codex {
        Codex { program: program.to_owned() }
    }

    /// The program that is started.
    pub fn program(&self) -> &Path {
        &self.program
    }

    fn prepare(&self, sandbox: &Sandbox, spec: &mut Spec, inside: &Inside) -> Result<u16, Failure> {
        let failed = |what: &str, error: std::io::Error| {
            Failure::new(FailureKind::Workspace, format!("cannot {what} for codex: {error}"))
        };
        std::fs::create_dir_all(spec.home.join(".codex")).map_err(|error| failed("make a home", error))?;
        let home = inside.home.join(".codex").display().to_string();
        spec.env.push(("CODEX_HOME".to_owned(), home));
        let (program, port) = if sandbox.has_walls() {
            let (host, inner, program) = visible(&self.program);
            spec.read_only.push((host, inner));
            (program, INNER_PORT)
        } else {
            let port = free_port().map_err(|error| failed("find a port", error))?;
            (self.program.clone(), port)
        };
        let show = |path: &Path| path.display().to_string();
        let mut words = vec![show(&inside.launcher), "sandbox-forward".to_owned()];
        words.extend(["--listen".to_owned(), format!("127.0.0.1:{port}"), "--socket".to_owned()]);
        words.extend([
            show(&inside.gateway_socket),
            "--".to_owned(),
            show(&program),
            "app-server".to_owned(),
        ]);
        words.extend(SILENT.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]));
        spec.program = words;
        Ok(port)
    }
}

impl Driver for Codex {
    fn name(&self) -> &'static str {
        "codex"
    }

    fn run<'a>(
        &'a self,
        sandbox: &'a Sandbox,
        mut spec: Spec,
        session: Session,
        host: Host,
    ) -> BoxFuture<'a, End> {
        Box::pin(async move {
            let inside = sandbox.inside(&spec);
            let started = match self.prepare(sandbox, &mut spec, &inside) {
                Ok(port) => {
                    let token = session.token.clone();
                    let talk = Conversation::start(sandbox, &spec, host, token, session.limits).await;
                    talk.map(|talk| (talk, port))
                }
                Err(failure) => Err(failure),
            };
            match started {
                Ok((mut conversation, port)) => {
                    let thread = thread_start(&session, &inside, port, sandbox.has_walls());
                    let end = work(&mut conversation, &session, thread).await;
                    conversation.finish(end).await
                }
                Err(failure) => End::Failed(failure),
            }
        })
    }
}

async fn work(conversation: &mut Conversation, session: &Session, thread: Value) -> Result<String, Failure> {
    let mut talk = Talk::new(session, thread);
    conversation.send(&talk.initialize()).await?;
    loop {
        let heard = match conversation.next().await? {
            Next::Message(message) => talk.hear(message)?,
            Next::Interrupt => talk.interrupt(),
        };
        for Heard { tell, send, call, end } in heard {
            if let Some(activity) = tell {
                conversation.tell(activity).await;
            }
            if let Some(message) = send {
                conversation.send(&message).await?;
            }
            if let Some(call) = call {
                let answer = conversation.call_tool(&call.name, call.arguments).await?;
                let items = json!([{"type": "inputText", "text": answer.text}]);
                let result = json!({"contentItems": items, "success": answer.ok});
                conversation.send(&json!({"id": call.id, "result": result})).await?;
            }
            if let Some(end) = end {
                return end;
            }
        }
    }
}

/// The parameters of `thread/start`: the provider with the token, and the walls Codex is told of.
fn thread_start(session: &Session, inside: &Inside, port: u16, walls: bool) -> Value {
    let silence = STREAM_SILENCE.min(session.limits.stall);
    let provider = json!({
        "name": "seawall",
        "base_url": format!("http://127.0.0.1:{port}/v1"),
        "wire_api": "responses",
        "experimental_bearer_token": session.token.expose(),
        "request_max_retries": REQUEST_RETRIES,
        "stream_max_retries": STREAM_RETRIES,
        "stream_idle_timeout_ms": u64::try_from(silence.as_millis()).unwrap_or(u64::MAX),
    });
    let tools = session.tools.iter().map(|tool| {
        json!({
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "inputSchema": tool.input_schema,
        })
    });
    json!({
        "cwd": inside.workspace,
        "approvalPolicy": "never",
        // Inside our walls a second sandbox adds nothing; without them it is all there is.
        "sandbox": if walls { "danger-full-access" } else { "workspace-write" },
        "model": session.model,
        "modelProvider": "seawall",
        "developerInstructions": session.instructions,
        "dynamicTools": tools.collect::<Vec<_>>(),
        "config": {"model_providers": {"seawall": provider}},
    })
}

/// What to show of Codex: (host path, path inside, program inside). The native program needs the files beside it.
fn visible(program: &Path) -> (PathBuf, PathBuf, PathBuf) {
    let name = program.file_name().unwrap_or_default();
    let package = program.parent().filter(|bin| bin.ends_with("bin")).and_then(Path::parent);
    let packaged = package.filter(|package| package.join("codex-package.json").exists());
    let inner = Path::new(INNER_DIR);
    match packaged {
        Some(package) => (package.to_owned(), inner.to_owned(), inner.join("bin").join(name)),
        None => (program.to_owned(), inner.join(name), inner.join(name)),
    }
}

/// Without a network namespace, a port that is free now. Whoever takes it first gets nothing without the token.
fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
