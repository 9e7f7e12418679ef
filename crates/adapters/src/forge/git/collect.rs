//! Takes an agent's work out of its tree as one commit.

use super::change::AddedLine;
use super::prepare::{WORK_REF, base_of, clear_stale_locks};
use super::{Error, GitForge, Identity, Refusal, Workspace, names, rebase};
use domain::Sha;
use serde::{Deserialize, Serialize};

/// Longer messages are cut: nobody reads them, and agents can be endless.
const MAX_MESSAGE_BYTES: usize = 16 * 1024;

/// What was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collected {
    /// The commit it was made on.
    pub base: Sha,
    /// The commit that holds it; `None` when the tree equals the base's.
    pub head: Option<Sha>,
    /// Paths that differ from the base, sorted; both names of a rename.
    pub files: Vec<String>,
    /// Lines added, all of them.
    pub added: u32,
    /// Lines removed.
    pub removed: u32,
    /// The lines added, the first 5,000.
    pub added_lines: Vec<AddedLine>,
}

/// The commit to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// In whose name, and when.
    pub author: Identity,
    /// What it says; cut at 16 KiB.
    pub message: String,
}

impl GitForge {
    /// Commits everything in the tree that `.gitignore` does not exclude onto the work of earlier rounds, and
    /// describes the whole change against `base`, the commit that [`GitForge::prepare`] or
    /// [`GitForge::rebase`] answered with. Call it only when no process of the agent is left. Repeated with the
    /// same tree it answers with the commit already made. Errors with [`Error::Refused`] when the tree holds
    /// what must not be committed; nothing is committed then.
    pub async fn collect(
        &self,
        workspace: &Workspace,
        base: &Sha,
        commit: &Commit,
    ) -> Result<Collected, Error> {
        let _held = self.lock(&workspace.root).await;
        if base_of(workspace).is_none() {
            return Err(Error::NotPrepared(workspace.root.clone()));
        }
        let dir = workspace.git_dir();
        clear_stale_locks(&dir);
        self.finish_rebase(workspace).await?;
        rebase::refuse_markers(workspace)?;
        self.guard_tree(workspace).await?;
        let (tree, files) = match self.stage_guarded(workspace, base).await {
            Ok(staged) => staged,
            Err(error) => {
                // What was refused must not stay staged: the next look at a staged submodule would enter it.
                self.git
                    .with_tree(&dir, &workspace.tree())
                    .args(["read-tree", "--reset", WORK_REF])
                    .ok()
                    .await?;
                return Err(error);
            }
        };
        if files.is_empty() {
            rebase::forget_conflict(workspace)?;
            return Ok(Collected::nothing(base));
        }
        let head = self.commit_tree(workspace, &tree, commit).await?;
        rebase::forget_conflict(workspace)?;
        let count = self.count(&dir, base, &head).await?;
        let added_lines = self.added_lines(&dir, base, &head).await?;
        let (added, removed) = (count.added, count.removed);
        Ok(Collected { base: base.clone(), head: Some(head), files, added, removed, added_lines })
    }

    /// Stages the whole tree; the id of the tree object, and the paths that differ from `base`.
    async fn stage_guarded(&self, workspace: &Workspace, base: &Sha) -> Result<(String, Vec<String>), Error> {
        let (dir, tree) = (workspace.git_dir(), workspace.tree());
        self.git.with_tree(&dir, &tree).args(["add", "--all", "--", "."]).ok().await?;
        let staged = self.git.with_tree(&dir, &tree).args(["write-tree"]).line().await?;
        let entries = self.entries(&dir, names::sha(base)?, &staged).await?;
        let files = self.guard_entries(&dir, &entries).await?;
        Ok((staged, files))
    }

    /// The work branch, moved on by a commit of `tree` unless its head already is one.
    async fn commit_tree(&self, workspace: &Workspace, tree: &str, commit: &Commit) -> Result<Sha, Error> {
        let dir = workspace.git_dir();
        let parent = self.git.bare(&dir).args(["rev-parse", "--verify", WORK_REF]).line().await?;
        let parent_tree =
            self.git.bare(&dir).args(["rev-parse", &format!("{parent}^{{tree}}")]).line().await?;
        if parent_tree == tree {
            return Ok(Sha::new(parent));
        }
        let head = self.make_commit(&dir, tree, &[&parent], commit).await?;
        self.git.bare(&dir).args(["update-ref", WORK_REF, head.as_str(), &parent]).ok().await?;
        Ok(head)
    }

    /// A commit object; no branch is moved.
    pub(super) async fn make_commit(
        &self,
        dir: &std::path::Path,
        tree: &str,
        parents: &[&str],
        commit: &Commit,
    ) -> Result<Sha, Error> {
        let mut call = self.git.bare(dir).args(["commit-tree", tree]);
        for parent in parents {
            call = call.args(["-p", parent]);
        }
        for (name, value) in names::identity_env(&commit.author) {
            call = call.env(name, value);
        }
        Ok(Sha::new(call.input(message(&commit.message).into_bytes()).line().await?))
    }
}

impl Collected {
    fn nothing(base: &Sha) -> Self {
        Self { base: base.clone(), head: None, files: vec![], added: 0, removed: 0, added_lines: vec![] }
    }
}

/// A message git accepts: no NUL, never empty, bounded.
fn message(text: &str) -> String {
    let end =
        (0..=text.len().min(MAX_MESSAGE_BYTES)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let mut kept: String =
        text[..end].chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    if kept.trim().is_empty() {
        kept = "Change without a message".to_owned();
    }
    kept.push('\n');
    kept
}

impl Error {
    /// What the agent should be told, when the fault is in its tree.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::GitMissing
            | Self::GitOld { .. }
            | Self::Git { .. }
            | Self::Timeout { .. }
            | Self::TooMuchOutput { .. }
            | Self::Io { .. }
            | Self::BadName { .. }
            | Self::NoBranch { .. }
            | Self::NoCommit(_)
            | Self::OtherBase { .. }
            | Self::NotPrepared(_)
            | Self::Diverged { .. }
            | Self::LandingBranch(_)
            | Self::NotOurs { .. }
            | Self::NotARepository(_)
            | Self::Unfit { .. }
            | Self::NoHead
            | Self::Incomplete(_)
            | Self::Busy { .. } => None,
        }
    }
}
