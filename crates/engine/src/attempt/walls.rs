//! The walls around an attempt: folders, limits, what of this machine it may read.

use crate::Engine;
use crate::setup::Source;
use adapters::forge::git::Workspace;
use adapters::sandbox::{Limits, Spec};
use domain::fleet::Agent;
use domain::run::Run;
use domain::{Fence, RunId};
use std::path::PathBuf;

/// The most bytes of one file an agent may write, and of its /tmp.
const FILE_BYTES: u64 = 1 << 30;

/// The folders that an agent works in.
pub(super) struct Folders {
    /// The working tree.
    pub(super) tree: PathBuf,
    /// git's own folder, where that lies elsewhere.
    pub(super) git_dir: Option<PathBuf>,
}

impl Folders {
    /// The tree and, apart from it, git's own folder.
    pub(super) fn of(workspace: &Workspace) -> Self {
        Self { tree: workspace.tree(), git_dir: Some(workspace.git_dir()) }
    }
}

pub(super) fn spec(engine: &Engine, run: &Run, agent: &Agent, folders: &Folders) -> std::io::Result<Spec> {
    let setup = &engine.0.setup;
    let folder = engine.run_dir(run);
    let home = folder.join("home");
    std::fs::create_dir_all(&home)?;
    let readable = setup.readable.iter().map(|path| (path.clone(), path.clone())).collect();
    Ok(Spec {
        name: sandbox_name(&run.id, run.fence),
        workspace_tree: folders.tree.clone(),
        // A workspace that outlives its runs is called by its own path inside, too (Symphony 10.2).
        workspace_inside: folders.git_dir.is_none().then(|| folders.tree.clone()),
        git_dir: folders.git_dir.clone(),
        read_only: readable,
        links: Vec::new(),
        home,
        home_inside: None,
        gateway_socket: folder.join("gateway.sock"),
        env: vec![("PATH".to_owned(), path(&setup.path))],
        program: vec![],
        limits: Limits {
            memory_bytes: Some(agent.limits.memory_bytes),
            pids: Some(agent.limits.pids),
            cpu_percent: Some(agent.limits.cpu_percent),
            file_bytes: Some(FILE_BYTES),
            tmp_bytes: Some(FILE_BYTES),
            workspace_bytes: Some(agent.limits.workspace_bytes),
        },
        hide: vec![setup.state_dir.clone()],
        read_only_workspace: run.review.is_some(),
        nested_walls: false,
    })
}

/// The name of an attempt's sandbox, also of one whose engine was lost.
pub(crate) fn sandbox_name(run: &RunId, fence: Fence) -> String {
    format!("{run}-{fence}")
}

fn path(first: &[PathBuf]) -> String {
    let mut dirs: Vec<String> = first.iter().map(|p| p.display().to_string()).collect();
    dirs.push(adapters::sandbox::spec::DEFAULT_PATH.to_owned());
    dirs.join(":")
}

impl Engine {
    /// Environment variables that neither a hook nor an agent of this source may inherit.
    pub(crate) fn secrets_of(&self, source: &Source) -> Vec<String> {
        source.tracker.secret_names().into_iter().chain(self.0.setup.secret_names.iter().cloned()).collect()
    }

    /// Everything of one run on disk.
    pub(crate) fn run_dir(&self, run: &Run) -> PathBuf {
        self.0.setup.workspaces().join(run.issue.project.as_str()).join(run.id.as_str())
    }

    /// The run's code.
    pub(crate) fn workspace(&self, run: &Run) -> Workspace {
        Workspace::at(self.run_dir(run))
    }
}
