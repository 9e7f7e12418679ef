//! Logs of this process: to stderr, and to files where the configuration names a folder, filtered by `SEAWALL_LOG`.
//!
//! Invariant: one event is one line, whatever is in it: agents' words are, and could otherwise forge an event.

mod file;

pub use file::to_files;

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use tracing_subscriber::EnvFilter;

/// Sets the filter, in the form of `tracing_subscriber::EnvFilter`.
const VARIABLE: &str = "SEAWALL_LOG";

type Reload = Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>;
static RELOAD: OnceLock<Reload> = OnceLock::new();

/// Logs what `level` says from now on, unless the environment says something. Errors when it is no filter.
pub fn set_level(level: &str) -> Result<(), String> {
    if std::env::var_os(VARIABLE).is_some() {
        return Ok(());
    }
    let filter = EnvFilter::try_new(level).map_err(|error| error.to_string())?;
    RELOAD.get().map_or(Ok(()), |reload| reload(filter))
}

/// Starts logging; a daemon tells what it does, a command only what is wrong.
pub fn start(daemon: bool) {
    let default = if daemon { "info" } else { "warn" };
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new(default));
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let lines = || OneLine(Sinks);
    let built = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines).with_ansi(colour);
    let built = built.with_filter_reloading();
    let handle = built.reload_handle();
    // Only the first is in force, see below.
    let _ = RELOAD.set(Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string())));
    // A second start can only come from a test, which then keeps the first one's.
    let _ = built.try_init();
}

/// Everywhere that a line goes. One sink that fails keeps no line from the other.
struct Sinks;

impl Write for Sinks {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let told = io::stderr().write_all(line);
        if let Some(trouble) = file::write(line) {
            // Through the sink that is left; when that fails too, nobody can be told.
            let _ = writeln!(io::stderr(), "WARN {trouble}");
        }
        told.map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Writes each event, which comes in one piece, without the line ends inside it.
struct OneLine<W>(W);

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let (text, end) = match event.split_last() {
            Some((b'\n', text)) => (text, "\n"),
            Some(_) | None => (event, ""),
        };
        let mut line = Vec::with_capacity(event.len());
        for byte in text {
            match byte {
                b'\n' => line.extend_from_slice(b"\\n"),
                b'\r' => line.extend_from_slice(b"\\r"),
                other => line.push(*other),
            }
        }
        line.extend_from_slice(end.as_bytes());
        self.0.write_all(&line)?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_whatever_an_agent_said() {
        let log = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let kept = log.clone();
        let writer = move || OneLine(Shared(kept.clone()));
        let subscriber = tracing_subscriber::fmt().with_writer(writer).with_ansi(false).finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("finished: {}", "done\n2026-11-20T00:00:00Z ERROR all is lost\r\x1b[2J");
            tracing::info!("next");
        });
        let log = String::from_utf8(log.lock().unwrap().clone()).unwrap();
        assert_eq!(log.lines().count(), 2, "{log}");
        assert!(log.contains(r"done\n2026") && !log.contains('\x1b') && !log.contains('\r'), "{log}");
    }

    struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
