//! What the halves of drivers that run inside the sandbox share: how they begin, hear their host, and speak to it.
//!
//! Speaks JSON lines on stdio. Invariant: nobody beside the kernel reads the half's memory, where the run's token is.

use std::io;

use base::lines::{BoundedLines, Line};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt;

use super::MAX_LINE_BYTES;

/// Why a half could not even begin. The binary prints it to stderr.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The runtime or stdio failed.
    #[error("the agent's half in the sandbox cannot talk to its host")]
    Io(#[from] io::Error),
    /// The first line was no start message.
    #[error("there is no start message on stdin; this entry is started by seawall itself, not by hand")]
    Start,
}

/// What the host says, line by line.
pub(super) type Lines = BoundedLines<tokio::io::Stdin>;

/// Has the `talk` with the host to its end, and returns the exit code.
pub(super) fn main<F: Future<Output = Result<(), Error>>>(
    talk: impl FnOnce(Lines) -> F,
) -> Result<i32, Error> {
    // What it runs has its uid: without this it could read its memory and take its descriptors.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .map_err(io::Error::from)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async { talk(Lines::new(tokio::io::stdin(), MAX_LINE_BYTES)).await });
    // A thread still waits on stdin; it must not hold the process back.
    runtime.shutdown_background();
    ended.map(|()| 0)
}

/// The host's next message; `None` when it is gone, or not understood.
pub(super) async fn hear<M: DeserializeOwned>(lines: &mut Lines) -> io::Result<Option<M>> {
    match lines.next().await? {
        Some(Line::Whole(line)) => Ok(serde_json::from_slice(&line).ok()),
        Some(Line::TooLong { .. }) | None => Ok(None),
    }
}

/// Says `message` to the host.
pub(super) async fn say(message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    let mut stdout = tokio::io::stdout();
    stdout.write_all(&line).await?;
    stdout.flush().await
}
