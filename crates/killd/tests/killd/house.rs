//! A kill plane in a temporary directory, and groups of processes to kill.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use base::cgroup::{Cgroups, Group, Limits, keyed};
use base::ids::Ids;
use killd::client::Client;
use killd::protocol::{Lift, Order, Registration};
use killd::server::{Config, serve};

/// Far more than a loaded machine needs; only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(10);
const DIR: &str = "SEAWALL_TEST_KILLD_DIR";
const SUBREAPER: &str = "SEAWALL_TEST_SUBREAPER";

/// Not a test: this binary, started again by [`House::start`], is the kill plane.
#[test]
fn kill_plane_process() {
    let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) else { return };
    let config = Config { socket: dir.join("socket"), dir, exit_when_alone: false };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if let Err(error) = runtime.block_on(serve(config)) {
        eprintln!("{}", base::error::chain(&error));
        std::process::exit(2);
    }
    std::process::exit(0);
}

/// Not a test: this binary, started again by [`subreaper`], adopts the orphans of a shell script.
#[test]
fn subreaper_process() {
    let Some(script) = std::env::var_os(SUBREAPER) else { return };
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
    let mut shell = Command::new("sh").arg("-c").arg(script).spawn().unwrap();
    let _ = shell.wait();
    std::thread::park();
}

fn this_binary(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

pub fn subreaper(script: &str) -> Child {
    this_binary("house::subreaper_process").env(SUBREAPER, script).spawn().unwrap()
}

pub struct House {
    pub dir: tempfile::TempDir,
    process: Child,
}

impl House {
    pub async fn start() -> House {
        // The kill plane insists on a private directory.
        let private = fs::Permissions::from_mode(0o700);
        let dir = tempfile::Builder::new().permissions(private).tempdir().unwrap();
        let process = House::spawn(dir.path());
        let house = House { dir, process };
        house.connect().await;
        house
    }

    pub fn spawn(dir: &Path) -> Child {
        this_binary("house::kill_plane_process").env(DIR, dir).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Ends the kill plane as a crash would, lets `change` happen, and starts it again.
    pub async fn crash_and_restart(&mut self, change: impl FnOnce(&Path)) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        change(self.dir.path());
        self.process = House::spawn(self.dir.path());
        self.connect().await;
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    pub async fn connect(&self) -> Client {
        let start = Instant::now();
        loop {
            match Client::connect(&self.socket()).await {
                Ok(client) => return client.with_timeout(PATIENCE),
                Err(error) => assert!(start.elapsed() < PATIENCE, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub async fn supervisor(&self) -> Client {
        let client = self.connect().await;
        client.supervise("test").await.unwrap();
        client
    }

    pub fn terminate(&mut self) -> ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.process.wait().unwrap()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A group of this machine, emptied and removed at the end of the test.
pub struct Cage(pub Group, Vec<Child>);

impl Cage {
    /// `None`, said aloud, where no group can be killed.
    pub fn new(test: &str) -> Option<Cage> {
        let cgroups = Cgroups::discover();
        if !cgroups.can_kill() {
            eprintln!("SKIPPED: {test}: no writable cgroup v2 with cgroup.kill here");
            return None;
        }
        let name = format!("killd-test-{}", Ids::random().next());
        Some(Cage(cgroups.create(&name, Limits::default()).unwrap(), Vec::new()))
    }

    pub fn dir(&self) -> PathBuf {
        self.0.kill_dir.clone().unwrap()
    }

    /// Runs `script` in the group and waits until `count` processes are in it.
    pub async fn run(&mut self, script: &str, count: usize) {
        let join: String = self
            .0
            .procs_files()
            .iter()
            .map(|file| format!("echo 0 > {} || exit 1\n", file.display()))
            .collect();
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{join}{script}")).stdin(Stdio::null()).stdout(Stdio::null());
        self.1.push(shell.stderr(Stdio::null()).spawn().unwrap());
        until("the processes joined", || self.count() == count).await;
    }

    pub fn count(&self) -> usize {
        fs::read_to_string(self.dir().join("cgroup.procs")).unwrap().lines().count()
    }

    pub fn is_empty(&self) -> bool {
        let events = fs::read_to_string(self.dir().join("cgroup.events")).unwrap();
        keyed(&events, "populated") == Some(0)
    }

    pub fn registration(&self, run: &str, fence: u64) -> Registration {
        let labels = vec![format!("run/{run}"), "agent/a".to_owned(), "team/t".to_owned()];
        Registration { run: run.into(), fence, labels, kill_dir: Some(self.dir()), pid: None, walled: false }
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        let _ = fs::write(self.dir().join("cgroup.kill"), "1");
        for child in &mut self.1 {
            let _ = child.wait();
        }
        let start = Instant::now();
        while !self.0.remove() && start.elapsed() < PATIENCE {
            std::thread::yield_now();
        }
    }
}

pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

pub fn order(id: &str, scope: &str, epoch: u64) -> Order {
    let (reason, actor) = ("it misbehaves".to_owned(), "ann".to_owned());
    Order { id: id.into(), scope: scope.into(), reason, actor, epoch, at_us: 1 }
}

pub fn lift(id: &str, scope: &str, epoch: u64) -> Lift {
    let (reason, actor) = ("it is fixed".to_owned(), "ben".to_owned());
    Lift { order: id.into(), scope: scope.into(), reason, actor, epoch, at_us: 2 }
}
