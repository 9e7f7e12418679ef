//! Takes a commit out of a repository that an agent made, for a push.
//!
//! Invariants: git runs only in repositories of ours, here a *stage* that is made for one push and removed after it.
//! It holds copies of the agent's objects and borrows the rest from the mirror of the remote; so a clone that is shallow,
//! or that leans on another one, is complete here, and what is neither in it nor on the remote is not found.

use super::command::Call;
use super::outside::Outside;
use super::push::{Next, Over};
use super::{Error, GitForge, guard, names};
use domain::Sha;
use std::path::{Path, PathBuf};

/// Below the cache: a folder for each workspace of which something is pushed.
pub(super) const STAGES: &str = "stages";
/// The heads of a remote, in its mirror; apart from those that single branches are fetched to.
const HEADS_SPEC: &str = "+refs/heads/*:refs/seawall/heads/*";
/// Beyond this git must not ask for memory at once: a small object can claim to be a huge one.
const ALLOC_LIMIT: &str = "256m";
/// Larger files are read in pieces, so that they need none of it.
const BIG_FILE: &str = "core.bigFileThreshold=64m";
/// Commits and directories come on top of the files that are counted.
const OBJECTS_PER_FILE: usize = 20;
/// The name of an object and the end of its line, in bytes.
const LINE_BYTES: usize = 65;

/// What is to be pushed.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The agent's folder, with its `.git`.
    pub folder: &'a Path,
    /// Where to; never anything that the agent says.
    pub remote: &'a str,
    /// The branch there.
    pub branch: &'a str,
    /// The commit; `None`: the one that is checked out.
    pub commit: Option<&'a Sha>,
    /// A branch that people land on, besides those that always are.
    pub landing: &'a str,
    /// What may be lost on the branch.
    pub over: Over<'a>,
}

/// A commit that was taken, complete and small enough. What was copied is gone with this value.
#[derive(Debug)]
pub struct Taken {
    /// What is pushed.
    pub commit: Sha,
    pub(super) remote: String,
    pub(super) branch: String,
    pub(super) next: Next,
    pub(super) stage: Stage,
    /// One at a time for each workspace; let go after the stage.
    _held: tokio::sync::OwnedMutexGuard<()>,
}

/// The repository that a push is made from.
#[derive(Debug)]
pub(super) struct Stage(pub PathBuf);

impl Drop for Stage {
    fn drop(&mut self) {
        // What stays is removed by the next push from the same workspace.
        let _ = base::files::remove_tree(&self.0);
    }
}

impl Taken {
    /// The branch points at the commit already.
    pub fn is_there(&self) -> bool {
        matches!(self.next, Next::Nothing { .. })
    }

    /// The branch's head before the push, if there was one.
    pub fn before(&self) -> Option<&Sha> {
        self.next.before()
    }
}

impl GitForge {
    /// Takes what is `wanted`, and finds out what a push of it would do. Nothing is changed outside. Errors with
    /// [`Error::LandingBranch`] for a branch that is not the agents', with [`Error::Diverged`] and
    /// [`Error::NotOurs`] when the branch holds what would be lost, and with [`Error::Refused`] when it is too much.
    pub async fn take(&self, wanted: &Wanted<'_>) -> Result<Taken, Error> {
        self.guard_branch(wanted.remote, wanted.branch, wanted.landing).await?;
        let mirror = self.mirror_heads(wanted.remote).await?;
        let name = base::digest::sha256_hex(wanted.folder.as_os_str().as_encoded_bytes());
        let stage = Stage(self.cache.join(STAGES).join(format!("{}.git", &name[..24])));
        let held = self.lock(&stage.0).await;
        self.make_stage(&stage.0, &mirror).await?;
        let commit = self.fill(&stage.0, wanted.folder, wanted.commit.cloned()).await?;
        self.weigh(&stage.0, &commit).await?;
        let Wanted { remote, branch, over, .. } = *wanted;
        let next = self.next(&stage.0, remote, &commit, branch, over).await?;
        let (remote, branch) = (remote.to_owned(), branch.to_owned());
        Ok(Taken { commit, remote, branch, next, stage, _held: held })
    }

    /// The mirror of `remote`, with all its heads.
    async fn mirror_heads(&self, remote: &str) -> Result<PathBuf, Error> {
        let mirror = self.mirror_dir(remote)?;
        let _held = self.lock(&mirror).await;
        self.make_mirror(&mirror).await?;
        super::prepare::clear_stale_locks(&mirror);
        let flags =
            ["fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"];
        let call = self.git.bare(&mirror).args(flags).args(["--", names::remote(remote)?, HEADS_SPEC]);
        call.ok().await?;
        Ok(mirror)
    }

    /// An empty repository that borrows from `mirror`.
    async fn make_stage(&self, dir: &Path, mirror: &Path) -> Result<(), Error> {
        base::files::remove_tree(dir).map_err(Error::io("remove", dir))?;
        std::fs::create_dir_all(dir).map_err(Error::io("make directory", dir))?;
        self.git.call().args(["init", "--quiet", "--bare", "--template=", "--"]).args([dir]).ok().await?;
        let note = dir.join("objects/info/alternates");
        let info = dir.join("objects/info");
        std::fs::create_dir_all(&info).map_err(Error::io("make directory", info))?;
        let objects = mirror.join("objects");
        let line = [objects.as_os_str().as_encoded_bytes(), b"\n"].concat();
        std::fs::write(&note, line).map_err(Error::io("write", &note))
    }

    /// Copies into the stage what `commit` needs, and answers with the commit. Packs are large and hold what was
    /// cloned, so they are left where they are when the rest is enough.
    async fn fill(&self, dir: &Path, folder: &Path, commit: Option<Sha>) -> Result<Sha, Error> {
        let (from, into) = (folder.to_owned(), dir.join("objects"));
        let (mut outside, commit) = blocking(move || {
            let mut outside = Outside::open(&from)?;
            let commit = match commit {
                Some(commit) => commit,
                None => outside.head()?.ok_or(Error::NoHead)?,
            };
            outside.copy_loose(&into)?;
            Ok((outside, commit))
        })
        .await?;
        names::sha(&commit)?;
        if self.is_complete(dir, &commit).await? {
            return Ok(commit);
        }
        let into = dir.join("objects/pack");
        for pack in blocking(move || outside.copy_packs(&into)).await? {
            // Reads and checks all of it: an index that an agent wrote would be believed.
            self.stage_call(dir).args(["index-pack"]).args([&pack]).ok().await?;
        }
        match self.is_complete(dir, &commit).await? {
            true => Ok(commit),
            false => Err(Error::Incomplete(commit)),
        }
    }

    /// Whether the stage has `commit` and all that the remote lacks for it.
    async fn is_complete(&self, dir: &Path, commit: &Sha) -> Result<bool, Error> {
        if !self.has_commit(dir, commit).await? {
            return Ok(false);
        }
        let args = ["rev-list", "--objects", "--quiet", names::sha(commit)?, "--not", "--alternate-refs"];
        Ok(self.stage_call(dir).args(args).run().await?.code == 0)
    }

    /// Refuses more than a change may hold, of what the remote lacks.
    async fn weigh(&self, dir: &Path, commit: &Sha) -> Result<(), Error> {
        let most = self.limits.files.saturating_mul(OBJECTS_PER_FILE);
        let args =
            ["rev-list", "--objects", "--no-object-names", names::sha(commit)?, "--not", "--alternate-refs"];
        let listed = self.stage_call(dir).args(args).limit(most.saturating_mul(LINE_BYTES)).run().await?;
        if listed.cut {
            return Ok(guard::within(most, 0, self.limits)?);
        }
        if listed.code != 0 {
            return Err(listed.failure());
        }
        let call = self.stage_call(dir).args(["cat-file", "--batch-check=%(objecttype) %(objectsize)"]);
        let told = call.input(listed.stdout).ok().await?;
        let text = String::from_utf8_lossy(&told);
        let sizes = text.lines().filter_map(|line| line.split_once(' '));
        let (mut files, mut bytes) = (0, 0_u64);
        for (kind, size) in sizes {
            files += usize::from(kind == "blob");
            bytes = bytes.saturating_add(size.parse().unwrap_or(u64::MAX));
        }
        Ok(guard::within(files, bytes, self.limits)?)
    }

    /// A call on objects that an agent made.
    pub(super) fn stage_call(&self, dir: &Path) -> Call<'_> {
        self.git.bare(dir).env("GIT_ALLOC_LIMIT", ALLOC_LIMIT).setting(BIG_FILE)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let lost = |error| Error::io("copy from", "an agent's repository")(std::io::Error::other(error));
    tokio::task::spawn_blocking(work).await.map_err(lost)?
}
