//! Claude Code, driven through `claude -p` with JSON lines both ways: what its agent SDK speaks.
//!
//! Claude Code speaks TCP only, so inside it runs under `sandbox-forward`. Invariants: its home is the run's own and it
//! calls nobody but the gateway; the host's tools are its MCP server `seawall`, answered over its own stdio; it may do
//! everything only inside our walls; what it asks a person ends the session as blocked.
//!
//! The run token: our launcher reads it from stdin ahead of Claude Code and gives it to Claude Code's environment alone.
//! So it is in no argument, in no file, and in no process that the host started; a settings file with an
//! `apiKeyHelper` would have left it on the disk. `docs/agents/claude.md` has the rest.

use std::path::{Path, PathBuf};

use base::env::Env;
use domain::failure::{Failure, FailureKind};
use futures_util::future::BoxFuture;
use serde_json::json;

use super::conversation::Conversation;
use super::dialogue;
use super::launch::{forward_port, forwarded, program};
use super::{Activity, Driver, End, Host, Session};
use crate::sandbox::{Inside, Sandbox, Spec};
use talk::{SERVER, Talk};

mod talk;

/// Where Claude Code is inside.
const INNER: &str = "/opt/claude/claude";
/// Its own retries; the gateway already retries upstream, so few (its default of 10 takes minutes).
const RETRIES: &str = "4";
/// Conversations of one home that are looked at when one is to be resumed.
const MAX_PROJECTS: usize = 1_000;

/// Drives Claude Code.
#[derive(Clone, Debug)]
pub struct Claude {
    program: PathBuf,
}

impl Claude {
    /// Finds Claude Code: `command` (a name or a path), or `claude` on the environment's `PATH`; of an npm
    /// installation, the native program. Fails with `agent_missing`.
    pub fn find(env: &Env, command: Option<&str>) -> Result<Claude, Failure> {
        let kind = program::CLAUDE;
        program::find(env, command.unwrap_or(kind.name), &kind).map(|program| Claude { program })
    }

    /// Uses exactly this program.
    pub fn at(program: &Path) -> Claude {
        Claude { program: program.to_owned() }
    }

    /// The program that is started.
    pub fn program(&self) -> &Path {
        &self.program
    }

    async fn start(
        &self,
        sandbox: &Sandbox,
        spec: &mut Spec,
        session: &Session,
        host: Host,
    ) -> Result<Conversation, Failure> {
        let (inside, walls) = (sandbox.inside(spec), sandbox.has_walls());
        let failed = |error: std::io::Error| {
            Failure::new(FailureKind::Workspace, format!("cannot find a port for claude: {error}"))
        };
        let port = forward_port(walls).map_err(failed)?;
        let resume = session.resume.as_deref().filter(|id| is_kept(&spec.home, id));
        environment(spec, &inside, port, walls);
        let program = if walls {
            spec.read_only.push((self.program.clone(), INNER.into()));
            INNER.to_owned()
        } else {
            self.program.display().to_string()
        };
        spec.program = forwarded(&inside, port);
        spec.program.extend(["--env-from-stdin", "--"].map(str::to_owned));
        spec.program.push(program);
        spec.program.extend(arguments(session, resume, walls));
        let mut conversation =
            Conversation::start(sandbox, spec, host, session.token.clone(), session.limits).await?;
        if session.resume.is_some() && resume.is_none() {
            let text = "a new conversation is begun: this home does not hold that one".to_owned();
            conversation.tell(Activity::Noticed { event: "resume_refused".to_owned(), text }).await;
        }
        conversation.send(&json!({"ANTHROPIC_AUTH_TOKEN": session.token.expose()})).await?;
        Ok(conversation)
    }
}

impl Driver for Claude {
    fn name(&self) -> &'static str {
        "claude"
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
                Ok(mut conversation) => {
                    let end = dialogue::work(&mut conversation, &mut Talk::new(&session)).await;
                    conversation.finish(end).await
                }
                Err(failure) => End::Failed(failure),
            }
        })
    }
}

fn environment(spec: &mut Spec, inside: &Inside, port: u16, walls: bool) {
    let home = inside.home.join(".claude").display().to_string();
    let mut add = |key: &str, value: &str| spec.env.push((key.to_owned(), value.to_owned()));
    add("ANTHROPIC_BASE_URL", &format!("http://127.0.0.1:{port}"));
    add("CLAUDE_CONFIG_DIR", &home);
    // Without these it looks up names, probes the gateway, and sends what gateways of other makers do not know.
    add("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    add("CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS", "1");
    add("DISABLE_AUTOUPDATER", "1");
    add("CLAUDE_CODE_MAX_RETRIES", RETRIES);
    if walls {
        // The inside may look like root to it; that there is a sandbox is true.
        add("IS_SANDBOX", "1");
    }
}

fn arguments(session: &Session, resume: Option<&str>, walls: bool) -> Vec<String> {
    let servers = json!({"mcpServers": {SERVER: {"type": "sdk", "name": SERVER}}}).to_string();
    let mut words = [
        "-p",
        "--verbose",
        "--output-format=stream-json",
        "--input-format=stream-json",
        "--permission-prompt-tool=stdio",
        "--strict-mcp-config",
    ]
    .map(str::to_owned)
    .to_vec();
    words.push(format!("--mcp-config={servers}"));
    words.push(format!("--permission-mode={}", permission_mode(session, walls)));
    words.extend(session.model.as_ref().map(|model| format!("--model={model}")));
    words.extend(resume.map(|id| format!("--resume={id}")));
    words
}

/// What the workflow's `claude` block says. Without walls nothing is allowed unasked but edits in the workspace, whatever
/// it says: Claude Code has no sandbox of its own here.
fn permission_mode(session: &Session, walls: bool) -> &str {
    let given = session.settings["permission_mode"].as_str();
    match (given, walls) {
        (Some(mode), true) => mode,
        (None, true) => "bypassPermissions",
        (Some(mode @ ("plan" | "manual" | "default" | "dontAsk")), false) => mode,
        (Some(_) | None, false) => "acceptEdits",
    }
}

/// Whether `home` holds the conversation `id`. Asked first because Claude Code ends when it does not; only looked at,
/// because the inside may have put anything there.
fn is_kept(home: &Path, id: &str) -> bool {
    let plain = (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let Ok(projects) = std::fs::read_dir(home.join(".claude/projects")) else { return false };
    let file = format!("{id}.jsonl");
    plain && projects.take(MAX_PROJECTS).flatten().any(|project| project.path().join(&file).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::claude::talk::tests::session;

    #[test]
    fn everything_is_allowed_only_inside_walls() {
        let mode = |given: serde_json::Value, walls| {
            let session = Session { settings: given, ..session() };
            permission_mode(&session, walls).to_owned()
        };
        assert_eq!(mode(json!({}), true), "bypassPermissions");
        assert_eq!(mode(json!({"permission_mode": "plan"}), true), "plan");
        assert_eq!(mode(json!({}), false), "acceptEdits");
        assert_eq!(mode(json!({"permission_mode": "bypassPermissions"}), false), "acceptEdits");
    }

    #[test]
    fn a_conversation_is_resumed_only_by_an_id_that_the_home_holds() {
        let home = tempfile::tempdir().unwrap();
        let (id, dir) = ("11111111-2222-4333-8444-555555555555", home.path().join(".claude/projects/-ws"));
        assert!(!is_kept(home.path(), id));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join(format!("{id}.jsonl")), "{}").unwrap();
        std::fs::write(dir.join("../../x.jsonl"), "{}").unwrap();
        assert!(is_kept(home.path(), id) && !is_kept(home.path(), "../../x"));
    }
}
