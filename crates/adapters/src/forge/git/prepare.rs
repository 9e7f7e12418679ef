//! Makes a workspace: a mirror of the remote's branch, a git directory of the run's own, and its tree.

use super::command::Call;
use super::{Error, GitForge, Workspace, names};
use domain::Sha;
use std::path::{Path, PathBuf};

/// The branch that a workspace's commits are made on.
pub(super) const WORK_REF: &str = "refs/heads/seawall-work";
/// The configuration that an agent sees.
const SHOWN: [(&str, &str); 3] = [
    // With a work tree around it. Our own calls say for themselves which they want.
    ("core.bare", "false"),
    // Only a repository with a work tree keeps logs; ours have no reader.
    ("core.logAllRefUpdates", "false"),
    // The tree changes hands after it was checked out, so times of changes of ownership say nothing.
    ("core.trustctime", "false"),
];
/// Holds the commit the workspace was prepared at; there only once the tree is complete.
const BASE_NOTE: &str = "seawall-base";
/// How deep and how many directories we look for stale locks; refs beyond that are not ours.
const MAX_LOCK_DIRS: usize = 1_000;

impl GitForge {
    /// Whether `workspace` stands complete on this machine.
    pub fn is_prepared(&self, workspace: &Workspace) -> bool {
        base_of(workspace).is_some()
    }

    /// Makes `workspace` stand on commit `at` of `remote`, or on the head of `branch` when `at` is `None`, and
    /// gives that commit. A workspace that is already prepared keeps all work in it; it answers with its base.
    pub async fn prepare(
        &self,
        workspace: &Workspace,
        remote: &str,
        branch: &str,
        at: Option<&Sha>,
    ) -> Result<Sha, Error> {
        let _held = self.lock(&workspace.root).await;
        if let Some(have) = base_of(workspace) {
            return match at {
                Some(want) if *want != have => Err(Error::OtherBase { have, want: want.clone() }),
                Some(_) | None => Ok(have),
            };
        }
        let (cache, base) = self.mirror(remote, branch, at).await?;
        self.make_git_dir(workspace, &cache, &base).await?;
        self.check_out(workspace, &base).await?;
        set_base(workspace, &base)?;
        Ok(base)
    }

    /// The head of `branch` on `remote`; `None` when there is no such branch.
    pub async fn remote_head(&self, remote: &str, branch: &str) -> Result<Option<Sha>, Error> {
        let name = format!("refs/heads/{}", names::branch(branch)?);
        let call = self.git.call().args(["ls-remote", "--", names::remote(remote)?, &name]);
        let stdout = call.ok().await?;
        let text = String::from_utf8_lossy(&stdout);
        // The pattern also matches names that merely end with it.
        let found = text.lines().filter_map(|l| l.split_once('\t')).find(|(_, found)| *found == name);
        Ok(found.map(|(sha, _)| Sha::new(sha)))
    }

    /// Brings the mirror of `remote` up to date; its directory, and `at` or the head of `branch`.
    pub(super) async fn mirror(
        &self,
        remote: &str,
        branch: &str,
        at: Option<&Sha>,
    ) -> Result<(PathBuf, Sha), Error> {
        let cache = self.mirror_dir(remote)?;
        let _held = self.lock(&cache).await;
        self.make_mirror(&cache).await?;
        clear_stale_locks(&cache);
        match at {
            None => Ok((cache.clone(), self.fetch(&cache, remote, branch).await?)),
            Some(sha) => {
                if !self.has_commit(&cache, sha).await? {
                    self.fetch_commit(&cache, remote, sha).await?;
                }
                Ok((cache, sha.clone()))
            }
        }
    }

    /// Makes an empty mirror at `cache` unless one is there; the caller holds its lock.
    pub(super) async fn make_mirror(&self, cache: &Path) -> Result<(), Error> {
        if cache.join("HEAD").exists() {
            return Ok(());
        }
        std::fs::create_dir_all(cache).map_err(Error::io("make directory", cache))?;
        self.git.call().args(["init", "--quiet", "--bare", "--"]).args([cache]).ok().await.map(drop)
    }

    /// Where the mirror of `remote` is kept.
    pub(super) fn mirror_dir(&self, remote: &str) -> Result<PathBuf, Error> {
        let digest = base::digest::sha256_hex(names::remote(remote)?.as_bytes());
        Ok(self.cache.join(format!("{}.git", &digest[..24])))
    }

    /// Fetches the head of `branch` into `git_dir`, under a name that no work happens on.
    pub(super) async fn fetch(&self, git_dir: &Path, remote: &str, branch: &str) -> Result<Sha, Error> {
        let branch = names::branch(branch)?;
        let local = format!("refs/seawall/remote/{branch}");
        let spec = format!("+refs/heads/{branch}:{local}");
        let fetched = self.fetch_call(git_dir, remote, &spec)?.run().await?;
        if fetched.code != 0 {
            return Err(match self.remote_head(remote, branch).await {
                Ok(None) => Error::NoBranch { remote: super::redacted(remote), branch: branch.to_owned() },
                Ok(Some(_)) | Err(_) => fetched.failure(),
            });
        }
        let line =
            self.git.bare(git_dir).args(["rev-parse", "--verify", &format!("{local}^{{commit}}")]).line();
        Ok(Sha::new(line.await?))
    }

    async fn fetch_commit(&self, git_dir: &Path, remote: &str, sha: &Sha) -> Result<(), Error> {
        let hex = names::sha(sha)?;
        let spec = format!("+{hex}:refs/seawall/at/{hex}");
        let fetched = self.fetch_call(git_dir, remote, &spec)?.run().await?;
        if fetched.code == 0 && self.has_commit(git_dir, sha).await? {
            return Ok(());
        }
        // A remote that cannot be reached and a commit that is not there are told apart by asking for anything.
        self.git.call().args(["ls-remote", "--", remote, "HEAD"]).ok().await?;
        Err(Error::NoCommit(sha.clone()))
    }

    fn fetch_call(&self, git_dir: &Path, remote: &str, spec: &str) -> Result<Call<'_>, Error> {
        let flags = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--"];
        Ok(self.git.bare(git_dir).args(flags).args([names::remote(remote)?, spec]))
    }

    /// Whether `git_dir` holds `sha` as a commit.
    pub(super) async fn has_commit(&self, git_dir: &Path, sha: &Sha) -> Result<bool, Error> {
        let name = format!("{}^{{commit}}", names::sha(sha)?);
        Ok(self.git.bare(git_dir).args(["cat-file", "-e", &name]).run().await?.code == 0)
    }

    /// Whether every commit of `old` is in `new`.
    pub(super) async fn contains(&self, git_dir: &Path, new: &Sha, old: &Sha) -> Result<bool, Error> {
        let args = ["merge-base", "--is-ancestor", names::sha(old)?, names::sha(new)?];
        let output = self.git.bare(git_dir).args(args).run().await?;
        match output.code {
            0 => Ok(true),
            1 => Ok(false),
            _ => Err(output.failure()),
        }
    }

    /// A git directory that shares no file we would ever change with the mirror: objects are hard links where
    /// the file system allows it, so the mirror may be pruned or removed at any time.
    async fn make_git_dir(&self, workspace: &Workspace, cache: &Path, base: &Sha) -> Result<(), Error> {
        let _held = self.lock(cache).await;
        let (dir, tree) = (workspace.git_dir(), workspace.tree());
        // Without the note nothing in here is finished work: an earlier prepare was cut short.
        for old in [&dir, &tree] {
            remove_dir(old)?;
        }
        std::fs::create_dir_all(&tree).map_err(Error::io("make directory", &tree))?;
        let clone = ["clone", "--quiet", "--bare", "--local", "--no-tags", "--"];
        self.git.call().args(clone).args([cache, &dir]).ok().await?;
        let hex = names::sha(base)?;
        self.git.bare(&dir).args(["update-ref", WORK_REF, hex]).ok().await?;
        self.git.bare(&dir).args(["symbolic-ref", "HEAD", WORK_REF]).ok().await?;
        self.make_fit_to_show(&dir).await
    }

    /// The agent sees `dir` read-only as its tree's `.git`: it must read as one, and tell nothing of this machine.
    async fn make_fit_to_show(&self, dir: &Path) -> Result<(), Error> {
        // A clone notes where it came from: a path of ours.
        self.git.bare(dir).args(["config", "--remove-section", "remote.origin"]).ok().await?;
        for (key, value) in SHOWN {
            self.git.bare(dir).args(["config", key, value]).ok().await?;
        }
        Ok(())
    }

    async fn check_out(&self, workspace: &Workspace, base: &Sha) -> Result<(), Error> {
        let call = self.git.with_tree(&workspace.git_dir(), &workspace.tree());
        call.args(["read-tree", "--reset", "-u", names::sha(base)?]).ok().await.map(drop)
    }
}

/// The commit a prepared workspace stands on.
pub(super) fn base_of(workspace: &Workspace) -> Option<Sha> {
    let text = std::fs::read_to_string(workspace.note(BASE_NOTE)).ok()?;
    let sha = Sha::new(text.trim());
    sha.is_well_formed().then_some(sha)
}

/// Notes that the workspace stands on `base`.
pub(super) fn set_base(workspace: &Workspace, base: &Sha) -> Result<(), Error> {
    let note = workspace.note(BASE_NOTE);
    base::files::write_atomic(&note, base.as_str().as_bytes(), 0o600).map_err(Error::io("write", note))
}

/// Removes lock files that a git killed with us left behind. The caller holds the only right to work in `git_dir`.
pub(super) fn clear_stale_locks(git_dir: &Path) {
    let mut dirs = vec![git_dir.join("refs")];
    for name in ["index.lock", "HEAD.lock", "config.lock", "packed-refs.lock", "shallow.lock"] {
        let _ = std::fs::remove_file(git_dir.join(name));
    }
    let mut seen = 0;
    while let Some(dir) = dirs.pop() {
        seen += 1;
        if seen > MAX_LOCK_DIRS {
            return;
        }
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                dirs.push(path);
            } else if path.extension().is_some_and(|end| end == "lock") {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

fn remove_dir(dir: &Path) -> Result<(), Error> {
    base::files::remove_tree(dir).map_err(Error::io("remove", dir))
}
