//! Lands the reviewed commit on its branch.

use super::collect::Commit;
use super::push::{MAX_TRIES, Manner, Push, lost_race, wait_before};
use super::{Error, GitForge, Identity, Workspace, names};
use domain::Sha;
use domain::change::Landing;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// How a landing ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "land", rename_all = "snake_case")]
pub enum Land {
    /// The branch contains the reviewed commit.
    Landed {
        /// The branch's head now.
        main: Sha,
        /// In which way.
        how: How,
    },
    /// The branch moved and policy asks for a replay: nothing was pushed.
    Moved {
        /// The branch's head now.
        new_base: Sha,
    },
    /// The branch moved, and the change does not merge: nothing was pushed.
    Conflict {
        /// The branch's head now.
        new_base: Sha,
        /// The files in conflict.
        files: Vec<String>,
    },
}

/// In which way a commit came onto the branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The branch now points at the reviewed commit.
    FastForward,
    /// By a merge commit whose second parent is the reviewed commit.
    Merge,
    /// It was there already: an earlier call was cut short after its push.
    Already,
}

/// One merge, tried without a work tree.
pub(super) enum Merged {
    Clean { tree: String },
    Conflict { tree: String, files: Vec<String> },
}

impl GitForge {
    /// Brings `head`, a commit of `workspace`, onto `branch` of `remote` and nothing else. Never forced; a push
    /// that was overtaken is tried again on the newer branch, at most 50 times. A merge commit is made in the
    /// name of `identity`. Doing it again after any crash answers [`How::Already`].
    pub async fn land(
        &self,
        workspace: &Workspace,
        remote: &str,
        branch: &str,
        head: &Sha,
        policy: Landing,
        identity: &Identity,
    ) -> Result<Land, Error> {
        let dir = workspace.git_dir();
        let _held = self.lock(&workspace.root).await;
        // Landers of this process take turns; those of others are met at the push.
        let _turn = self.lock(&self.mirror_dir(remote)?.join(names::branch(branch)?)).await;
        if !self.has_commit(&dir, head).await? {
            return Err(Error::NoCommit(head.clone()));
        }
        let mut last = String::new();
        for tries in 0..MAX_TRIES {
            wait_before(tries, head).await;
            let main = self.fetch(&dir, remote, branch).await?;
            let step = self.land_step(&dir, &main, head, policy, identity).await?;
            let (commit, how) = match step {
                Step::Answer(land) => return Ok(land),
                Step::Push(commit, how) => (commit, how),
            };
            match self.push(&dir, remote, &commit, branch, &Manner::default()).await? {
                Push::Done => return Ok(Land::Landed { main: commit, how }),
                Push::Rejected(error) => {
                    let now = self.remote_head(remote, branch).await?;
                    if now.as_ref() == Some(&main) && !lost_race(&error) {
                        // Nobody overtook us: the remote refuses for a reason of its own.
                        return Err(error);
                    }
                    last = error.to_string();
                }
            }
        }
        Err(Error::Busy { branch: branch.to_owned(), tries: MAX_TRIES, last })
    }

    async fn land_step(
        &self,
        dir: &Path,
        main: &Sha,
        head: &Sha,
        policy: Landing,
        identity: &Identity,
    ) -> Result<Step, Error> {
        if self.contains(dir, main, head).await? {
            return Ok(Step::Answer(Land::Landed { main: main.clone(), how: How::Already }));
        }
        if self.contains(dir, head, main).await? {
            return Ok(Step::Push(head.clone(), How::FastForward));
        }
        if policy == Landing::Rebase {
            return Ok(Step::Answer(Land::Moved { new_base: main.clone() }));
        }
        match self.merge(dir, main, head).await? {
            Merged::Conflict { files, .. } => {
                Ok(Step::Answer(Land::Conflict { new_base: main.clone(), files }))
            }
            Merged::Clean { tree } => {
                let subject =
                    self.git.bare(dir).args(["log", "-1", "--format=%s", head.as_str()]).line().await?;
                let message = format!("Merge: {subject}\n\nReviewed-Sha: {head}");
                let commit = Commit { author: identity.clone(), message };
                let merge = self.make_commit(dir, &tree, &[main.as_str(), head.as_str()], &commit).await?;
                Ok(Step::Push(merge, How::Merge))
            }
        }
    }

    /// Merges `theirs` into `ours` without a work tree (git 2.38 or newer).
    pub(super) async fn merge(&self, dir: &Path, ours: &Sha, theirs: &Sha) -> Result<Merged, Error> {
        let flags = ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages"];
        let call = self.git.bare(dir).args(flags).args([names::sha(ours)?, names::sha(theirs)?]);
        let output = call.run().await?;
        if !matches!(output.code, 0 | 1) || output.cut {
            return Err(output.failure());
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let mut fields = text.split('\0').filter(|f| !f.trim().is_empty());
        let tree = fields.next().unwrap_or_default().trim().to_owned();
        if output.code == 0 {
            return Ok(Merged::Clean { tree });
        }
        let mut files: Vec<String> = fields.map(str::to_owned).collect();
        files.sort_unstable();
        files.dedup();
        Ok(Merged::Conflict { tree, files })
    }
}

enum Step {
    Answer(Land),
    Push(Sha, How),
}
