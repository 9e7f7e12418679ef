//! The hidden entry `seawall command-agent`: runs the program inside the sandbox, once for each turn.
//!
//! Speaks JSON lines on stdio with the driver. Invariants: the token and the key of its messages live in its memory,
//! which the program cannot read; the token is in the program's environment and nowhere else; the program's output
//! never reaches the driver as protocol.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::failure::{Failure, FailureKind};
use rustix::process::Signal;
use tokio::net::TcpListener;
use tokio::process::Command;

use super::messages::{FromGuest, Over, Signed, Start, ToGuest};
use super::process::{Ended, Process};
use super::report;
use crate::agent::Activity;
use crate::agent::guest::{self, Error, Lines, hear};
use crate::sandbox::forward::serve;

/// How long an interrupted program may take to end by itself.
const GRACE: Duration = Duration::from_secs(3);

/// Works until the end, and returns the exit code.
pub fn main() -> Result<i32, Error> {
    guest::main(talk)
}

async fn talk(mut lines: Lines) -> Result<(), Error> {
    let Some(ToGuest::Start(start)) = hear(&mut lines).await? else { return Err(Error::Start) };
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, start.port))).await?;
    tokio::spawn(serve(listener, start.socket.clone()));
    let mut prompt = start.prompt.clone();
    for n in 1.. {
        let over = match turn(&start, n, &prompt, &mut lines).await {
            Ok(Some(over)) => FromGuest::Over(over),
            Ok(None) => return Ok(()),
            Err(error) => {
                let detail = format!("its program could not be started: {error}");
                FromGuest::Failed { failure: Failure::new(FailureKind::Workspace, detail) }
            }
        };
        say(&start.key, over).await?;
        match hear(&mut lines).await? {
            Some(ToGuest::Turn { prompt: next }) => prompt = next,
            Some(ToGuest::Start(_) | ToGuest::Interrupt) | None => break,
        }
    }
    Ok(())
}

/// One process of the program to its end; `None`: the host wants no more.
async fn turn(start: &Start, n: u32, prompt: &str, lines: &mut Lines) -> io::Result<Option<Over>> {
    let files = Files::prepare(&start.files, prompt)?;
    let mut process = Process::start(command(start, n, &files)?, prompt.to_owned())?;
    let tell = async |text: String| {
        let activity = Activity::Noticed { event: "output".to_owned(), text };
        say(&start.key, FromGuest::Activity { activity }).await
    };
    let ended = tokio::select! {
        ended = process.watch(tell) => Some(ended?),
        // The host says nothing while a turn goes on but that it is over.
        _ = hear::<ToGuest>(lines) => None,
    };
    let Some(Ended { code, ms, tail }) = ended else {
        process.signal(Signal::TERM);
        let quiet = async |_: String| Ok(());
        let _ = tokio::time::timeout(GRACE, process.watch(quiet)).await;
        return Ok(None);
    };
    Ok(Some(Over { code, ms, tail, report: report::read(&files.result) }))
}

/// What the program finds.
struct Files {
    prompt: PathBuf,
    result: PathBuf,
}

impl Files {
    fn prepare(dir: &Path, prompt: &str) -> io::Result<Files> {
        std::fs::create_dir_all(dir)?;
        let files = Files { prompt: dir.join("prompt.md"), result: dir.join("result.json") };
        std::fs::write(&files.prompt, prompt)?;
        match std::fs::remove_file(&files.result) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(files),
        }
    }
}

/// The variables that hold the run's token, as OpenAI's and Anthropic's clients read it.
pub(super) const TOKEN_NAMES: [&str; 2] = ["OPENAI_API_KEY", "ANTHROPIC_AUTH_TOKEN"];

fn command(start: &Start, n: u32, files: &Files) -> io::Result<Command> {
    let (name, arguments) = start.program.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let base = format!("http://127.0.0.1:{}", start.port);
    let mut command = Command::new(name);
    command.args(arguments);
    command.env("SEAWALL_PROMPT_FILE", &files.prompt).env("SEAWALL_RESULT_FILE", &files.result);
    command.env("SEAWALL_RUN", &start.run).env("SEAWALL_SESSION", &start.session);
    command.env("SEAWALL_TITLE", &start.title).env("SEAWALL_MODEL", &start.model);
    command.env("SEAWALL_TURN", n.to_string());
    command.env("SEAWALL_RESUMED", if start.resumed { "1" } else { "0" });
    command.env("OPENAI_BASE_URL", format!("{base}/v1")).env("ANTHROPIC_BASE_URL", &base);
    command.envs(TOKEN_NAMES.map(|name| (name, &start.token)));
    Ok(command)
}

async fn say(key: &str, message: FromGuest) -> io::Result<()> {
    guest::say(&Signed { key: key.to_owned(), message }).await
}
