//! What these tests share: a stage on disk, sandboxes, and reasons to skip aloud.

use std::path::{Path, PathBuf};

use adapters::sandbox::{Exit, Level, Limits, NOBODY, Sandbox, Spec};
use base::env::Env;
use base::ids::Ids;
use tokio::io::AsyncReadExt;

/// The example `launcher`, which cargo builds before it runs the tests.
pub fn launcher() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("examples/launcher");
    assert!(path.exists(), "build it first: cargo build -p adapters --example launcher");
    path
}

/// Files of one test. Below the target directory, because a temporary directory is what sandboxes hide.
pub struct Stage {
    pub dir: tempfile::TempDir,
    pub name: String,
    socket: std::sync::Mutex<Option<PathBuf>>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.socket.lock().unwrap().iter().for_each(|path| _ = std::fs::remove_file(path));
    }
}

impl Stage {
    pub fn new() -> Stage {
        let below = launcher().parent().unwrap().to_owned();
        let dir = tempfile::Builder::new().prefix("stage-").tempdir_in(below).unwrap();
        // tempdir is 0700 and ours: exactly what a state directory is.
        for name in ["workspace", "home", "gateway", "git"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        std::fs::write(dir.path().join("gateway/gateway.sock"), "").unwrap();
        std::fs::write(dir.path().join("git/HEAD"), "ref: refs/heads/main\n").unwrap();
        Stage { dir, name: format!("test-{}", Ids::random().next()), socket: std::sync::Mutex::default() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Where a test's own gateway may listen: short enough for a socket.
    pub fn socket(&self) -> PathBuf {
        let short = std::env::temp_dir().join(format!("{}.sock", self.name));
        *self.socket.lock().unwrap() = Some(short.clone());
        short
    }

    /// Lets every uid connect, as a tunnel does.
    pub fn open(&self, socket: &Path) {
        std::fs::set_permissions(socket, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    }

    pub fn spec(&self, script: &str) -> Spec {
        Spec {
            name: self.name.clone(),
            workspace_tree: self.path("workspace"),
            workspace_inside: None,
            git_dir: Some(self.path("git")),
            read_only: Vec::new(),
            links: Vec::new(),
            home: self.path("home"),
            home_inside: None,
            gateway_socket: self.path("gateway/gateway.sock"),
            env: Vec::new(),
            program: ["/bin/bash", "-c", script].map(str::to_owned).into(),
            limits: Limits {
                memory_bytes: Some(512 << 20),
                pids: Some(128),
                cpu_percent: Some(200),
                ..Limits::default()
            },
            hide: Vec::new(),
            read_only_workspace: false,
            nested_walls: false,
        }
    }
}

/// The machine's sandbox, or `None` (said aloud) when it is below `floor`.
pub async fn sandbox(stage: &Stage, test: &str, floor: Level) -> Option<Sandbox> {
    let found = Sandbox::discover(&Env::process(), stage.dir.path(), &launcher(), NOBODY).await.unwrap();
    if found.level() >= floor {
        return Some(found);
    }
    may_skip(test);
    eprintln!("SKIPPED: {test}: the sandbox is only {}: {:?}", found.level().as_str(), found.report());
    None
}

/// Panics where every real part must be there (CI): a skipped test is then a failed one.
pub fn may_skip(test: &str) {
    let required = std::env::var("SEAWALL_REQUIRE_REAL").as_deref() == Ok("1");
    assert!(!required, "{test} may not be skipped with SEAWALL_REQUIRE_REAL=1");
}

/// A machine without bwrap: the same program, another PATH.
pub async fn bare(stage: &Stage) -> Sandbox {
    let env = Env::fixed([("PATH", "/nonexistent")]);
    Sandbox::discover(&env, stage.dir.path(), &launcher(), NOBODY).await.unwrap()
}

pub struct Ran {
    pub exit: Exit,
    pub out: String,
    pub err: String,
}

/// Runs a spec to its end.
pub async fn run(sandbox: &Sandbox, spec: &Spec) -> Ran {
    let mut running = sandbox.spawn(spec).await.unwrap();
    drop(running.stdin.take());
    let (mut stdout, mut stderr) = (running.stdout.take().unwrap(), running.stderr.take().unwrap());
    let (mut out, mut err) = (String::new(), String::new());
    let both = async { tokio::join!(stdout.read_to_string(&mut out), stderr.read_to_string(&mut err)) };
    let (exit, _) = tokio::join!(running.wait(), both);
    Ran { exit: exit.unwrap(), out, err }
}

/// Whether some process on this host has `marker` among its arguments.
pub fn alive(marker: &str) -> bool {
    let own = std::process::id().to_string();
    let has = |entry: std::fs::DirEntry| {
        let is_process = entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit());
        let text = if is_process && entry.file_name().to_string_lossy() != own {
            std::fs::read(entry.path().join("cmdline")).unwrap_or_default()
        } else {
            Vec::new()
        };
        String::from_utf8_lossy(&text).contains(marker)
    };
    std::fs::read_dir("/proc").unwrap().flatten().any(has)
}

/// Waits for a condition, at most ten seconds.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if condition() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("waited ten seconds: {what}");
}

pub fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Whether the control group of that name was removed: another can be made.
pub fn no_group(name: &str) -> bool {
    let made = base::cgroup::Cgroups::discover().create(name, base::cgroup::Limits::default());
    made.map_or_else(|error| error.kind() == std::io::ErrorKind::Unsupported, |group| group.remove())
}

/// Removes the empty group of that name without limits, found beside one made for the purpose.
pub fn remove_group(name: &str) -> bool {
    let limits = base::cgroup::Limits::default();
    let Ok(twin) = base::cgroup::Cgroups::discover().create(&format!("{name}-twin"), limits) else {
        return true;
    };
    let kill_dir = twin.kill_dir.as_ref().map(|dir| dir.with_file_name(name));
    let mut left = base::cgroup::Group::default();
    left.kill_dir = kill_dir;
    let removed = left.remove();
    twin.remove() && removed
}
