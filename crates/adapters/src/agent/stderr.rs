//! What an agent says on stderr: never protocol, only the end of it, for explaining its own.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::ChildStderr;
use tokio_util::task::AbortOnDropHandle;

/// The end that is kept for a failure's detail, bytes.
const TAIL_BYTES: usize = 4 * 1024;
/// How long an exit is explained by what is still in the pipe.
const WAIT: Duration = Duration::from_millis(500);

/// The end of one agent's stderr.
pub(super) struct Stderr {
    tail: Arc<Mutex<VecDeque<u8>>>,
    reading: AbortOnDropHandle<()>,
}

impl Stderr {
    /// Reads it to its end, and keeps the last of it.
    pub fn keep(stderr: ChildStderr) -> Stderr {
        let tail = Arc::default();
        let reading = tokio::spawn(read(stderr, Arc::clone(&tail)));
        Stderr { tail, reading: AbortOnDropHandle::new(reading) }
    }

    /// What was said last, by an agent that is gone.
    pub async fn last_words(&mut self) -> String {
        let _ = tokio::time::timeout(WAIT, &mut self.reading).await;
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(tail.make_contiguous()).into_owned()
    }
}

async fn read(mut stderr: ChildStderr, tail: Arc<Mutex<VecDeque<u8>>>) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to memory does not fail.
        let _ = tail.write_all(&buffer[..read]);
        let excess = tail.len().saturating_sub(TAIL_BYTES);
        tail.drain(..excess);
    }
}
