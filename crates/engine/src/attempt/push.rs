//! The tool `git_push`: pushes a commit of a handed-off workspace to its remote, for an agent that holds no credential.
//!
//! Invariants: where to is never taken from what an agent could have written; the claim is looked at before anything is
//! read and right before the push; a push that was begun is finished and told, whatever becomes of the session.

use super::work::blocking;
use crate::Engine;
use crate::setup::{Handoff, Source};
use adapters::agent::ToolSpec;
use adapters::forge::git::{Over, Taken, Wanted, redacted};
use domain::failure::Failure;
use domain::run::{Input, Pushed, Run};
use domain::{Fence, RunId, Sha};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use store::run::Filter;

/// The tool's name.
pub(super) const NAME: &str = "git_push";
/// Runs of one issue that are looked through for who pushed a branch last, the newest first.
const MAX_RUNS: u32 = 50;

/// A workspace's repository, and where it is pushed to.
#[derive(Clone, Debug)]
pub struct Repository {
    /// The agent's folder.
    pub folder: PathBuf,
    /// The remote. May hold a password.
    pub remote: String,
    /// The branch that the project's changes land on.
    pub landing: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    branch: String,
    commit: Option<String>,
    #[serde(default)]
    force: bool,
}

/// Notes where the repository in `workspace` came from: `after_create` made it, and no agent was in it yet.
pub(super) async fn note_origin(
    engine: &Engine,
    run: &Run,
    handoff: &Handoff,
    workspace: &Path,
) -> Result<(), Failure> {
    match engine.0.forge.origin_of(workspace).await {
        Ok(Some(origin)) => {
            let (root, path) = (engine.0.setup.root(&handoff.root), workspace.to_owned());
            blocking(move || root.note_origin(&path, &origin)).await
        }
        Ok(None) => Ok(()),
        Err(error) => {
            let error = base::error::chain(&error);
            tracing::warn!(run = %run.id, error, "where the workspace came from cannot be told; nothing is pushed from it");
            Ok(())
        }
    }
}

impl Repository {
    /// The repository in `workspace`; `None` when there is none, or nothing that it is pushed to.
    pub(super) async fn of(
        engine: &Engine,
        run: &Run,
        source: &Source,
        handoff: &Handoff,
        workspace: &Path,
    ) -> Result<Option<Self>, Failure> {
        if !workspace.join(".git").symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
            return Ok(None);
        }
        let (root, path) = (engine.0.setup.root(&handoff.root), workspace.to_owned());
        let remote = match source.remote.as_str() {
            "" => blocking(move || root.origin(&path)).await?,
            given => Some(given.to_owned()),
        };
        let landing = engine.registered().project_or_last_rites(&run.issue.project).branch;
        Ok(remote.map(|remote| Self { folder: workspace.to_owned(), remote, landing }))
    }

    pub(super) fn spec() -> ToolSpec {
        ToolSpec {
            name: NAME.to_owned(),
            description: "Push a commit of your repository to a branch of its remote; `git push` itself has no network \
                          and no credentials here. The branches that changes land on are refused."
                .to_owned(),
            input_schema: json!({
                "type": "object",
                "properties": {
                    "branch": {"type": "string", "description": "the remote's branch, by its short name"},
                    "commit": {"type": "string", "description": "a full commit id; without it, what is checked out"},
                    "force": {"type": "boolean", "description": "replace what was pushed for this issue before; never anybody else's commits"},
                },
                "required": ["branch"],
                "additionalProperties": false,
            }),
        }
    }

    /// The page on which a person compares the branch, where its address is known.
    fn compare_url(&self, branch: &str) -> Option<String> {
        let remote = redacted(&self.remote);
        let path = ["https://github.com/", "git@github.com:", "ssh://github.com/"]
            .iter()
            .find_map(|host| remote.strip_prefix(host))?;
        let path = path.trim_end_matches('/').trim_end_matches(".git");
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
        let is_repository = path.split('/').count() == 2 && plain(path) && plain(branch);
        is_repository.then(|| format!("https://github.com/{path}/compare/{branch}?expand=1"))
    }
}

impl Engine {
    /// Answers the tool for claim `fence` of `run`: what was pushed, or why nothing was.
    pub async fn push(
        &self,
        run: &RunId,
        fence: Fence,
        repository: &Repository,
        arguments: Value,
    ) -> Result<String, String> {
        let Arguments { branch, commit, force } =
            Arguments::deserialize(arguments).map_err(|e| format!("the arguments do not fit: {e}"))?;
        self.still_holds(run, fence).await?;
        let known = self.pushed_before(run, &branch).await?;
        let over = match (force, &known) {
            (false, _) => Over::Nothing,
            (true, known) => Over::Own {
                last: known.as_ref().map(|known| &known.commit),
                keep: known.as_ref().and_then(|known| known.keep.as_ref()),
            },
        };
        let commit = commit.map(Sha::new);
        let Repository { folder, remote, landing } = repository;
        let wanted = Wanted { folder, remote, branch: &branch, commit: commit.as_ref(), landing, over };
        let told = |error| redacted(&base::error::chain(&error));
        let taken = self.0.forge.take(&wanted).await.map_err(told)?;
        let answer = json!({
            "branch": branch,
            "commit": taken.commit,
            "before": taken.before(),
            "compare_url": repository.compare_url(&branch),
        });
        let (engine, run) = (self.clone(), run.clone());
        let (tell, done) = tokio::sync::oneshot::channel();
        // Whoever asked may be gone before it is done.
        self.0.tasks.spawn("push", async move {
            let _ = tell.send(engine.finish_push(&run, fence, branch, taken, known).await);
        });
        done.await.unwrap_or_else(|_| Err("Seawall ends; push again later".to_owned()))?;
        Ok(answer.to_string())
    }

    async fn finish_push(
        &self,
        run: &RunId,
        fence: Fence,
        branch: String,
        taken: Taken,
        known: Option<Pushed>,
    ) -> Result<(), String> {
        let told = |error| redacted(&base::error::chain(&error));
        self.still_holds(run, fence).await?;
        if taken.is_there() {
            return Ok(());
        }
        let commit = taken.commit.clone();
        // Before it is done: between the push and its event this process may be killed.
        tracing::info!(%run, %fence, branch, %commit, "pushing for an agent");
        self.0.forge.push_taken(&taken, &format!("seawall/{run}/{fence}")).await.map_err(told)?;
        let before = taken.before().cloned();
        let pushed = Input::Pushed { fence, branch, commit, before, known };
        let noted = self.submit(run, pushed).await;
        noted.map(drop).map_err(|e| format!("pushed, but Seawall cannot note it: {}", base::error::chain(&e)))
    }

    /// The branch as the runs of the same issue left it.
    async fn pushed_before(&self, run: &RunId, branch: &str) -> Result<Option<Pushed>, String> {
        let failed =
            |e: store::Error| format!("what was pushed cannot be looked up: {}", base::error::chain(&e));
        let Some(stored) = self.0.store.run(run).await.map_err(failed)? else { return Ok(None) };
        let issue = stored.run.issue;
        let filter = Filter { project: Some(issue.project), issue: Some(issue.id), ..Filter::default() };
        let (runs, _) = self.0.store.list_runs(&filter, None, MAX_RUNS).await.map_err(failed)?;
        Ok(runs.into_iter().find_map(|line| line.stored.run.pushed.get(branch).cloned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_named_only_where_its_address_is_known_and_without_a_password() {
        let url = |remote: &str, branch: &str| {
            let repository =
                Repository { folder: "/w".into(), remote: remote.to_owned(), landing: "main".to_owned() };
            repository.compare_url(branch)
        };
        let page = Some("https://github.com/acme/shop/compare/fix/1?expand=1".to_owned());
        for remote in [
            "https://github.com/acme/shop.git",
            "https://x:ghp_1@github.com/acme/shop",
            "git@github.com:acme/shop.git",
            "ssh://git@github.com/acme/shop",
        ] {
            assert_eq!(url(remote, "fix/1"), page, "{remote}");
        }
        for remote in ["/srv/shop.git", "https://git.example.com/acme/shop", "https://github.com/acme"] {
            assert_eq!(url(remote, "fix"), None, "{remote}");
        }
        assert_eq!(url("git@github.com:acme/shop.git", "fix#1"), None);
    }
}
