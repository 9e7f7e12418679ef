//! Reads a folder of issues without being led out of it, blocked, or flooded.

use super::{Error, Problem, parse};
use domain::Timestamp;
use domain::issue::Issue;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// More entries than this are an archive, not a list of work.
pub(super) const MAX_ENTRIES: usize = 10_000;
/// A larger file is not an issue a person wrote.
pub(super) const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// What one look at the folder found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub found: Vec<Found>,
    pub problems: Vec<Problem>,
}

/// One issue and the file it was read from.
#[derive(Debug)]
pub(super) struct Found {
    pub issue: Issue,
    /// Its name in the folder.
    pub name: String,
    /// Where it really is, links followed.
    pub path: PathBuf,
    pub bytes: Vec<u8>,
    pub mode: u32,
}

/// Reads every `*.md` of `folder`, in the order of their names. Hidden files are not looked at.
pub(super) fn scan(folder: &Path) -> Result<Scan, Error> {
    let unavailable = |source| Error::Unavailable { path: folder.to_owned(), source };
    let root = folder.canonicalize().map_err(unavailable)?;
    let mut names = Vec::new();
    for (count, entry) in std::fs::read_dir(&root).map_err(unavailable)?.enumerate() {
        if count >= MAX_ENTRIES {
            return Err(Error::TooMany { path: folder.to_owned(), limit: MAX_ENTRIES });
        }
        names.push(entry.map_err(unavailable)?.file_name());
    }
    names.sort_unstable();
    let mut scan = Scan::default();
    for name in names {
        let shown = name.to_string_lossy().escape_debug().to_string();
        if !shown.ends_with(".md") || shown.starts_with('.') {
            continue;
        }
        match read(&root, &root.join(&name), &shown) {
            Ok(Some(found)) => scan.found.push(found),
            Ok(None) => {}
            Err(problem) => scan.problems.push(problem),
        }
    }
    // The folder may have been taken away while we read it; what is missing then says nothing.
    root.metadata().map_err(unavailable)?;
    report_duplicates(&mut scan);
    Ok(scan)
}

/// The issue in the file called `name`, if that is one now.
pub(super) fn read_one(folder: &Path, name: &str) -> Option<Found> {
    let root = folder.canonicalize().ok()?;
    read(&root, &root.join(name), name).ok()?
}

/// One file; `None` when it vanished, or is a README and no issue.
fn read(root: &Path, path: &Path, name: &str) -> Result<Option<Found>, Problem> {
    let problem =
        |what: String, mend: &str| Problem { file: name.to_owned(), line: 1, what, mend: mend.into() };
    let real = match path.canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_err() => {
            return Ok(None);
        }
        Err(error) => {
            return Err(problem(format!("cannot be followed: {error}"), "repair or remove the link"));
        }
    };
    if !real.starts_with(root) {
        return Err(problem("is a link that leads out of the folder".into(), "put the file itself here"));
    }
    let (bytes, file) = match read_bounded(&real) {
        Ok(read) => read,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(problem(format!("cannot be read: {error}"), "check what it is and its permissions"));
        }
    };
    if !bytes.starts_with(b"---") && name.eq_ignore_ascii_case("readme.md") {
        return Ok(None);
    }
    let metadata = file.metadata().map_err(|e| problem(format!("cannot be read: {e}"), "try again"))?;
    let mut issue = parse::issue(name, &bytes)?;
    let micros = metadata.mtime().saturating_mul(1_000_000).saturating_add(metadata.mtime_nsec() / 1_000);
    issue.updated_at = Some(Timestamp(micros));
    issue.url = Some(real.display().to_string());
    let mode = metadata.permissions().mode() & 0o7777;
    Ok(Some(Found { issue, name: name.to_owned(), path: real, bytes, mode }))
}

/// The bytes of a regular file. Never waits on a pipe, never follows a link put there a moment ago.
fn read_bounded(path: &Path) -> io::Result<(Vec<u8>, File)> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    (&file).take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::other("larger than 1 MiB"));
    }
    Ok((bytes, file))
}

/// Of several files with one id the first by name counts; the others are problems.
fn report_duplicates(scan: &mut Scan) {
    let mut first: HashMap<String, String> = HashMap::new();
    let mut kept = Vec::with_capacity(scan.found.len());
    for found in scan.found.drain(..) {
        let id = found.issue.id.as_str().to_owned();
        match first.get(&id) {
            Some(other) => scan.problems.push(Problem {
                file: found.name,
                line: 1,
                what: format!("has the id {id}, as has {other}"),
                mend: "give one of them another id".into(),
            }),
            None => {
                first.insert(id, found.name.clone());
                kept.push(found);
            }
        }
    }
    scan.found = kept;
}
