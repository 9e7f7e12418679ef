//! The fake app-server: speaks the Codex app-server protocol as JSON lines on stdio and plays what its script says.
//!
//! Invariants: it needs its own program and a writable working directory, nothing else; it echoes the ids of requests
//! exactly; it ends by itself when nobody ends it.

mod child;
mod play;
mod protocol;
pub(crate) mod record;
pub(crate) mod script;

pub(crate) use child::run as child;

use play::Player;
use record::Record;
use script::{Ending, Script};
use serde_json::{Value, json};
use std::io::{BufRead as _, Read as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

/// A client that sends more than this in one line is broken.
const LINE_BYTES: u64 = 32 * 1024 * 1024;
/// Exit code of a fake that lived too long.
const TOO_OLD: i32 = 97;

/// Runs until its script, its client or its age ends it.
pub(crate) fn run(word: &str) -> ExitCode {
    let script = match Script::decode(word) {
        Ok(script) => script,
        Err(why) => return crate::complain(&format!("fake-app-server: {why}"), 96),
    };
    let cwd = match std::env::current_dir() {
        Ok(cwd) => cwd,
        Err(why) => return crate::complain(&format!("fake-app-server: no working directory: {why}"), 96),
    };
    let (mut record, earlier) = match Record::open(&cwd) {
        Ok(opened) => opened,
        Err(why) => return crate::complain(&format!("fake-app-server: cannot write to {cwd:?}: {why}"), 96),
    };
    let (who, part) = script.part(&workspace_name(&cwd), earlier);
    record.note("start", start(&script, &cwd, &who));
    let life = Duration::from_secs(script.life_s);
    std::thread::spawn(move || {
        std::thread::sleep(life);
        std::process::exit(TOO_OLD);
    });
    let _deaf = (part.on_term == Ending::Ignore).then(deaf_to_term);
    let lines = stdin_lines();
    Player::new(script, part, record, cwd, lines).play()
}

fn workspace_name(cwd: &Path) -> String {
    cwd.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// What can be seen from inside: where it runs, under which names the environment holds what, and which secrets of the
/// case are among the values.
fn start(script: &Script, cwd: &Path, who: &str) -> Value {
    let env: Vec<(String, Vec<u8>)> = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.into_encoded_bytes()))
        .collect();
    let mut names: Vec<&str> = env.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let secrets: Vec<&str> = env
        .iter()
        .filter(|(_, value)| script.secrets.values().any(|secret| *secret == record::hash(value)))
        .map(|(name, _)| name.as_str())
        .collect();
    let reported: serde_json::Map<String, Value> =
        script.report_env.iter().map(|name| (name.clone(), json!(std::env::var(name).ok()))).collect();
    let ppid = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
    json!({
        "who": who, "cwd": cwd, "workspace": workspace_name(cwd), "pid": std::process::id(), "ppid": ppid,
        "env_names": names, "env_with_secrets": secrets, "env": reported,
    })
}

/// What the client says, line by line; the end of it closes the channel.
fn stdin_lines() -> mpsc::Receiver<String> {
    let (tell, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        loop {
            let mut line = String::new();
            match stdin.by_ref().take(LINE_BYTES).read_line(&mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if tell.send(line).is_err() => return,
                Ok(_) => {}
            }
        }
    });
    lines
}

/// As long as what it returns is kept, SIGTERM does nothing.
fn deaf_to_term() -> Option<tokio::runtime::Runtime> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().ok()?;
    let guard = runtime.enter();
    let mut term = signal(SignalKind::terminate()).ok()?;
    drop(guard);
    runtime.spawn(async move { while term.recv().await.is_some() {} });
    Some(runtime)
}
