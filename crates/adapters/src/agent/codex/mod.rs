//! The Codex CLI, driven through `codex app-server`: JSON-RPC without the version member, one object per line.
//!
//! Codex speaks TCP only, so inside it runs under `sandbox-forward`. Invariants: Codex's own telemetry and look-ups
//! are off; its home is the run's own; the run token reaches it over stdin only; what it asks for beyond our walls is
//! not granted. `docs/agents/codex.md` says what is asked, allowed and refused.

use std::path::{Path, PathBuf};

use base::env::Env;
use domain::failure::{Failure, FailureKind};
use futures_util::future::BoxFuture;

use super::conversation::Conversation;
use super::dialogue;
use super::launch::{Shell, forward_port, forwarded, program, quoted};
use super::{Driver, End, Host, Session};
use crate::sandbox::{Inside, Sandbox, Spec};
use params::Params;
use talk::Talk;

mod params;
mod talk;

/// Where Codex is inside.
const INNER_DIR: &str = "/opt/codex";
/// The command of a workflow that names none (Symphony 5.3.6).
pub const DEFAULT_COMMAND: &str = "codex app-server";
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
    launch: Launch,
}

#[derive(Clone, Debug)]
enum Launch {
    Program(PathBuf),
    Shell(Shell),
}

impl Codex {
    /// Finds Codex: `command` (a name or a path), or `codex` on the environment's `PATH`. The npm wrapper is seen
    /// through to the native program behind it, because a killed wrapper leaves that running. Fails with
    /// `agent_missing`.
    pub fn find(env: &Env, command: Option<&str>) -> Result<Codex, Failure> {
        let kind = program::CODEX;
        let found = program::find(env, command.unwrap_or(kind.name), &kind);
        found.map(|program| Codex { launch: Launch::Program(program) })
    }

    /// Uses exactly this program.
    pub fn at(program: &Path) -> Codex {
        Codex { launch: Launch::Program(program.to_owned()) }
    }

    /// Uses a shell command that starts an app-server, such as Symphony's `codex.command`: run as `bash -lc` in the
    /// workspace. The files and programs that it names are made visible behind the walls; programs are looked up in
    /// `env`. The variables `secrets` are not in its environment, whatever a login profile sets.
    pub fn shell(env: &Env, command: &str, secrets: Vec<String>) -> Codex {
        Codex { launch: Launch::Shell(Shell::new(env, command, secrets)) }
    }

    /// The program that is started; none when a shell command decides.
    pub fn program(&self) -> Option<&Path> {
        match &self.launch {
            Launch::Program(program) => Some(program),
            Launch::Shell(_) => None,
        }
    }

    fn prepare(&self, walls: bool, spec: &mut Spec, inside: &Inside, params: &Params) -> Result<(), Failure> {
        let home = inside.home.join(".codex").display().to_string();
        spec.env.push(("CODEX_HOME".to_owned(), home));
        spec.nested_walls |= params.builds_walls();
        let program = match &self.launch {
            Launch::Program(program) => {
                std::fs::create_dir_all(spec.home.join(".codex"))
                    .map_err(|e| unprepared("make a home", &e))?;
                let program = if walls { show(program, spec) } else { program.clone() };
                let mut words = vec![program.display().to_string(), "app-server".to_owned()];
                words.extend(SILENT.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]));
                words
            }
            Launch::Shell(shell) => shell.prepare(walls, spec, inside, &prelude()),
        };
        spec.program = forwarded(inside, params.port);
        spec.program.push("--".to_owned());
        spec.program.extend(program);
        Ok(())
    }

    async fn start(
        &self,
        sandbox: &Sandbox,
        spec: &mut Spec,
        session: &Session,
        host: Host,
    ) -> Result<(Conversation, Params), Failure> {
        let (inside, walls) = (sandbox.inside(spec), sandbox.has_walls());
        let port = forward_port(walls).map_err(|error| unprepared("find a port", &error))?;
        let params = Params::new(session, &inside.workspace, port, walls);
        self.prepare(walls, spec, &inside, &params)?;
        let conversation =
            Conversation::start(sandbox, spec, host, session.token.clone(), session.limits).await?;
        Ok((conversation, params))
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
            match self.start(sandbox, &mut spec, &session, host).await {
                Ok((mut conversation, params)) => {
                    let end = dialogue::work(&mut conversation, &mut Talk::new(&session, params)).await;
                    conversation.finish(end).await
                }
                Err(failure) => End::Failed(failure),
            }
        })
    }
}

/// Shows Codex inside and says where it is then. The native program needs the files beside it.
fn show(program: &Path, spec: &mut Spec) -> PathBuf {
    let name = program.file_name().unwrap_or_default();
    let package = program.parent().filter(|bin| bin.ends_with("bin")).and_then(Path::parent);
    let packaged = package.filter(|package| package.join("codex-package.json").exists());
    let inner = Path::new(INNER_DIR);
    let (host, inside, program) = match packaged {
        Some(package) => (package.to_owned(), inner.to_owned(), inner.join("bin").join(name)),
        None => (program.to_owned(), inner.join(name), inner.join(name)),
    };
    spec.read_only.push((host, inside));
    program
}

/// What a shell command finds done: Codex's home is there, and says what the arguments would say. It is written by the
/// inside, because the inside may have put a link in its place.
fn prelude() -> String {
    let settings = quoted(&SILENT.join("\n"));
    format!("mkdir -p \"$CODEX_HOME\" && printf '%s\\n' {settings} >\"$CODEX_HOME/config.toml\"")
}

fn unprepared(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(FailureKind::Workspace, format!("cannot {what} for codex: {error}"))
}
