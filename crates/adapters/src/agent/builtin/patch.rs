//! Patches in the format that Codex models write: `*** Begin Patch` … `*** End Patch`.
//!
//! Invariants: every path stays inside the workspace, whatever links lie there (the kernel resolves beneath the
//! workspace's descriptor); nothing is written unless the whole patch fits. Job: reading the text (`parse`), fitting
//! it to the files (`fit`), writing (`apply`).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};

mod fit;
mod parse;

use parse::Step;

/// Largest file that a patch may change or make, bytes.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;
/// Largest patch, bytes.
const MAX_PATCH_BYTES: usize = 4 * 1024 * 1024;

/// Why a patch was not applied. For the model, so the text says how to write it better.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("line {line} of the patch: {problem}")]
    Text { line: usize, problem: String },
    #[error("the patch is longer than {MAX_PATCH_BYTES} bytes; send it in parts")]
    TooLong,
    #[error("{path}: not a path in the workspace; use a relative path without `..` that is not in .git")]
    Path { path: String },
    #[error("{path}: these lines are not in the file; read it again and copy them exactly:\n{lines}")]
    NotFound { path: String, lines: String },
    #[error("{path}: the file exists; use *** Update File")]
    Exists { path: String },
    #[error("{path}: cannot be read or written as text in the workspace")]
    File { path: String, source: io::Error },
}

/// Applies `text` in `workspace`; the paths that changed.
pub(super) fn apply(workspace: &Path, text: &str) -> Result<Vec<String>, Error> {
    if text.len() > MAX_PATCH_BYTES {
        return Err(Error::TooLong);
    }
    let tree = Tree::open(workspace)?;
    // What the files will be; `None` is deleted. Later steps see what earlier ones made.
    let mut files: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut changed = Vec::new();
    for step in parse::parse(text)? {
        plan(&tree, &mut files, &mut changed, step)?;
    }
    for (path, content) in &files {
        let written = match content {
            Some(content) => tree.write(path, content),
            None => tree.delete(path),
        };
        written.map_err(|source| Error::File { path: path.clone(), source })?;
    }
    Ok(changed)
}

fn plan(
    tree: &Tree,
    files: &mut BTreeMap<String, Option<String>>,
    changed: &mut Vec<String>,
    step: Step,
) -> Result<(), Error> {
    match step {
        Step::Add { path, content } => {
            check(&path)?;
            let there = files.get(&path).map_or_else(|| tree.exists(&path), Option::is_some);
            if there {
                return Err(Error::Exists { path });
            }
            changed.push(path.clone());
            files.insert(path, Some(content));
        }
        Step::Delete { path } => {
            current(tree, files, &path)?;
            changed.push(path.clone());
            files.insert(path, None);
        }
        Step::Update { path, move_to, chunks } => {
            let old = current(tree, files, &path)?;
            let new = fit::fit(&path, &old, &chunks)?;
            let target = move_to.unwrap_or_else(|| path.clone());
            check(&target)?;
            changed.push(target.clone());
            files.insert(path, None);
            files.insert(target, Some(new));
        }
    }
    Ok(())
}

fn current(tree: &Tree, files: &BTreeMap<String, Option<String>>, path: &str) -> Result<String, Error> {
    check(path)?;
    let failed = |source| Error::File { path: path.to_owned(), source };
    match files.get(path) {
        Some(Some(content)) => Ok(content.clone()),
        Some(None) => Err(failed(io::ErrorKind::NotFound.into())),
        None => tree.read(path).map_err(failed),
    }
}

fn check(path: &str) -> Result<(), Error> {
    let mut parts = Path::new(path).components();
    let git = parts.clone().next().is_some_and(|first| first.as_os_str() == ".git");
    let plain = parts.all(|part| matches!(part, Component::Normal(_)));
    if plain && !git && !path.is_empty() && !path.ends_with('/') {
        return Ok(());
    }
    Err(Error::Path { path: path.to_owned() })
}

/// The workspace, by its descriptor.
struct Tree(OwnedFd);

impl Tree {
    fn open(workspace: &Path) -> Result<Tree, Error> {
        let opened =
            rustix::fs::open(workspace, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        let path = workspace.display().to_string();
        opened.map(Tree).map_err(|error| Error::File { path, source: error.into() })
    }

    fn open_file(&self, path: &str, flags: OFlags) -> io::Result<OwnedFd> {
        // Not beneath through `..` nor through a link that leads out, even one made this very moment.
        let inside = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let mode = if flags.contains(OFlags::CREATE) { Mode::from_raw_mode(0o644) } else { Mode::empty() };
        Ok(rustix::fs::openat2(&self.0, path, flags | OFlags::CLOEXEC, mode, inside)?)
    }

    fn exists(&self, path: &str) -> bool {
        rustix::fs::statat(&self.0, path, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    fn read(&self, path: &str) -> io::Result<String> {
        let file = File::from(self.open_file(path, OFlags::RDONLY | OFlags::NONBLOCK)?);
        let meta = file.metadata()?;
        if !meta.is_file() || meta.len() > MAX_FILE_BYTES {
            return Err(io::Error::other("not a file, or too large for a patch"));
        }
        let mut text = String::new();
        file.take(MAX_FILE_BYTES).read_to_string(&mut text)?;
        Ok(text)
    }

    fn write(&self, path: &str, content: &str) -> io::Result<()> {
        for (at, _) in path.match_indices('/') {
            self.make_dir(&path[..at])?;
        }
        // Not blocking: a pipe may lie where a file was.
        let how = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NONBLOCK;
        let file = self.open_file(path, how)?;
        File::from(file).write_all(content.as_bytes())
    }

    fn make_dir(&self, path: &str) -> io::Result<()> {
        if self.open_file(path, OFlags::PATH | OFlags::DIRECTORY).is_ok() {
            return Ok(());
        }
        let (parent, name) = self.parent(path)?;
        Ok(rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o755))?)
    }

    fn delete(&self, path: &str) -> io::Result<()> {
        let (parent, name) = match self.parent(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            parent => parent?,
        };
        match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
            Err(rustix::io::Errno::NOENT) => Ok(()),
            deleted => Ok(deleted?),
        }
    }

    fn parent<'a>(&self, path: &'a str) -> io::Result<(OwnedFd, &'a str)> {
        let (parent, name) = path.rsplit_once('/').unwrap_or((".", path));
        Ok((self.open_file(parent, OFlags::PATH | OFlags::DIRECTORY)?, name))
    }
}

#[cfg(test)]
mod tests;
