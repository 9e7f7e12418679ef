//! Real groups of this machine. Skipped aloud where none may be made.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::*;

/// Far more than a loaded machine needs; only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(20);

fn group(test: &str, limits: Limits) -> Option<Group> {
    let cgroups = Cgroups::discover();
    if !cgroups.can_kill() {
        eprintln!("SKIPPED: {test}: no writable cgroup v2 with cgroup.kill here");
        return None;
    }
    let name = format!("test-{}", crate::ids::Ids::random().next());
    Some(cgroups.create(&name, limits).unwrap())
}

/// Runs `script` in a shell that is in the group before its first line.
fn spawn_in(group: &Group, script: &str) -> Child {
    let join: String =
        group.procs_files().iter().map(|file| format!("echo 0 > {} && ", file.display())).collect();
    Command::new("sh").arg("-c").arg(format!("{join} {script}")).stderr(Stdio::null()).spawn().unwrap()
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        std::thread::yield_now();
    }
}

fn read(dir: &Path, file: &str) -> String {
    fs::read_to_string(dir.join(file)).unwrap()
}

/// Whether the process of `child`, and no other, is in every directory of `group`.
fn joined(group: &Group, child: &Child) -> bool {
    let alone = |file: &PathBuf| fs::read_to_string(file).unwrap().trim() == child.id().to_string();
    group.procs_files().iter().all(alone)
}

/// Nothing in the directories is read once the kill is asked for: another test's sweep may remove them first where
/// nobody holds their lock.
fn finish(group: &Group) {
    let dir = group.kill_dir.as_ref().unwrap();
    fs::write(dir.join("cgroup.kill"), "1").unwrap();
    wait_until("the group is empty and its directories are removed", || group.remove());
}

#[test]
fn a_kill_reaches_children_in_sessions_of_their_own() {
    let Some(group) = group("a_kill_reaches_children_in_sessions_of_their_own", Limits::default()) else {
        return;
    };
    let mut child = spawn_in(&group, "for i in 1 2 3 4 5; do setsid sleep 1000 & done; wait");
    let dir = group.kill_dir.clone().unwrap();
    wait_until("six processes joined", || read(&dir, "cgroup.procs").lines().count() == 6);
    finish(&group);
    assert!(!child.wait().unwrap().success());
    assert!(!dir.exists());
}

#[test]
fn the_process_limit_holds() {
    let Some(group) = group("the_process_limit_holds", Limits { pids: Some(8), ..Limits::default() }) else {
        return;
    };
    if !group.limited.contains(&"pids") {
        group.remove();
        eprintln!("SKIPPED: the_process_limit_holds: no pids controller here");
        return;
    }
    let mut child = spawn_in(&group, "for i in $(seq 30); do sleep 1000 & done; wait");
    let limit_dir = group.limit_dirs.iter().find(|dir| dir.join("pids.max").exists()).unwrap();
    wait_until("a fork was refused", || keyed(&read(limit_dir, "pids.events"), "max") > Some(0));
    assert!(read(limit_dir, "cgroup.procs").lines().count() <= 8);
    finish(&group);
    let _ = child.wait();
}

#[test]
fn the_memory_limit_holds_and_its_kills_are_counted() {
    let limits = Limits { memory_bytes: Some(32 << 20), ..Limits::default() };
    let Some(group) = group("the_memory_limit_holds_and_its_kills_are_counted", limits) else { return };
    if !group.limited.contains(&"memory") {
        group.remove();
        eprintln!("SKIPPED: the_memory_limit_holds_and_its_kills_are_counted: no memory controller here");
        return;
    }
    assert_eq!(group.oom_kills(), 0);
    // tail keeps its whole input in memory when there is no newline in it.
    let mut child = spawn_in(&group, "tail -n1 /dev/zero");
    assert!(!child.wait().unwrap().success());
    assert!(group.oom_kills() > 0);
    finish(&group);
}

#[test]
fn limits_in_force_are_named_and_their_directories_joined() {
    let limits = Limits { memory_bytes: Some(64 << 20), pids: Some(50), cpu_percent: Some(50) };
    let Some(group) = group("limits_in_force_are_named_and_their_directories_joined", limits) else { return };
    let mut child = spawn_in(&group, "exec sleep 1000");
    wait_until("the child is in every directory", || joined(&group, &child));
    assert!(group.limited.len() >= group.limit_dirs.len(), "{group:?}");
    eprintln!("limits in force here: {:?}", group.limited);
    finish(&group);
    let _ = child.wait();
}

#[test]
fn a_name_is_one_plain_component_and_used_once() {
    let cgroups = Cgroups::default();
    for name in ["", ".", "..", "a/b", ".a", "cgroup.x", "a b", &"x".repeat(129)] {
        let error = cgroups.create(name, Limits::default()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{name}");
    }
    let error = cgroups.create("fine", Limits::default()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    let Some(group) = group("a_name_is_one_plain_component_and_used_once", Limits::default()) else { return };
    let name = group.kill_dir.as_ref().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    let error = Cgroups::discover().create(&name, Limits::default()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert!(group.remove());
}

#[test]
fn what_a_lost_process_left_is_removed_by_name_once_nobody_is_in_it() {
    let cgroups = Cgroups::discover();
    let Some(group) = group("a leftover", Limits::default()) else { return };
    let dir = group.kill_dir.clone().unwrap();
    let name = dir.file_name().unwrap().to_str().unwrap().to_owned();
    let mut child = spawn_in(&group, "exec sleep 1000");
    wait_until("the process is in the group", || !read(&dir, "cgroup.procs").is_empty());
    assert!(!cgroups.remove_leftover(&name), "a group with a process in it is not a leftover");
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the leftover is gone", || cgroups.remove_leftover(&name));
    assert!(!dir.exists());
    assert!(cgroups.remove_leftover(&name), "doing it again is free");
}

#[test]
fn a_sweep_removes_empty_groups_of_the_dead_and_no_other() {
    let test = "a_sweep_removes_empty_groups_of_the_dead_and_no_other";
    let limits = Limits { pids: Some(8), ..Limits::default() };
    let Some(left) = group(test, limits) else { return };
    let (held, crowded) = (group(test, limits).unwrap(), group(test, limits).unwrap());
    let mut child = spawn_in(&crowded, "exec sleep 1000");
    let dir = |group: &Group| group.kill_dir.clone().unwrap();
    // In all of them: one that it had not joined yet would be swept, and the child end for want of it.
    wait_until("the child is in every directory", || joined(&crowded, &child));
    let dirs: Vec<PathBuf> = left.dirs().into_iter().map(Path::to_owned).collect();
    let crowded_paths = Group { locks: Locks::default(), ..crowded.clone() };
    // What a crash does: the paths stay, the locks do not.
    drop((left, crowded));
    let cgroups = Cgroups::discover();
    // Other tests make groups meanwhile, and then it does nothing.
    wait_until("the leftovers are swept", || {
        cgroups.sweep();
        dirs.iter().all(|dir| !dir.exists())
    });
    assert!(dir(&held).exists() && dir(&crowded_paths).exists());
    finish(&crowded_paths);
    let _ = child.wait();
    assert!(held.remove());
}

#[test]
fn groups_are_made_while_others_sweep() {
    let Some(first) = group("groups_are_made_while_others_sweep", Limits::default()) else { return };
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let cgroups = Cgroups::discover();
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                cgroups.sweep();
            }
        });
        // One look at the machine: looks that meet may find different homes.
        let cgroups = Cgroups::discover();
        for _ in 0..200 {
            let name = format!("test-{}", crate::ids::Ids::random().next());
            let made = cgroups.create(&name, Limits::default());
            let stayed = made.is_ok_and(|group| group.kill_dir.as_ref().unwrap().exists() && group.remove());
            if !stayed {
                over.store(true, std::sync::atomic::Ordering::Relaxed);
                panic!("a group was swept from under its maker");
            }
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(first.remove());
}
