//! A repository that an agent wrote, read as files: no git is started in it, and nothing that it says counts but
//! the names and contents of objects.
//!
//! Invariants: no link is followed, at no place of a path; what is no plain file is refused without waiting for it;
//! what is copied is bounded. So alternates, configurations, hooks and links to elsewhere have no meaning here.

use super::Error;
use domain::Sha;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Bytes of a repository's objects that are copied at most: above a repository that people still clone in minutes.
pub(super) const MAX_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// Objects that lie each in a file of its own, at most; git packs them itself from 6,700 on.
const MAX_LOOSE: usize = 50_000;
/// Packs, at most; git joins them itself from 50 on.
const MAX_PACKS: usize = 1_000;
/// Entries of one directory that are looked at.
const MAX_ENTRIES: usize = 200_000;
/// The most bytes of `packed-refs`: some 100,000 branches.
const MAX_REFS_BYTES: u64 = 16 * 1024 * 1024;
/// The most bytes of `HEAD` or of one branch's file.
const MAX_REF_BYTES: u64 = 1024;
/// Hex digits of an object's name, of either kind.
const HEX: [usize; 2] = [40, 64];

/// The repository in a folder.
#[derive(Debug)]
pub(super) struct Outside {
    path: PathBuf,
    git: OwnedFd,
    /// Bytes that may still be copied.
    left: u64,
}

impl Outside {
    /// The repository at `folder`, whose parents only we write.
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(".git");
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::open(folder, flags, Mode::empty());
        let git = opened.and_then(|top| open_dir(&top, ".git"));
        let git = git.map_err(|_| Error::NotARepository(folder.to_owned()))?;
        Ok(Self { path, git, left: MAX_BYTES })
    }

    /// The commit that is checked out; `None` when there is none yet.
    pub(super) fn head(&self) -> Result<Option<Sha>, Error> {
        let Some(head) = self.text("HEAD", MAX_REF_BYTES)? else { return Ok(None) };
        let Some(name) = head.trim().strip_prefix("ref:").map(str::trim) else { return Ok(sha(head.trim())) };
        let Some(branch) = name.strip_prefix("refs/heads/") else { return Ok(None) };
        super::names::branch(branch)?;
        if let Some(text) = self.text(name, MAX_REF_BYTES)? {
            return Ok(sha(text.trim()));
        }
        let packed = self.text("packed-refs", MAX_REFS_BYTES)?.unwrap_or_default();
        let mut named = packed.lines().filter_map(|line| line.split_once(' '));
        Ok(named.find(|(_, known)| *known == name).and_then(|(hex, _)| sha(hex)))
    }

    /// Copies the objects that lie each in a file of its own into the `objects` folder `into`.
    pub(super) fn copy_loose(&mut self, into: &Path) -> Result<(), Error> {
        let objects = self.dir("objects")?;
        let mut count = 0;
        for prefix in self.names(&objects, "objects")?.iter().filter(|name| is_hex(name) && name.len() == 2) {
            // A file or a link in its place holds no objects.
            let Ok(dir) = open_dir(&objects, prefix) else { continue };
            std::fs::create_dir_all(into.join(prefix)).map_err(Error::io("make directory", into))?;
            for name in self.names(&dir, prefix)? {
                if is_hex(&name) && HEX.contains(&(name.len() + 2)) {
                    count += 1;
                    if count > MAX_LOOSE {
                        return Err(self.unfit("has too many loose objects; run `git gc` in it"));
                    }
                    self.copy(&dir, &name, &into.join(prefix).join(&name))?;
                }
            }
        }
        Ok(())
    }

    /// Copies the packs, without their indexes, into the folder `into`; answers with their paths there.
    pub(super) fn copy_packs(&mut self, into: &Path) -> Result<Vec<PathBuf>, Error> {
        let objects = self.dir("objects")?;
        let Ok(dir) = open_dir(&objects, "pack") else { return Ok(vec![]) };
        let mut names = self.names(&dir, "pack")?;
        names.retain(|name| {
            name.strip_prefix("pack-").and_then(|rest| rest.strip_suffix(".pack")).is_some_and(is_hex)
        });
        if names.len() > MAX_PACKS {
            return Err(self.unfit("has too many packs; run `git gc` in it"));
        }
        std::fs::create_dir_all(into).map_err(Error::io("make directory", into))?;
        let mut copied = Vec::new();
        for name in names {
            let path = into.join(&name);
            self.copy(&dir, &name, &path)?;
            copied.push(path);
        }
        Ok(copied)
    }

    fn dir(&self, name: &str) -> Result<OwnedFd, Error> {
        open_dir(&self.git, name).map_err(|_| self.unfit(&format!("has no folder `{name}` of its own")))
    }

    /// The text of a file below `.git`; `None` when it is not there.
    fn text(&self, name: &str, limit: u64) -> Result<Option<String>, Error> {
        let odd = || self.unfit(&format!("has a `{name}` that cannot be read"));
        let Some(file) = open_below(&self.git, name).map_err(|_| odd())? else { return Ok(None) };
        let mut bytes = Vec::new();
        let read = file.take(limit + 1).read_to_end(&mut bytes).map_err(|_| odd())?;
        if read as u64 > limit {
            return Err(odd());
        }
        String::from_utf8(bytes).map(Some).map_err(|_| odd())
    }

    fn names(&self, dir: &OwnedFd, what: &str) -> Result<Vec<String>, Error> {
        let failed = || self.unfit(&format!("has a folder `{what}` that cannot be listed"));
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(dir).map_err(|_| failed())?.take(MAX_ENTRIES) {
            let entry = entry.map_err(|_| failed())?;
            names.extend(entry.file_name().to_str().ok().map(str::to_owned));
        }
        Ok(names)
    }

    fn copy(&mut self, dir: &OwnedFd, name: &str, to: &Path) -> Result<(), Error> {
        let from = match open_file(dir, name) {
            Ok(from) => from,
            // git removed it since it was listed: it is in a pack now, or is not needed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(_) => return Err(self.unfit(&format!("has an object `{name}` that is no plain file"))),
        };
        let mut into = File::create_new(to).map_err(Error::io("make", to))?;
        let copied = io::copy(&mut from.take(self.left + 1), &mut into).map_err(Error::io("write", to))?;
        match self.left.checked_sub(copied) {
            Some(left) => self.left = left,
            None => return Err(self.unfit("holds more bytes than are taken; push from a smaller clone")),
        }
        Ok(())
    }

    fn unfit(&self, why: &str) -> Error {
        Error::Unfit { path: self.path.clone(), why: why.to_owned() }
    }
}

/// Opens `path` below `at`, through no link.
fn open_below(at: &OwnedFd, path: &str) -> io::Result<Option<File>> {
    let (dirs, name) = path.rsplit_once('/').unwrap_or(("", path));
    let opened = dirs
        .split('/')
        .filter(|part| !part.is_empty())
        .try_fold(at.try_clone()?, |dir, part| open_dir(&dir, part).map_err(io::Error::from))
        .and_then(|dir| open_file(&dir, name));
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

fn open_dir(at: &OwnedFd, name: &str) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(at, name, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// A plain file; a pipe in its place is not waited for.
fn open_file(at: &OwnedFd, name: &str) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(at, name, flags, Mode::empty())?);
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("not a plain file")),
    }
}

fn sha(text: &str) -> Option<Sha> {
    let sha = Sha::new(text);
    sha.is_well_formed().then_some(sha)
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
