//! What `sandbox-enter` is told: a complete plan, nothing left to choose.
//!
//! It travels over the new process's stdin (length, then JSON), never over argv or the environment, so host paths
//! do not show in a process table.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::spec::{self, Spec};

/// Longest plan accepted, bytes: paths and environment of one run, with room to spare.
pub(super) const MAX_PLAN_BYTES: u32 = 4 * 1024 * 1024;
/// Open files of one process: plenty for a build, too few to starve the host.
const OPEN_FILES: u64 = 4096;
/// Size of `/tmp` when the spec names none: enough for a build's temporary files, bounded because it is memory.
const DEFAULT_TMP_BYTES: u64 = 512 * 1024 * 1024;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    /// Control groups to join, by their `cgroup.procs`.
    pub join: Vec<PathBuf>,
    pub file_bytes: Option<u64>,
    pub open_files: u64,
    /// `None`: no walls on this machine; the program runs on the host under a supervisor.
    pub walls: Option<Walls>,
    pub env: Vec<(String, String)>,
    pub cwd: PathBuf,
    pub program: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Walls {
    pub bwrap: PathBuf,
    /// The host uid and gid to become first.
    pub identity: Option<(u32, u32)>,
    pub mounts: Vec<Mount>,
    /// (name, target), both inside.
    pub links: Vec<(PathBuf, PathBuf)>,
    pub nested_walls: bool,
    pub masks: Vec<Mask>,
    pub tmp_bytes: u64,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mount {
    pub source: PathBuf,
    pub inside: PathBuf,
    pub access: Access,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Access {
    ReadOnly,
    ReadWrite,
}

/// A path inside that is covered because the host path behind it is hidden.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Mask {
    Dir(PathBuf),
    File(PathBuf),
}

pub(super) struct Means<'a> {
    pub bwrap: Option<&'a Path>,
    pub identity: Option<(u32, u32)>,
    pub launcher: &'a Path,
    pub join: Vec<PathBuf>,
    pub inside: &'a spec::Inside,
}

impl Plan {
    pub fn new(spec: &Spec, means: Means<'_>) -> Plan {
        let walls = means.bwrap.map(|bwrap| {
            let mounts = mounts(spec, means.inside, means.launcher);
            Walls {
                bwrap: bwrap.to_owned(),
                identity: means.identity,
                masks: masks(&spec.hide, &mounts),
                mounts,
                links: spec.links.clone(),
                nested_walls: spec.nested_walls,
                tmp_bytes: spec.limits.tmp_bytes.unwrap_or(DEFAULT_TMP_BYTES),
            }
        });
        Plan {
            join: means.join,
            file_bytes: spec.limits.file_bytes,
            open_files: OPEN_FILES,
            env: environment(spec, means.inside, walls.is_some()),
            walls,
            cwd: means.inside.workspace.clone(),
            program: spec.program.clone(),
        }
    }

    /// Length (4 bytes, big endian), then JSON. `None`: larger than the limit.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let body = serde_json::to_vec(self).ok()?;
        let length = u32::try_from(body.len()).ok().filter(|length| *length <= MAX_PLAN_BYTES)?;
        Some([&length.to_be_bytes()[..], &body].concat())
    }
}

/// Outer directories first, so that none covers what lies in it.
fn mounts(spec: &Spec, inside: &spec::Inside, launcher: &Path) -> Vec<Mount> {
    let workspace = if spec.read_only_workspace { Access::ReadOnly } else { Access::ReadWrite };
    let mount = |source: &Path, inside: &Path, access| Mount {
        source: std::fs::canonicalize(source).unwrap_or_else(|_| source.to_owned()),
        inside: inside.to_owned(),
        access,
    };
    let mut all = vec![mount(&spec.workspace_tree, &inside.workspace, workspace)];
    let git = spec.git_dir.iter();
    all.extend(git.map(|dir| mount(dir, &inside.workspace.join(".git"), Access::ReadOnly)));
    all.push(mount(&spec.home, &inside.home, Access::ReadWrite));
    all.push(mount(&spec.gateway_socket, Path::new(spec::GATEWAY_SOCKET), Access::ReadOnly));
    all.push(mount(launcher, Path::new(spec::LAUNCHER), Access::ReadOnly));
    all.extend(spec.read_only.iter().map(|(host, inside)| mount(host, inside, Access::ReadOnly)));
    all.sort_by_key(|mount| mount.inside.components().count());
    all
}

/// Where hidden host paths would show inside. A path that contains a mount's source is not a mask: the mount was
/// asked for by name.
fn masks(hide: &[PathBuf], mounts: &[Mount]) -> Vec<Mask> {
    let system = super::system::VISIBLE.iter().map(|path| (Path::new(*path), Path::new(*path)));
    let own = mounts.iter().map(|mount| (mount.source.as_path(), mount.inside.as_path()));
    let visible: Vec<_> = system.chain(own).collect();
    let mut all = Vec::new();
    for hidden in hide {
        let Ok(hidden) = std::fs::canonicalize(hidden) else { continue };
        let asked_for = mounts.iter().any(|mount| mount.source == hidden);
        let shows = visible.iter().filter(|_| !asked_for);
        for inside in shows.filter_map(|(host, inside)| Some(inside.join(hidden.strip_prefix(host).ok()?))) {
            all.push(if hidden.is_dir() { Mask::Dir(inside) } else { Mask::File(inside) });
        }
    }
    all
}

fn environment(spec: &Spec, inside: &spec::Inside, walled: bool) -> Vec<(String, String)> {
    let tmp = if walled { PathBuf::from("/tmp") } else { inside.home.join("tmp") };
    let defaults = [
        ("HOME", inside.home.display().to_string()),
        ("PATH", spec::DEFAULT_PATH.to_owned()),
        ("TMPDIR", tmp.display().to_string()),
        ("LANG", "C.UTF-8".to_owned()),
        ("USER", "agent".to_owned()),
        // The repository data belongs to the host's uid and is read-only; without these two, git refuses to read
        // it, or fails to refresh its index.
        ("GIT_CONFIG_COUNT", "1".to_owned()),
        ("GIT_CONFIG_KEY_0", "safe.directory".to_owned()),
        ("GIT_CONFIG_VALUE_0", "*".to_owned()),
        ("GIT_OPTIONAL_LOCKS", "0".to_owned()),
    ];
    let named = |name: &str| spec.env.iter().any(|(key, _)| key == name);
    let defaults = defaults.into_iter().filter(|(name, _)| !named(name));
    defaults.map(|(name, value)| (name.to_owned(), value)).chain(spec.env.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_path_is_masked_where_a_visible_directory_shows_it() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("tools/private")).unwrap();
        std::fs::write(root.join("tools/key"), "").unwrap();
        let mounts =
            [Mount { source: root.join("tools"), inside: "/opt/tools".into(), access: Access::ReadOnly }];
        let hide = [root.join("tools/private"), root.join("tools/key"), root.clone(), root.join("absent")];
        let expect = [Mask::Dir("/opt/tools/private".into()), Mask::File("/opt/tools/key".into())];
        assert_eq!(masks(&hide, &mounts), expect);
    }
}
