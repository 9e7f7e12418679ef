//! Finds out what this machine offers, by doing it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::cgroup::Cgroups;
use base::env::Env;
use base::error::chain;
use base::ids::Ids;
use tokio::io::AsyncReadExt;

use super::running::Spawner;
use super::{Level, Limits, Means, Sandbox, Spec};

/// The usual uid and gid of the inside when we are root: `nobody`, who owns nothing.
pub const NOBODY: u32 = 65534;
/// A probe takes some 20 ms; a machine that needs this long has no working sandbox.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
/// Probe output that is kept, bytes.
const MAX_OUTPUT: u64 = 8 * 1024;
const NAMESPACES: [&str; 6] = ["user", "pid", "ipc", "uts", "net", "mnt"];
const CONTROLLERS: [&str; 3] = ["memory", "pids", "cpu"];

/// One thing that was looked for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// What was looked for.
    pub what: String,
    /// Whether it is there.
    pub ok: bool,
    /// What was seen.
    pub detail: String,
    /// What to do when it is missing; empty when it is there.
    pub mend: String,
}

pub(super) async fn discover(env: &Env, dir: &Path, launcher: &Path, uid: u32) -> io::Result<Sandbox> {
    let launcher = std::fs::canonicalize(launcher).unwrap_or_else(|_| launcher.to_owned());
    let mut found = Means {
        bwrap: env.find_program("bwrap"),
        identity: None,
        launcher,
        cgroups: Cgroups::discover(),
        level: Level::Walled,
        findings: Vec::new(),
        spawner: Spawner::start()?,
    };
    let swept = found.cgroups.sweep();
    if swept > 0 {
        tracing::info!(swept, "removed empty control groups that a crash left behind");
    }
    let root = rustix::process::geteuid().is_root();
    let candidates = if root { vec![Some((uid, uid)), None] } else { vec![None] };
    let mut seen = Err("bwrap is not on the PATH".to_owned());
    if found.bwrap.is_some() {
        for identity in candidates {
            found.identity = identity;
            (found, seen) = try_out(found, dir).await?;
            if seen.is_ok() {
                break;
            }
        }
    }
    if seen.is_err() {
        (found.bwrap, found.identity) = (None, None);
    }
    conclude(&mut found, root, seen);
    Ok(Sandbox(Arc::new(found)))
}

/// What a probe saw: its limits in force and whether its group can be killed as one.
struct Seen {
    limited: Vec<&'static str>,
    killable: bool,
}

async fn try_out(means: Means, dir: &Path) -> io::Result<(Means, Result<Seen, String>)> {
    let sandbox = Sandbox(Arc::new(means));
    let name = format!("probe-{}", Ids::random().next());
    let files = dir.join(&name);
    let seen = match prepare(&files) {
        Ok(()) => match tokio::time::timeout(PROBE_TIMEOUT, probe(&sandbox, &files, name)).await {
            Ok(seen) => seen,
            Err(_) => Err("the probe did not end".to_owned()),
        },
        Err(error) => Err(format!("cannot write the probe's files in {}: {error}", dir.display())),
    };
    let _ = std::fs::remove_dir_all(&files);
    let gone = || io::Error::other("the probe outlived its sandbox");
    Ok((Arc::into_inner(sandbox.0).ok_or_else(gone)?, seen))
}

fn prepare(files: &Path) -> io::Result<()> {
    for name in ["workspace", "home"] {
        std::fs::create_dir_all(files.join(name))?;
    }
    std::fs::write(files.join("socket"), "")
}

async fn probe(sandbox: &Sandbox, files: &Path, name: String) -> Result<Seen, String> {
    let links = NAMESPACES.map(|name| format!("/proc/self/ns/{name}"));
    let script = format!("readlink {} && touch /workspace/written", links.join(" "));
    let spec = Spec {
        name,
        workspace_tree: files.join("workspace"),
        workspace_inside: None,
        git_dir: None,
        read_only: Vec::new(),
        links: Vec::new(),
        home: files.join("home"),
        home_inside: None,
        gateway_socket: files.join("socket"),
        env: Vec::new(),
        program: ["/bin/sh", "-c", &script].map(str::to_owned).into(),
        limits: Limits {
            memory_bytes: Some(256 << 20),
            pids: Some(64),
            cpu_percent: Some(100),
            ..Limits::default()
        },
        hide: Vec::new(),
        read_only_workspace: false,
        nested_walls: false,
    };
    let mut running = sandbox.spawn(&spec).await.map_err(|error| chain(&error))?;
    let group = running.group.clone().unwrap_or_default();
    let (mut out, mut err) = (String::new(), String::new());
    let (stdout, stderr) = (running.stdout.take(), running.stderr.take());
    let (Some(stdout), Some(stderr)) = (stdout, stderr) else {
        return Err("the probe has no output".to_owned());
    };
    let (mut stdout, mut stderr) = (stdout.take(MAX_OUTPUT), stderr.take(MAX_OUTPUT));
    let (read, also) = tokio::join!(stdout.read_to_string(&mut out), stderr.read_to_string(&mut err));
    let exit = running.wait().await.map_err(|error| error.to_string())?;
    read.and(also).map_err(|error| error.to_string())?;
    if exit.code != Some(0) {
        return Err(format!("a program in bwrap could not run: {}", err.trim()));
    }
    let shared: Vec<_> =
        NAMESPACES.iter().zip(out.lines()).filter(|(name, inside)| is_ours(name, inside)).collect();
    if out.lines().count() != NAMESPACES.len() || !shared.is_empty() {
        return Err(format!("the inside shares namespaces with us: {shared:?}"));
    }
    Ok(Seen { limited: group.limited, killable: group.kill_dir.is_some() })
}

fn is_ours(namespace: &str, inside: &str) -> bool {
    std::fs::read_link(PathBuf::from("/proc/self/ns").join(namespace))
        .is_ok_and(|ours| ours == Path::new(inside))
}

fn conclude(found: &mut Means, root: bool, seen: Result<Seen, String>) {
    let (walls, seen) = match seen {
        Ok(seen) => (Ok("own user, pid, ipc, uts, net and mount namespaces".to_owned()), seen),
        Err(why) => (Err(why), Seen { limited: Vec::new(), killable: found.cgroups.can_kill() }),
    };
    let separate = !root || found.identity.is_some();
    let missing: Vec<_> = CONTROLLERS.iter().filter(|name| !seen.limited.contains(name)).copied().collect();
    found.level = match (&walls, separate && seen.killable && missing.is_empty()) {
        (Err(_), _) => Level::Bare,
        (Ok(_), false) => Level::Walled,
        (Ok(_), true) => Level::Isolated,
    };
    let who = found.identity.map_or("our own uid".to_owned(), |(uid, _)| format!("uid {uid}"));
    found.findings = vec![
        finding("walls (bubblewrap)", walls.is_ok(), walls.unwrap_or_else(|why| why), WALLS_MEND),
        finding("separate uid", separate, format!("the inside runs as {who}"), UID_MEND),
        finding("kill as one (cgroup.kill)", seen.killable, yes_no(seen.killable), KILL_MEND),
        finding("limits in force", missing.is_empty(), limits_text(&seen.limited, &missing), LIMITS_MEND),
    ];
}

const WALLS_MEND: &str = "install bubblewrap 0.8 or newer (apt-get install bubblewrap) and allow unprivileged user namespaces \
     (sysctl kernel.unprivileged_userns_clone=1, or an AppArmor profile for bwrap)";
const UID_MEND: &str = "give this process CAP_SYS_ADMIN, CAP_SETUID and CAP_CHOWN, or do not run it as root";
const KILL_MEND: &str =
    "needs Linux 5.14 and a writable cgroup v2 (run as root, or in a systemd unit with Delegate=yes)";
const LIMITS_MEND: &str =
    "needs the memory, pids and cpu controllers (run as root, or in a systemd unit with Delegate=yes)";

fn finding(what: &str, ok: bool, detail: String, mend: &str) -> Finding {
    let mend = if ok { String::new() } else { mend.to_owned() };
    Finding { what: what.to_owned(), ok, detail, mend }
}

fn yes_no(yes: bool) -> String {
    if yes { "present" } else { "absent" }.to_owned()
}

fn limits_text(limited: &[&str], missing: &[&str]) -> String {
    let list = |names: &[&str]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!("in force: {}; missing: {}", list(limited), list(missing))
}
