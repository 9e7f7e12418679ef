//! The optional result file of a program: what it says of its own end. `docs/agents/command.md` documents it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

/// Longest result file, bytes: a summary, not a log.
const MAX_BYTES: u64 = 64 * 1024;

/// What a program says of its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Report {
    pub status: Status,
    #[serde(default)]
    pub summary: String,
    #[serde(default)]
    pub question: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// The work is done.
    Done,
    /// A person must answer `question` first.
    Blocked,
    /// It cannot be done; `summary` says why.
    Failed,
    /// The program wants to be started once more.
    Continue,
}

/// Reads `path`. `Ok(None)`: it wrote none.
pub(super) fn read(path: &Path) -> Result<Option<Report>, String> {
    // A pipe or a link in its place must not hold or lead us.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()).map(File::from).map_err(io::Error::from) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    if !file.metadata().is_ok_and(|meta| meta.is_file()) {
        return Err("it is no ordinary file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Result<Option<Report>, String> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("it is longer than {MAX_BYTES} bytes"));
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    serde_json::from_slice(bytes).map(Some).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_report_is_read_and_anything_else_is_named() {
        let report = parse(br#"{"status":"blocked","question":"which?","more":1}"#).unwrap().unwrap();
        assert_eq!((report.status, report.question.as_str()), (Status::Blocked, "which?"));
        assert_eq!(parse(b" \n"), Ok(None));
        assert!(parse(br#"{"status":"maybe"}"#).unwrap_err().contains("maybe"));
        assert!(parse(&vec![b'x'; 70_000]).is_err());
    }

    #[test]
    fn a_pipe_a_link_or_a_folder_in_its_place_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("real"), r#"{"status":"done"}"#).unwrap();
        std::os::unix::fs::symlink(at("real"), at("link")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert!(read(&at("link")).is_err() && read(&at("pipe")).is_err() && read(dir.path()).is_err());
        assert_eq!(read(&at("none")), Ok(None));
        assert_eq!(read(&at("real")).unwrap().unwrap().status, Status::Done);
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(bytes in any::<Vec<u8>>()) {
            let _ = parse(&bytes);
        }
    }
}
