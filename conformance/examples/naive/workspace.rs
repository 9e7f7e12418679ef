//! Workspaces and hooks.

use crate::workflow::Workflow;
use crate::{Wrong, wrong};
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) fn key(identifier: &str) -> Result<String, String> {
    let clean = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let key: String = identifier.chars().map(|c| if clean(c) { c } else { '_' }).collect();
    if key == "." || key == ".." {
        return Err(format!("{identifier:?} names no folder of its own"));
    }
    if key == identifier || wrong(Wrong::NoSuffix) {
        return Ok(key);
    }
    let hash = identifier.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Ok(format!("{key}-{hash:016x}"))
}

/// Where the workspace is; nothing when what is there leads elsewhere.
fn place(workflow: &Workflow, identifier: &str) -> Result<PathBuf, String> {
    let path = workflow.root.join(key(identifier)?);
    match path.symlink_metadata() {
        Ok(found) if !found.is_dir() => Err(format!("{} is no folder", path.display())),
        Ok(_) | Err(_) => Ok(path),
    }
}

pub(crate) fn prepare(workflow: &Workflow, identifier: &str) -> Result<PathBuf, String> {
    let path = place(workflow, identifier)?;
    std::fs::create_dir_all(&workflow.root).map_err(|why| why.to_string())?;
    match std::fs::create_dir(&path) {
        Ok(()) => {
            if let Err(why) = hook(workflow, "after_create", &path) {
                let _ = std::fs::remove_dir_all(&path);
                return Err(why);
            }
        }
        Err(_) if path.is_dir() => {}
        Err(why) => return Err(format!("{}: {why}", path.display())),
    }
    Ok(path)
}

pub(crate) fn remove(workflow: &Workflow, identifier: &str) {
    let Ok(path) = place(workflow, identifier) else { return };
    if path.is_dir() && !wrong(Wrong::NeverCleans) {
        let _ = hook(workflow, "before_remove", &path);
        let _ = std::fs::remove_dir_all(&path);
    }
}

pub(crate) fn hook(workflow: &Workflow, name: &str, workspace: &Path) -> Result<(), String> {
    let Some(script) = workflow.config["hooks"][name].as_str() else { return Ok(()) };
    let within = u64::try_from(workflow.number("hooks", "timeout_ms", 60_000)).unwrap_or(60_000);
    let (out, err) = (File::create("/dev/null"), File::create("/dev/null"));
    let (Ok(out), Ok(err)) = (out, err) else { return Err("no /dev/null".to_owned()) };
    let mut command = Command::new("bash");
    command.args(["-lc", script]).current_dir(workspace).process_group(0);
    command.stdin(Stdio::null()).stdout(out).stderr(err);
    let mut child = command.spawn().map_err(|why| why.to_string())?;
    let end = Instant::now() + Duration::from_millis(within);
    while Instant::now() < end {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("hook={name} failed: {status}")),
            Ok(None) => std::thread::sleep(Duration::from_millis(5)),
            Err(why) => return Err(why.to_string()),
        }
    }
    crate::agent::kill_group(child.id());
    let _ = child.wait();
    Err(format!("hook={name} timed out"))
}
