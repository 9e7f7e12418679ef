//! The hidden entry `seawall sandbox-enter`: a fresh process becomes the sandboxed program.
//!
//! It reads a plan from stdin, joins its control groups, sets limits, stages what only our own uid may reach, becomes
//! another uid and turns into bwrap. Invariants: after the plan nothing is read from stdin (the rest belongs to the
//! program); nothing of our environment and no descriptor of ours but stdio and bwrap's arguments survives.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{MemfdFlags, Mode, OFlags, SeekFrom};
use rustix::process::{Resource, Rlimit};

use super::plan::{Access, MAX_PLAN_BYTES, Mask, Mount, Plan, Walls};
use super::{supervise, system};

/// The exit code when the sandbox could not be entered; the reason is on stderr. As `docker run` does.
pub const EXIT_CODE: u8 = 125;
/// Covered by an empty file system in a mount namespace of our own while staging: always there, holds no programs.
const STAGE: &str = "/mnt";
/// User and group inside: an ordinary one, whatever the uid is outside.
const INNER_ID: &str = "1000";
/// Inside `/dev/shm`, bytes: browsers and databases want some; it is memory.
const SHM_BYTES: &str = "268435456";

/// Why the program was not started. The binary prints it to stderr and exits with [`EXIT_CODE`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Stdin did not carry a plan: only [`super::Sandbox::spawn`] can start this entry.
    #[error("sandbox-enter got no plan on stdin; it is started by seawall itself, not by hand")]
    Plan(#[source] io::Error),
    /// A step of entering failed.
    #[error("cannot enter the sandbox: {step} failed; run `seawall doctor` to see what this machine offers")]
    Step {
        /// What was being done.
        step: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Becomes the sandboxed program. Must be called before this process opens any file of its own. Returns only on failure, or never when it supervises a program without walls
/// (it then exits with that program's code).
pub fn main() -> Result<Infallible, Error> {
    close_inherited().map_err(step("closing inherited descriptors"))?;
    let plan = read_plan().map_err(Error::Plan)?;
    for file in &plan.join {
        fs::write(file, "0").map_err(step(format!("joining {}", file.display())))?;
    }
    limit(&plan).map_err(step("setting limits"))?;
    match &plan.walls {
        Some(walls) => enter(&plan, walls),
        None => supervise::main(&plan).map_err(step("starting the program")),
    }
}

/// Whoever started the daemon may have left it descriptors that survive exec; one of a directory would be a way
/// around every wall. Nothing is open yet in this process but stdio and them.
fn close_inherited() -> io::Result<()> {
    let numbers: Vec<i32> = fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in numbers {
        // The listing's own descriptor is among them, and already closed.
        let _ = nix::unistd::close(number);
    }
    Ok(())
}

fn read_plan() -> io::Result<Plan> {
    // Not `io::stdin`: it reads ahead, and what follows the plan is not ours.
    let mut stdin = File::from(rustix::io::dup(rustix::stdio::stdin())?);
    let mut length = [0; 4];
    stdin.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > MAX_PLAN_BYTES {
        return Err(io::Error::other("the plan is too long"));
    }
    let mut body = Vec::new();
    stdin.take(u64::from(length)).read_to_end(&mut body)?;
    Ok(serde_json::from_slice(&body)?)
}

fn limit(plan: &Plan) -> io::Result<()> {
    let both = |value: u64| Rlimit { current: Some(value), maximum: Some(value) };
    rustix::process::setrlimit(Resource::Core, both(0))?;
    let allowed = rustix::process::getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    rustix::process::setrlimit(Resource::Nofile, both(plan.open_files.min(allowed)))?;
    if let Some(bytes) = plan.file_bytes {
        let allowed = rustix::process::getrlimit(Resource::Fsize).maximum.unwrap_or(u64::MAX);
        rustix::process::setrlimit(Resource::Fsize, both(bytes.min(allowed)))?;
    }
    Ok(())
}

fn enter(plan: &Plan, walls: &Walls) -> Result<Infallible, Error> {
    let sources = match walls.identity {
        Some(_) => stage(&walls.mounts)?,
        None => walls.mounts.iter().map(|mount| mount.source.clone()).collect(),
    };
    let system = system::arguments();
    let arguments =
        Arguments::new(plan, walls, &sources, system).map_err(step("preparing bwrap's arguments"))?;
    let mut bwrap = Command::new(&walls.bwrap);
    bwrap.arg("--args").arg(arguments.fd.as_raw_fd().to_string()).arg("--").args(&plan.program);
    bwrap.env_clear().current_dir("/");
    if let Some((uid, gid)) = walls.identity {
        bwrap.uid(uid).gid(gid);
    }
    // A setuid bwrap needs its privilege to build the walls, and drops it and sets this flag itself.
    if fs::metadata(&walls.bwrap).is_ok_and(|file| file.permissions().mode() & 0o4000 == 0) {
        rustix::thread::set_no_new_privs(true)
            .map_err(io::Error::from)
            .map_err(step("giving up privileges"))?;
    }
    Err(step("starting bwrap")(bwrap.exec()))
}

/// Makes every source reachable for another uid: in a mount namespace of our own, each is bound below [`STAGE`],
/// because directories above it (a private state directory, a home) may be closed to that uid.
fn stage(mounts: &[Mount]) -> Result<Vec<PathBuf>, Error> {
    use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind_recursive, mount_change};
    use rustix::thread::UnshareFlags;
    #[expect(
        deprecated,
        reason = "the safe form; its danger is CLONE_FILES, and this process has one thread"
    )]
    let unshared = rustix::thread::unshare(UnshareFlags::NEWNS);
    unshared.map_err(io::Error::from).map_err(step("making a mount namespace"))?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .map_err(io::Error::from)
        .map_err(step("closing the mount namespace"))?;
    // Opened before the stage covers anything, so a source below it is found too.
    let opened: Vec<OwnedFd> =
        mounts.iter().map(|mount| open_path(&mount.source)).collect::<Result<_, _>>()?;
    mount("tmpfs", STAGE, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, Some(c"mode=0755"))
        .map_err(io::Error::from)
        .map_err(step("mounting the stage"))?;
    let mut staged = Vec::new();
    for (number, (source, mount)) in opened.iter().zip(mounts).enumerate() {
        let at = Path::new(STAGE).join(number.to_string());
        let failed = || step(format!("staging {}", mount.source.display()));
        let made = if mount.source.is_dir() { fs::create_dir(&at) } else { File::create(&at).map(drop) };
        made.map_err(failed())?;
        mount_bind_recursive(format!("/proc/self/fd/{}", source.as_raw_fd()), &at)
            .map_err(io::Error::from)
            .map_err(failed())?;
        staged.push(at);
    }
    Ok(staged)
}

fn open_path(source: &Path) -> Result<OwnedFd, Error> {
    rustix::fs::open(source, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .map_err(io::Error::from)
        .map_err(step(format!("opening {}", source.display())))
}

/// bwrap's arguments in an anonymous file, so that `/proc/1/cmdline` inside does not tell host paths.
struct Arguments {
    fd: OwnedFd,
    // Read by bwrap through their numbers.
    _data: Vec<OwnedFd>,
}

impl Arguments {
    fn new(plan: &Plan, walls: &Walls, sources: &[PathBuf], system: Vec<OsString>) -> io::Result<Arguments> {
        let mut list = Words(Vec::new());
        list.add(["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]);
        list.add(["--unshare-user"]);
        if !walls.nested_walls {
            // A user namespace made inside would bring back capabilities to try on the kernel.
            list.add(["--disable-userns"]);
        }
        list.add(["--uid", INNER_ID, "--gid", INNER_ID, "--hostname", "sandbox"]);
        list.0.extend(system);
        let files =
            [("/etc/passwd", system::PASSWD), ("/etc/group", system::GROUP), ("/etc/hosts", system::HOSTS)];
        let mut data = Vec::new();
        for (path, text) in files {
            let fd = anonymous(text.as_bytes())?;
            list.add(["--perms", "0444", "--ro-bind-data", &fd.as_raw_fd().to_string(), path]);
            data.push(fd);
        }
        list.add(["--proc", "/proc", "--dev", "/dev"]);
        list.add(["--perms", "1777", "--size", SHM_BYTES, "--tmpfs", "/dev/shm"]);
        // Not a link from one to the other: a workspace may lie below either.
        for tmp in ["/tmp", "/var/tmp"] {
            list.add(["--perms", "1777", "--size", &walls.tmp_bytes.to_string(), "--tmpfs", tmp]);
        }
        list.add(["--dir", "/home", "--dir", "/run/seawall"]);
        for (mount, source) in walls.mounts.iter().zip(sources) {
            let option = match mount.access {
                Access::ReadOnly => "--ro-bind",
                Access::ReadWrite => "--bind",
            };
            list.0.extend([option.into(), source.into(), (&mount.inside).into()]);
        }
        for (name, target) in &walls.links {
            list.0.extend(["--symlink".into(), target.into(), name.into()]);
        }
        walls.masks.iter().for_each(|mask| list.mask(mask));
        for (key, value) in &plan.env {
            list.add(["--setenv", key, value]);
        }
        list.0.extend(["--chdir".into(), (&plan.cwd).into()]);
        // bwrap's root and /dev are memory that would otherwise be writable without a limit.
        list.add(["--remount-ro", "/dev", "--remount-ro", "/"]);
        Ok(Arguments { fd: anonymous(&list.encoded())?, _data: data })
    }
}

struct Words(Vec<OsString>);

impl Words {
    fn add<const N: usize>(&mut self, words: [&str; N]) {
        self.0.extend(words.map(OsString::from));
    }

    fn mask(&mut self, mask: &Mask) {
        match mask {
            Mask::Dir(inside) => {
                self.add(["--perms", "0555", "--tmpfs"]);
                self.0.extend([inside.into(), "--remount-ro".into(), inside.into()]);
            }
            Mask::File(inside) => self.0.extend(["--ro-bind".into(), "/dev/null".into(), inside.into()]),
        }
    }

    fn encoded(&self) -> Vec<u8> {
        let ended = self.0.iter().map(|word| [word.as_encoded_bytes(), b"\0"].concat());
        ended.collect::<Vec<_>>().concat()
    }
}

/// An anonymous file that survives exec, standing at its start.
fn anonymous(bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(rustix::fs::memfd_create("seawall", MemfdFlags::empty())?);
    file.write_all(bytes)?;
    rustix::fs::seek(&file, SeekFrom::Start(0))?;
    Ok(file.into())
}

fn step(text: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    let step = text.into();
    |source| Error::Step { step, source }
}
