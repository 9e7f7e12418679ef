//! Replays a change on a newer base.
//!
//! Several files must move together (the branch, the tree, our notes), so what is to be done is written down
//! first and done again after a crash.

use super::collect::Commit;
use super::land::Merged;
use super::prepare::{WORK_REF, base_of, clear_stale_locks, set_base};
use super::{Error, GitForge, Refusal, Workspace};
use domain::Sha;
use serde::{Deserialize, Serialize};
use std::io::Read;

/// A replay that is written down and not done yet.
const PLAN_NOTE: &str = "seawall-rebase";
/// The files in conflict that the author has not resolved yet.
const CONFLICT_NOTE: &str = "seawall-conflict";
/// Conflict markers beyond this many bytes of a file are not looked for.
const MAX_MARKER_SCAN: u64 = 8 * 1024 * 1024;

/// How a replay ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rebase", rename_all = "snake_case")]
pub enum Rebase {
    /// The change is one commit on the new base; it must be reviewed again.
    Rebased {
        /// The new base.
        base: Sha,
        /// The change.
        head: Sha,
    },
    /// The tree holds the new base merged with the change, with conflict markers, for the author to resolve;
    /// [`GitForge::collect`] refuses it until they are gone.
    Conflict {
        /// The new base.
        base: Sha,
        /// The files in conflict.
        files: Vec<String>,
    },
}

#[derive(Serialize, Deserialize)]
struct Plan {
    base: Sha,
    /// Where the work branch goes: the replayed change, or the base when it must be resolved first.
    work: Sha,
    /// What the work tree becomes.
    tree: String,
    conflict: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Conflict {
    base: Sha,
    files: Vec<String>,
}

impl GitForge {
    /// Replays the workspace's change as one commit on the head of `branch`. Collect first: what is not
    /// committed is overwritten. Repeated after a crash it ends in the same state; while a conflict is
    /// unresolved it answers with that conflict.
    pub async fn rebase(
        &self,
        workspace: &Workspace,
        remote: &str,
        branch: &str,
        commit: &Commit,
    ) -> Result<Rebase, Error> {
        let _held = self.lock(&workspace.root).await;
        if base_of(workspace).is_none() {
            return Err(Error::NotPrepared(workspace.root.clone()));
        }
        let dir = workspace.git_dir();
        clear_stale_locks(&dir);
        self.finish_rebase(workspace).await?;
        if let Some(open) = open_conflict(workspace) {
            return Ok(Rebase::Conflict { base: open.base, files: open.files });
        }
        let onto = self.fetch(&dir, remote, branch).await?;
        let head = Sha::new(self.git.bare(&dir).args(["rev-parse", "--verify", WORK_REF]).line().await?);
        if self.contains(&dir, &head, &onto).await? {
            set_base(workspace, &onto)?;
            return Ok(Rebase::Rebased { base: onto, head });
        }
        let plan = match self.merge(&dir, &onto, &head).await? {
            Merged::Clean { tree } => {
                let work = self.make_commit(&dir, &tree, &[onto.as_str()], commit).await?;
                Plan { base: onto, work, tree, conflict: vec![] }
            }
            Merged::Conflict { tree, files } => {
                Plan { base: onto.clone(), work: onto, tree, conflict: files }
            }
        };
        write_note(workspace, PLAN_NOTE, &plan)?;
        self.finish_rebase(workspace).await?;
        Ok(match plan.conflict.is_empty() {
            true => Rebase::Rebased { base: plan.base, head: plan.work },
            false => Rebase::Conflict { base: plan.base, files: plan.conflict },
        })
    }

    /// Does what a written-down replay still owes.
    pub(super) async fn finish_rebase(&self, workspace: &Workspace) -> Result<(), Error> {
        let Some(plan) = read_note::<Plan>(workspace, PLAN_NOTE) else { return Ok(()) };
        let (dir, tree) = (workspace.git_dir(), workspace.tree());
        self.git.with_tree(&dir, &tree).args(["read-tree", "--reset", "-u", &plan.tree]).ok().await?;
        self.git.bare(&dir).args(["update-ref", WORK_REF, plan.work.as_str()]).ok().await?;
        set_base(workspace, &plan.base)?;
        if !plan.conflict.is_empty() {
            let conflict = Conflict { base: plan.base, files: plan.conflict };
            write_note(workspace, CONFLICT_NOTE, &conflict)?;
        }
        remove_note(workspace, PLAN_NOTE)
    }
}

/// Refuses a tree in which a file of an open conflict still has its markers.
pub(super) fn refuse_markers(workspace: &Workspace) -> Result<(), Refusal> {
    let Some(open) = open_conflict(workspace) else { return Ok(()) };
    let marked = |file: &&String| {
        let path = workspace.tree().join(file);
        let is_file = path.symlink_metadata().is_ok_and(|m| m.is_file());
        is_file && has_markers(&path)
    };
    match open.files.iter().find(marked) {
        Some(file) => Err(Refusal::Unresolved { path: file.clone() }),
        None => Ok(()),
    }
}

/// The conflict is resolved.
pub(super) fn forget_conflict(workspace: &Workspace) -> Result<(), Error> {
    remove_note(workspace, CONFLICT_NOTE)
}

fn has_markers(path: &std::path::Path) -> bool {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|f| f.take(MAX_MARKER_SCAN).read_to_end(&mut bytes));
    read.is_ok()
        && bytes.split(|b| *b == b'\n').any(|l| l.starts_with(b"<<<<<<< ") || l.starts_with(b">>>>>>> "))
}

fn open_conflict(workspace: &Workspace) -> Option<Conflict> {
    read_note(workspace, CONFLICT_NOTE)
}

fn read_note<T: serde::de::DeserializeOwned>(workspace: &Workspace, name: &str) -> Option<T> {
    // Notes are written whole, so what cannot be read was never finished.
    serde_json::from_slice(&std::fs::read(workspace.note(name)).ok()?).ok()
}

fn write_note(workspace: &Workspace, name: &'static str, value: &impl Serialize) -> Result<(), Error> {
    let path = workspace.note(name);
    let bytes = serde_json::to_vec(value).map_err(|e| Error::io("write", &path)(e.into()))?;
    base::files::write_atomic(&path, &bytes, 0o600).map_err(Error::io("write", path))
}

fn remove_note(workspace: &Workspace, name: &'static str) -> Result<(), Error> {
    let path = workspace.note(name);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
