//! Reads files and differences at a commit, for reviewers and for checking what they cite.

use super::command::OUTPUT_LIMIT;
use super::{Error, GitForge, Workspace, names};
use domain::Sha;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The most bytes of one file we hand out; larger files are not read by people either.
const MAX_FILE_BYTES: usize = 8 * 1024 * 1024;

/// Where to look a commit up.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// In a prepared workspace.
    Workspace(&'a Workspace),
    /// In our mirror of a remote; a commit that is not there yet is fetched.
    Remote(&'a str),
}

/// A difference as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// Unified, three lines of context; what is not UTF-8 is replaced.
    pub text: String,
    /// Whether it was cut at the limit.
    pub cut: bool,
}

impl GitForge {
    /// The bytes of the file `path` at `sha`; `None` when there is no such file (a directory or a link is none).
    /// A file of more than 8 MiB is an error.
    pub async fn show(&self, source: Source<'_>, sha: &Sha, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let dir = self.dir_with(source, sha).await?;
        let Some(blob) = self.blob(&dir, sha, path).await? else { return Ok(None) };
        self.git.bare(&dir).args(["cat-file", "blob", &blob]).limit(MAX_FILE_BYTES).ok().await.map(Some)
    }

    /// The first of `paths` that is a file at `sha`, and its bytes: one question to git for all of them.
    pub async fn show_first<'p>(
        &self,
        source: Source<'_>,
        sha: &Sha,
        paths: &[&'p str],
    ) -> Result<Option<(&'p str, Vec<u8>)>, Error> {
        let dir = self.dir_with(source, sha).await?;
        let args = ["ls-tree", "-z", "--full-tree", names::sha(sha)?, "--"];
        let listed = self.git.bare(&dir).args(args).args(paths).ok().await?;
        let text = String::from_utf8_lossy(&listed);
        let files: Vec<_> = text.split('\0').filter_map(|record| record.split_once('\t')).collect();
        let blob = |path: &&'p str| {
            let (head, _) = files.iter().find(|(head, found)| found == path && head.starts_with("100"))?;
            Some((*path, head.split(' ').nth(2)?))
        };
        let Some((path, blob)) = paths.iter().find_map(blob) else { return Ok(None) };
        let call = self.git.bare(&dir).args(["cat-file", "blob", blob]).limit(MAX_FILE_BYTES);
        Ok(Some((path, call.ok().await?)))
    }

    /// Paths of all files at `sha`, sorted, without links and submodules; names that are not UTF-8 are left out.
    pub async fn list(
        &self,
        source: Source<'_>,
        sha: &Sha,
        below: Option<&str>,
    ) -> Result<Vec<String>, Error> {
        let dir = self.dir_with(source, sha).await?;
        let mut call = self.git.bare(&dir).args(["ls-tree", "-r", "-z", "--full-tree", names::sha(sha)?]);
        if let Some(path) = below {
            call = call.args(["--", path.trim_end_matches('/')]);
        }
        let listed = call.ok().await?;
        let files = listed.split(|b| *b == 0).filter(|r| r.starts_with(b"100"));
        let path = |record: &[u8]| {
            let path = record.splitn(2, |b| *b == b'\t').nth(1)?;
            String::from_utf8(path.to_vec()).ok()
        };
        Ok(files.filter_map(path).collect())
    }

    /// Whether `path` at `sha` is a file that has lines `start` to `end` (from 1, both included).
    pub async fn has_lines(
        &self,
        source: Source<'_>,
        sha: &Sha,
        path: &str,
        start: u32,
        end: u32,
    ) -> Result<bool, Error> {
        if start == 0 || end < start {
            return Ok(false);
        }
        let Some(bytes) = self.show(source, sha, path).await? else { return Ok(false) };
        let unfinished = usize::from(bytes.last().is_some_and(|b| *b != b'\n'));
        let lines = bytes.iter().filter(|b| **b == b'\n').count() + unfinished;
        Ok(usize::try_from(end).is_ok_and(|end| end <= lines))
    }

    /// The difference from `base` to `head`, at most `limit_bytes` of it.
    pub async fn diff(
        &self,
        source: Source<'_>,
        base: &Sha,
        head: &Sha,
        limit_bytes: usize,
    ) -> Result<Diff, Error> {
        let dir = self.dir_with(source, head).await?;
        let flags = ["diff", "--no-color", "--no-ext-diff", "--no-textconv", "--find-renames"];
        let range = [names::sha(base)?, names::sha(head)?, "--"];
        let output =
            self.git.bare(&dir).args(flags).args(range).limit(limit_bytes.min(OUTPUT_LIMIT)).run().await?;
        if output.code != 0 && !output.cut {
            return Err(output.failure());
        }
        Ok(Diff { text: String::from_utf8_lossy(&output.stdout).into_owned(), cut: output.cut })
    }

    async fn dir_with(&self, source: Source<'_>, sha: &Sha) -> Result<PathBuf, Error> {
        match source {
            Source::Remote(remote) => Ok(self.mirror(remote, "HEAD", Some(sha)).await?.0),
            Source::Workspace(workspace) => {
                let dir = workspace.git_dir();
                if self.has_commit(&dir, sha).await? { Ok(dir) } else { Err(Error::NoCommit(sha.clone())) }
            }
        }
    }

    async fn blob(&self, dir: &std::path::Path, sha: &Sha, path: &str) -> Result<Option<String>, Error> {
        if path.is_empty() || path.ends_with('/') || path.contains('\0') {
            return Ok(None);
        }
        let args = ["ls-tree", "-z", "--full-tree", names::sha(sha)?, "--", path];
        let listed = self.git.bare(dir).args(args).run().await?;
        // Paths that lead outside the repository are git's error and our "no such file".
        let text = String::from_utf8_lossy(&listed.stdout);
        let file = text.split('\0').filter_map(|r| r.split_once('\t')).find(|(_, found)| *found == path);
        Ok(file
            .filter(|(head, _)| head.starts_with("100"))
            .and_then(|(head, _)| head.split(' ').nth(2))
            .map(str::to_owned))
    }
}
