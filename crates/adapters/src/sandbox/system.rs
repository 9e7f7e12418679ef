//! The part of the host that every sandbox may read. What is not listed is not there.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// Directories of programs and libraries. A link on the host is made again inside instead of followed.
const PROGRAMS: [&str; 7] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
/// The part of `/etc` that programs need and that tells nothing about this machine's users or secrets.
const SETTINGS: [&str; 18] = [
    "/etc/alternatives",
    "/etc/bash.bashrc",
    "/etc/ca-certificates",
    "/etc/debian_version",
    "/etc/host.conf",
    "/etc/inputrc",
    "/etc/java-17-openjdk",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/profile",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/certs",
];

/// Every host path above, for finding out whether a hidden path would show.
pub(super) const VISIBLE: [&str; 1] = ["/usr"];

/// Users inside: only the agent. The host's own list is nobody's business.
pub(super) const PASSWD: &str =
    "agent:x:1000:1000:agent:/home/agent:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n";
/// Groups inside.
pub(super) const GROUP: &str = "agent:x:1000:\nnogroup:x:65534:\n";
/// Names inside: there is no network, so only the loopback has one.
pub(super) const HOSTS: &str = "127.0.0.1 localhost sandbox\n::1 localhost\n";

/// Whether `path` is one that every sandbox has from the host.
pub(crate) fn shows(path: &Path) -> bool {
    PROGRAMS.iter().any(|dir| path.starts_with(dir))
}

/// Whether something of the run can be placed at `path` inside: absolute, and not over what comes from the host or the
/// kernel.
pub(super) fn can_hold(path: &Path) -> bool {
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    let taken =
        ["/etc", "/proc", "/dev", "/run/seawall"].iter().chain(&PROGRAMS).any(|dir| path.starts_with(dir));
    path.is_absolute() && plain && path.parent().is_some() && path != Path::new("/tmp") && !taken
}

/// bwrap's arguments that show the host's programs and settings.
pub(super) fn arguments() -> Vec<OsString> {
    let programs = PROGRAMS.iter().map(Path::new).flat_map(program_arguments);
    let settings = SETTINGS.iter().flat_map(|path| three("--ro-bind-try", Path::new(path), Path::new(path)));
    programs.chain(settings).collect()
}

fn program_arguments(path: &Path) -> Vec<OsString> {
    match std::fs::read_link(path) {
        Ok(target) => three("--symlink", &target, path).into(),
        Err(_) if path.is_dir() => three("--ro-bind", path, path).into(),
        Err(_) => Vec::new(),
    }
}

fn three(option: &str, first: &Path, second: &Path) -> [OsString; 3] {
    [OsString::from(option), PathBuf::from(first).into(), PathBuf::from(second).into()]
}
