//! Walls around an agent: what it may see, use and reach, and the certain way to end it.
//!
//! Invariants:
//! - what is visible inside is listed ([`spec::Spec`], `system.rs`); what is not listed is not there;
//! - the only way out is the gateway's socket: there is no network inside;
//! - no environment variable, descriptor or argument of ours crosses;
//! - a [`Level`] is what was tried and seen to work on this machine, never what ought to work.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::cgroup::{Cgroups, Group};
use base::env::Env;
use tokio::io::AsyncWriteExt;

pub mod enter;
pub mod forward;
mod ownership;
mod plan;
mod probe;
pub mod running;
pub mod spec;
mod supervise;
mod system;
pub mod tunnel;
pub mod watch;

pub use probe::{Finding, NOBODY};
pub use running::{Exit, Running};
pub use spec::{Inside, Limits, Spec};
pub(crate) use system::shows as is_shown_to_all;

/// How much the sandbox holds back, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Resource limits of the process and a supervisor that kills what is left; no walls.
    Bare,
    /// Own user, pid, ipc, uts, net and mount namespaces, but a limit on memory, processes or CPU, the kill of the
    /// whole group, or (started as root) a separate uid is missing.
    Walled,
    /// Walls, a uid that is not root's, and a control group with limits in force that can be killed as one.
    Isolated,
}

impl Level {
    /// `bare`, `walled` or `isolated`.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Bare => "bare",
            Level::Walled => "walled",
            Level::Isolated => "isolated",
        }
    }
}

/// Starts sandboxes on this machine. Clones share it; when the last is dropped, every sandbox it started dies.
#[derive(Clone, Debug)]
pub struct Sandbox(Arc<Means>);

#[derive(Debug)]
struct Means {
    bwrap: Option<PathBuf>,
    identity: Option<(u32, u32)>,
    launcher: PathBuf,
    cgroups: Cgroups,
    level: Level,
    findings: Vec<Finding>,
    spawner: running::Spawner,
}

/// Why a sandbox could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The spec cannot be carried out.
    #[error("cannot start {name} in a sandbox: {problem}")]
    Spec {
        /// The spec's name.
        name: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A path of the spec could not be prepared.
    #[error("cannot prepare {} for the sandbox; check that it exists and is ours", path.display())]
    Prepare {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The control group could not be made.
    #[error(
        "cannot make a control group for {name}; remove a leftover of that name, or run `seawall doctor`"
    )]
    Group {
        /// The spec's name.
        name: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The first process could not be started.
    #[error("cannot start {}; check that the program is still there", launcher.display())]
    Start {
        /// Our own program.
        launcher: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Sandbox {
    /// Finds out what this machine offers by doing it: starts a probe in a sandbox and looks at its namespaces, uid
    /// and limits. `dir` is a writable directory for the probe's files; `launcher` our own program, which must
    /// answer `sandbox-enter` (see [`enter::main`]); `uid` the host's uid and gid of the inside when we are root.
    /// Fails only when not even a thread can be started.
    pub async fn discover(env: &Env, dir: &Path, launcher: &Path, uid: u32) -> std::io::Result<Sandbox> {
        probe::discover(env, dir, launcher, uid).await
    }

    /// The level every sandbox started here has, unless its own limits could not be put in force.
    pub fn level(&self) -> Level {
        self.0.level
    }

    /// What was found, for `seawall doctor`.
    pub fn report(&self) -> &[Finding] {
        &self.0.findings
    }

    /// The host uid and gid the inside has, when it is another one than ours.
    pub fn identity(&self) -> Option<(u32, u32)> {
        self.0.identity
    }

    /// Hands `dir` over to the user that the inside has, when that is another one than ours.
    pub async fn hand_over(&self, dir: &Path) -> Result<(), Error> {
        let Some((uid, gid)) = self.0.identity else { return Ok(()) };
        let dir = dir.to_owned();
        let given = tokio::task::spawn_blocking(move || ownership::give(&dir, uid, gid).map_err(unfit(&dir)));
        given.await.unwrap_or_else(|error| Err(unfit(Path::new(""))(std::io::Error::other(error))))
    }

    /// Where the things of `spec` are once inside.
    pub fn inside(&self, spec: &Spec) -> Inside {
        Inside::of(spec, self.has_walls(), &self.0.launcher)
    }

    /// Starts the spec's program. Whether the program itself could be executed shows at its end: [`enter::EXIT_CODE`]
    /// or a message of bwrap on stderr.
    pub async fn spawn(&self, spec: &Spec) -> Result<Running, Error> {
        check(spec)?;
        self.prepare(spec).await?;
        let group = self.group(spec)?;
        let inside = self.inside(spec);
        let join = group.as_ref().map(Group::procs_files).unwrap_or_default();
        let means = plan::Means {
            bwrap: self.0.bwrap.as_deref(),
            identity: self.0.identity,
            launcher: &self.0.launcher,
            join,
            inside: &inside,
        };
        let too_long = || problem(spec, "its paths and environment are too long; shorten them");
        let plan = plan::Plan::new(spec, means).encode().ok_or_else(too_long)?;
        let start = |source| Error::Start { launcher: self.0.launcher.clone(), source };
        let level = self.level_with(group.as_ref(), spec);
        let child = match self.0.spawner.spawn(self.0.launcher.clone()).await {
            Ok(child) => child,
            Err(source) => {
                group.iter().for_each(|group| _ = group.remove());
                return Err(start(source));
            }
        };
        // From here on a failure, or this future being dropped, kills what was started.
        let mut running = Running::new(child, group, level);
        if let Some(stdin) = running.stdin.as_mut() {
            stdin.write_all(&plan).await.map_err(start)?;
        }
        Ok(running)
    }

    /// Removes what is left of the sandbox `name` when the process that started it was lost. False: something still
    /// lives in it.
    pub fn remove_leftover(&self, name: &str) -> bool {
        self.0.cgroups.remove_leftover(name)
    }

    /// Whether the inside has namespaces of its own, and so paths of its own.
    pub fn has_walls(&self) -> bool {
        self.0.bwrap.is_some()
    }

    fn level_with(&self, group: Option<&Group>, spec: &Spec) -> Level {
        let wanted = [
            ("memory", spec.limits.memory_bytes.is_some()),
            ("pids", spec.limits.pids.is_some()),
            ("cpu", spec.limits.cpu_percent.is_some()),
        ];
        let in_force = |name| group.is_some_and(|group| group.limited.contains(&name));
        let limited = wanted.iter().all(|(name, wanted)| !wanted || in_force(*name));
        let killable = group.is_some_and(|group| group.kill_dir.is_some());
        if limited && killable { self.0.level } else { self.0.level.min(Level::Walled) }
    }

    /// Makes the spec's directories fit for the inside. Walks them, so it happens off the runtime's threads.
    async fn prepare(&self, spec: &Spec) -> Result<(), Error> {
        if let Some(git) = spec.git_dir.as_ref().filter(|git| !git.exists()) {
            return Err(unfit(git)(std::io::ErrorKind::NotFound.into()));
        }
        let (dirs, identity) = ([spec.workspace_tree.clone(), spec.home.clone()], self.0.identity);
        let tmp = (!self.has_walls()).then(|| spec.home.join("tmp"));
        let git = spec.git_dir.clone().filter(|_| self.has_walls());
        let mounted_at = spec.workspace_tree.join(".git");
        let work = move || {
            if let Some(git) = git {
                make_mount_point(&mounted_at).map_err(unfit(&mounted_at))?;
                if identity.is_some() {
                    ownership::show(&git).map_err(unfit(&git))?;
                }
            }
            if let Some(tmp) = tmp {
                std::fs::create_dir_all(&tmp).map_err(unfit(&tmp))?;
            }
            let Some((uid, gid)) = identity else { return Ok(()) };
            dirs.iter().try_for_each(|dir| ownership::give(dir, uid, gid).map_err(unfit(dir)))
        };
        let ended = tokio::task::spawn_blocking(work).await;
        ended.unwrap_or_else(|error| Err(unfit(&spec.workspace_tree)(std::io::Error::other(error))))
    }

    fn group(&self, spec: &Spec) -> Result<Option<Group>, Error> {
        match self.0.cgroups.create(&spec.name, spec.limits.of_group()) {
            Ok(group) => Ok(Some(group)),
            Err(error) if error.kind() == std::io::ErrorKind::Unsupported => Ok(None),
            Err(source) => Err(Error::Group { name: spec.name.clone(), source }),
        }
    }
}

fn check(spec: &Spec) -> Result<(), Error> {
    let absolute =
        [&spec.workspace_tree, &spec.home, &spec.gateway_socket].into_iter().all(|path| path.is_absolute());
    let readable = spec.read_only.iter().all(|(host, inside)| host.is_absolute() && inside.is_absolute());
    if !absolute || !readable {
        return Err(problem(spec, "every path must be absolute"));
    }
    let placed = spec.workspace_inside.iter().chain(&spec.home_inside).all(|path| system::can_hold(path));
    let linked = spec.links.iter().all(|(name, target)| system::can_hold(name) && target.is_absolute());
    if !placed || !linked {
        return Err(problem(spec, "nothing can be placed inside over a directory of the system"));
    }
    if spec.program.is_empty() {
        return Err(problem(spec, "no program is named"));
    }
    let nul = |text: &String| text.contains('\0');
    if spec.program.iter().chain(spec.env.iter().flat_map(|(key, value)| [key, value])).any(nul) {
        return Err(problem(spec, "its program or environment contains a zero byte"));
    }
    Ok(())
}

/// A directory to mount on. A link or file that an agent left in its place would lead the mount astray.
fn make_mount_point(path: &Path) -> std::io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => return Ok(()),
        Ok(_) => std::fs::remove_file(path)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    std::fs::create_dir(path)
}

fn unfit(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Prepare { path, source }
}

fn problem(spec: &Spec, text: &str) -> Error {
    Error::Spec { name: spec.name.clone(), problem: text.to_owned() }
}
