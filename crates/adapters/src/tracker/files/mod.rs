//! The `files` tracker: a folder of markdown issues with front matter, edited by people, by git and by us.
//!
//! Invariants: one bad file never hides the others; a folder that is not there is an error, never "no issues";
//! an edit changes only the bytes it is about, and never overwrites what somebody wrote in the meantime.

mod blockers;
mod edit;
mod folder;
mod parse;
mod tracker;

use base::files::sync_dir;
use domain::issue::Issue;
use domain::{IssueId, Timestamp};
use folder::Found;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
pub(super) use tracker::KIND;

/// How often an edit starts over when the file changes under it; a file that changes faster is being written
/// by a program.
const MAX_TRIES: u32 = 8;

/// What a folder holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Every issue that could be read, sorted by file name.
    pub issues: Vec<Issue>,
    /// Every file that could not.
    pub problems: Vec<Problem>,
}

/// What became of ids that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Found.
    pub issues: Vec<Issue>,
    /// Certainly not there.
    pub missing: Vec<IssueId>,
    /// Not found, but some file could not be read and may be it: keep what was known.
    pub unsure: Vec<IssueId>,
}

/// A file that is not an issue, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}; {mend}")]
pub struct Problem {
    /// Its name in the folder.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub mend: String,
}

/// Why the tracker could not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder cannot be read now. It may come back.
    #[error("the tracker folder {} cannot be read; check that it exists", path.display())]
    Unavailable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// More files than we look at.
    #[error("the tracker folder {} holds more than {limit} entries; move old issues elsewhere", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
        /// The limit.
        limit: usize,
    },
    /// No such issue.
    #[error("there is no issue {0}; it may have been renamed or removed")]
    NoIssue(IssueId),
    /// The issue's file cannot be edited safely.
    #[error("{0}")]
    Unfit(Problem),
    /// The text to be written is not acceptable.
    #[error("{0}")]
    BadText(&'static str),
    /// Somebody else keeps changing the file.
    #[error("{file} changed {MAX_TRIES} times while it was edited; try again later")]
    Contended {
        /// The file.
        file: String,
    },
    /// The file could not be written.
    #[error("cannot write {}; check space and permissions", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A folder of issues. Cheap to clone; clones take turns at editing.
#[derive(Clone, Debug)]
pub struct FilesTracker {
    folder: PathBuf,
    /// States in which a blocker is over.
    terminal: Arc<[String]>,
    editing: Arc<tokio::sync::Mutex<()>>,
    /// Which file held which issue when the folder was last read. Only a hint: an edit reads the file again,
    /// and the whole folder when the hint was wrong.
    names: Arc<Mutex<HashMap<IssueId, String>>>,
}

impl FilesTracker {
    /// The tracker of `folder`, which is looked at only when asked. An issue in one of `terminal` blocks no other.
    pub fn new(folder: impl Into<PathBuf>, terminal: &[String]) -> Self {
        Self {
            folder: folder.into(),
            terminal: terminal.into(),
            editing: Arc::default(),
            names: Arc::default(),
        }
    }

    /// All issues, and the files that are none.
    pub async fn list(&self) -> Result<Listing, Error> {
        let scan = self.scan().await?;
        let mut issues: Vec<Issue> = scan.found.into_iter().map(|f| f.issue).collect();
        blockers::withhold(&mut issues, &self.terminal);
        Ok(Listing { issues, problems: scan.problems })
    }

    /// The issues called `ids`.
    pub async fn fetch(&self, ids: &[IssueId]) -> Result<Fetched, Error> {
        let (this, wanted) = (self.clone(), ids.to_vec());
        if let Some(issues) = self.blocking(move || Ok(this.where_they_were(&wanted))).await? {
            return Ok(Fetched { issues, ..Fetched::default() });
        }
        let listing = self.list().await?;
        let mut fetched = Fetched::default();
        for id in ids {
            match listing.issues.iter().find(|issue| issue.id == *id) {
                Some(issue) => fetched.issues.push(issue.clone()),
                None if listing.problems.is_empty() => fetched.missing.push(id.clone()),
                None => fetched.unsure.push(id.clone()),
            }
        }
        Ok(fetched)
    }

    /// Moves issue `id` to `state`: its `state:` line changes and nothing else. An issue that is there already is
    /// left alone. Errors with [`Error::BadText`] when `state` is blank or more than one line.
    pub async fn move_to(&self, id: &IssueId, state: &str) -> Result<(), Error> {
        let state = state.trim().to_owned();
        if state.is_empty() || state.chars().any(char::is_control) || state.len() > parse::MAX_WORD {
            return Err(Error::BadText("a state is one short line"));
        }
        self.edit(id, move |file, bytes| edit::set_state(file, bytes, &state)).await
    }

    /// Adds a comment under the heading `## Comments` at the end of the issue. The same comment (author, instant
    /// and text) is added once, however often it is asked for.
    pub async fn comment(&self, id: &IssueId, author: &str, text: &str, at: Timestamp) -> Result<(), Error> {
        if text.trim().is_empty() {
            return Err(Error::BadText("a comment needs a text"));
        }
        let block = edit::comment_block(author, text, at);
        self.edit(id, move |_, bytes| Ok(edit::add_comment(bytes, &block))).await
    }

    /// The issues, if each is still in the file that held it last: a folder of thousands is not read for one.
    fn where_they_were(&self, ids: &[IssueId]) -> Option<Vec<Issue>> {
        let names: Vec<String> = {
            let known = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            ids.iter().map(|id| known.get(id).cloned()).collect::<Option<_>>()?
        };
        let read = |(id, name): (&IssueId, String)| {
            let found = folder::read_one(&self.folder, &name).map(|found| found.issue);
            // What it waits for is told by other files.
            found.filter(|issue| issue.id == *id && issue.blocked_by.is_empty())
        };
        ids.iter().zip(names).map(read).collect()
    }

    async fn scan(&self) -> Result<folder::Scan, Error> {
        let this = self.clone();
        self.blocking(move || this.scan_now()).await
    }

    async fn edit<F>(&self, id: &IssueId, change: F) -> Result<(), Error>
    where
        F: Fn(&str, &[u8]) -> Result<Vec<u8>, Problem> + Send + 'static,
    {
        let turn = Arc::clone(&self.editing).lock_owned().await;
        let (this, id) = (self.clone(), id.clone());
        self.blocking(move || {
            // Kept until the write is done, also when the caller stops waiting for it.
            let _turn = turn;
            this.edit_now(&id, change)
        })
        .await
    }

    /// Files are read and written on a thread that may wait.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
            let source = std::io::Error::other("reading was cut short");
            Err(Error::Unavailable { path: self.folder.clone(), source })
        })
    }

    fn scan_now(&self) -> Result<folder::Scan, Error> {
        let scan = folder::scan(&self.folder)?;
        let names = scan.found.iter().map(|f| (f.issue.id.clone(), f.name.clone())).collect();
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
        Ok(scan)
    }

    fn edit_now(
        &self,
        id: &IssueId,
        change: impl Fn(&str, &[u8]) -> Result<Vec<u8>, Problem>,
    ) -> Result<(), Error> {
        let mut file = String::new();
        for _ in 0..MAX_TRIES {
            let found = self.find(id)?;
            let bytes = change(&found.name, &found.bytes).map_err(Error::Unfit)?;
            if bytes == found.bytes || replace(&found, &bytes)? == Replaced::Yes {
                return Ok(());
            }
            file = found.name;
        }
        Err(Error::Contended { file })
    }

    fn find(&self, id: &IssueId) -> Result<Found, Error> {
        let hint = self.names.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        let hinted = hint.and_then(|name| folder::read_one(&self.folder, &name));
        if let Some(found) = hinted.filter(|found| found.issue.id == *id) {
            return Ok(found);
        }
        let found = self.scan_now()?.found.into_iter().find(|found| found.issue.id == *id);
        found.ok_or_else(|| Error::NoIssue(id.clone()))
    }
}

#[derive(PartialEq)]
enum Replaced {
    Yes,
    /// Somebody wrote the file since it was read.
    Overtaken,
}

/// Writes beside the file, looks whether it is still what was read, and only then takes its place. Between the
/// look and the rename there is a moment that no file system lets us close without the other side's help.
fn replace(found: &Found, bytes: &[u8]) -> Result<Replaced, Error> {
    let path = &found.path;
    let dir = path.parent().unwrap_or(Path::new("."));
    let temporary = dir.join(format!(".{}.{}.tmp", found.name, base::ids::Ids::random().next()));
    let write = |source| Error::Write { path: path.clone(), source };
    let written = base::files::write_atomic(&temporary, bytes, found.mode).map_err(write);
    let outcome = written.and_then(|()| {
        if std::fs::read(path).ok().as_deref() != Some(&found.bytes) {
            return Ok(Replaced::Overtaken);
        }
        std::fs::rename(&temporary, path).and_then(|()| sync_dir(dir)).map_err(write)?;
        Ok(Replaced::Yes)
    });
    if !matches!(outcome, Ok(Replaced::Yes)) {
        let _ = std::fs::remove_file(&temporary);
    }
    outcome
}
