//! The hidden entry `seawall sandbox-forward`: a loopback port inside that leads to the gateway's socket, for agents
//! that only speak TCP, and the program that uses it.
//!
//! `sandbox-forward --listen 127.0.0.1:PORT --socket PATH [--env-from-stdin] -- PROGRAM…` listens first, then runs PROGRAM
//! with its own stdio, passes SIGTERM, SIGINT and SIGHUP on to it, and exits with its code. With `--env-from-stdin` the
//! first line of stdin is an object of variables for PROGRAM alone: secrets travel so, and in no argument.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;

use rustix::process::{Pid, Signal};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

use super::running::code_of;
use super::tunnel::{MAX_CONNECTIONS, both_ways, connect_unix};

/// A few tokens; bytes.
const MAX_VARIABLES_BYTES: usize = 64 * 1024;

/// Why nothing was run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The arguments are not those of the module's description.
    #[error("usage: sandbox-forward --listen ADDRESS --socket PATH [--env-from-stdin] -- PROGRAM…")]
    Usage,
    /// The first line of stdin is no object of texts.
    #[error("sandbox-forward got no variables on stdin; it is started by seawall itself, not by hand")]
    Variables(#[source] io::Error),
    /// The port could not be opened.
    #[error("cannot listen on {0}; another program inside has that port")]
    Listen(SocketAddr, #[source] io::Error),
    /// The program could not be started or watched.
    #[error("cannot run {0}; check that it is visible inside the sandbox")]
    Run(String, #[source] io::Error),
}

/// Runs the entry with the arguments after `sandbox-forward`; returns the exit code to end with.
pub fn main(args: &[String]) -> Result<i32, Error> {
    let Asked { listen, socket, variables, program } = parse(args).ok_or(Error::Usage)?;
    let env = if variables { read_variables().map_err(Error::Variables)? } else { BTreeMap::new() };
    let failed = |error| Error::Run(program[0].clone(), error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await.map_err(|error| Error::Listen(listen, error))?;
        tokio::spawn(serve(listener, socket));
        run(program, env).await.map_err(failed)
    })
}

struct Asked<'a> {
    listen: SocketAddr,
    socket: PathBuf,
    variables: bool,
    program: &'a [String],
}

fn parse(args: &[String]) -> Option<Asked<'_>> {
    let [listen_flag, listen, socket_flag, socket, rest @ ..] = args else { return None };
    let (variables, rest) = match rest {
        [flag, rest @ ..] if flag == "--env-from-stdin" => (true, rest),
        rest => (false, rest),
    };
    let (dashes, program) = rest.split_first()?;
    let named = listen_flag == "--listen" && socket_flag == "--socket" && dashes == "--";
    let listen: SocketAddr = listen.parse().ok()?;
    let fit = named && !program.is_empty() && listen.ip().is_loopback();
    fit.then(|| Asked { listen, socket: socket.into(), variables, program })
}

/// The first line of stdin, and not a byte more: the rest is the program's.
fn read_variables() -> io::Result<BTreeMap<String, String>> {
    let mut stdin = File::from(rustix::io::dup(rustix::stdio::stdin())?);
    let (mut line, mut byte) = (Vec::new(), [0]);
    while line.len() < MAX_VARIABLES_BYTES {
        stdin.read_exact(&mut byte)?;
        if byte == *b"\n" {
            return Ok(serde_json::from_slice(&line)?);
        }
        line.extend(byte);
    }
    Err(io::Error::other("the line is too long"))
}

/// Leads every connection of `listener` to the socket.
pub(crate) async fn serve(listener: TcpListener, socket: PathBuf) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let socket: Arc<Path> = socket.into();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((inner, _)) = listener.accept().await else {
            // Out of descriptors: let connections end first.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let socket = Arc::clone(&socket);
        tokio::spawn(async move {
            let _place = place;
            // The program inside sees a closed connection, and retries by its own rules.
            let _ = pipe(inner, &socket).await;
        });
    }
}

async fn pipe(inner: TcpStream, socket: &Path) -> io::Result<()> {
    inner.set_nodelay(true)?;
    both_ways(inner, connect_unix(socket).await?).await
}

async fn run(program: &[String], env: BTreeMap<String, String>) -> io::Result<i32> {
    let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    let [mut terminate, mut interrupt, mut hangup] = kinds.map(signal);
    let (terminate, interrupt, hangup) = (terminate.as_mut(), interrupt.as_mut(), hangup.as_mut());
    let (Ok(terminate), Ok(interrupt), Ok(hangup)) = (terminate, interrupt, hangup) else {
        return Err(io::Error::other("signals cannot be watched"));
    };
    let mut child = Command::new(&program[0]).args(&program[1..]).envs(env).spawn()?;
    let status: ExitStatus = loop {
        let asked = tokio::select! {
            status = child.wait() => break status?,
            _ = terminate.recv() => Signal::TERM,
            _ = interrupt.recv() => Signal::INT,
            _ = hangup.recv() => Signal::HUP,
        };
        pass_on(&child, asked);
    };
    Ok(code_of(status))
}

fn pass_on(child: &Child, asked: Signal) {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process(pid, asked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn only_a_loopback_address_and_a_program_are_taken() {
        assert!(parse(&words("--listen 127.0.0.1:80 --socket /s -- prog a")).is_some());
        assert!(parse(&words("--listen 0.0.0.0:80 --socket /s -- prog")).is_none());
        assert!(parse(&words("--listen 127.0.0.1:80 --socket /s --")).is_none());
        let asked = words("--listen 127.0.0.1:80 --socket /s --env-from-stdin -- prog a");
        assert!(parse(&asked).is_some_and(|asked| asked.variables && asked.program.len() == 2));
    }
}
