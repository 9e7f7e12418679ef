//! What to run behind the walls, and where things are once inside.

use std::path::{Path, PathBuf};

/// Where the working tree is inside.
pub const WORKSPACE: &str = "/workspace";
/// Where the agent's own home is inside.
pub const HOME: &str = "/home/agent";
/// Where the socket to the gateway is inside.
pub const GATEWAY_SOCKET: &str = "/run/seawall/gateway.sock";
/// Where our own program is inside, for the parts of Seawall that run with the agent.
pub const LAUNCHER: &str = "/run/seawall/seawall";
/// The search path inside when [`Spec::env`] names none.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// One program to run in a sandbox. Host paths must be absolute.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Names the run's control group: 1 to 128 letters, digits, `.`, `_` or `-`; unique among live runs.
    pub name: String,
    /// The working tree on the host, and the working directory. Handed over (chown) to the sandbox's uid when that is
    /// another one than ours.
    pub workspace_tree: PathBuf,
    /// Where the working tree is seen inside; [`WORKSPACE`] unless set. The host's own path will do, also below `/tmp`.
    pub workspace_inside: Option<PathBuf>,
    /// Repository data, seen read-only as `.git` of the working tree.
    pub git_dir: Option<PathBuf>,
    /// (host path, path inside): files and directories that may be read, such as toolchains and knowledge.
    pub read_only: Vec<(PathBuf, PathBuf)>,
    /// Names inside that lead to other paths inside: (name, target). Made only where there are walls.
    pub links: Vec<(PathBuf, PathBuf)>,
    /// The agent's private, writable home on the host; not below the temporary directory.
    pub home: PathBuf,
    /// Where the home is seen inside; [`HOME`] unless set.
    pub home_inside: Option<PathBuf>,
    /// The host's end of the way out (see [`super::tunnel`]), seen at [`GATEWAY_SOCKET`].
    pub gateway_socket: PathBuf,
    /// The environment inside. Nothing is inherited; `HOME`, `PATH`, `TMPDIR`, `LANG` have defaults.
    pub env: Vec<(String, String)>,
    /// The program, by its path inside or by a name on the inner `PATH`, and its arguments.
    pub program: Vec<String>,
    /// What it may use.
    pub limits: Limits,
    /// Host paths that must not be seen even where a visible directory contains them.
    pub hide: Vec<PathBuf>,
    /// The working tree cannot be written: for reviewers.
    pub read_only_workspace: bool,
    /// The inside may make user namespaces of its own, for an agent that was told to build walls within ours. Without
    /// need it is a way to try capabilities on the kernel.
    pub nested_walls: bool,
}

/// What one sandbox may use. `None`: no limit of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Memory of all processes together, bytes.
    pub memory_bytes: Option<u64>,
    /// Processes and threads alive at once.
    pub pids: Option<u32>,
    /// CPU time in percent of one CPU.
    pub cpu_percent: Option<u32>,
    /// Largest single file, bytes.
    pub file_bytes: Option<u64>,
    /// Size of `/tmp`, bytes.
    pub tmp_bytes: Option<u64>,
    /// Size of the working tree and the home together, bytes; watched, not enforced by the kernel (see [`super::watch`]).
    pub workspace_bytes: Option<u64>,
}

impl Limits {
    pub(super) fn of_group(self) -> base::cgroup::Limits {
        base::cgroup::Limits {
            memory_bytes: self.memory_bytes,
            pids: self.pids,
            cpu_percent: self.cpu_percent,
        }
    }
}

/// The paths of a [`Spec`] as its program sees them. Without walls they are the host's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inside {
    /// The working tree.
    pub workspace: PathBuf,
    /// The agent's home.
    pub home: PathBuf,
    /// The socket to the gateway.
    pub gateway_socket: PathBuf,
    /// Our own program.
    pub launcher: PathBuf,
}

impl Inside {
    pub(crate) fn of(spec: &Spec, walls: bool, launcher: &Path) -> Inside {
        if !walls {
            return Inside {
                workspace: spec.workspace_tree.clone(),
                home: spec.home.clone(),
                gateway_socket: spec.gateway_socket.clone(),
                launcher: launcher.to_owned(),
            };
        }
        Inside {
            workspace: spec.workspace_inside.clone().unwrap_or_else(|| WORKSPACE.into()),
            home: spec.home_inside.clone().unwrap_or_else(|| HOME.into()),
            gateway_socket: GATEWAY_SOCKET.into(),
            launcher: LAUNCHER.into(),
        }
    }
}
