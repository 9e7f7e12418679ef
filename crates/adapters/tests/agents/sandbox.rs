//! What the walls hold, tried from inside.

use std::os::unix::fs::MetadataExt;

use adapters::sandbox::tunnel::{GatewayAddr, Tunnel};
use adapters::sandbox::{Level, Limits, Sandbox};
use base::env::Env;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Stage, alive, bare, launcher, no_group, remove_group, run, sandbox, until, write};

#[tokio::test]
async fn the_host_network_is_out_of_reach() {
    let stage = Stage::new();
    let Some(sandbox) = sandbox(&stage, "the_host_network_is_out_of_reach", Level::Walled).await else {
        return;
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port} && echo reached; ls /sys 2>/dev/null");
    let ran = run(&sandbox, &stage.spec(&script)).await;
    assert!(ran.err.contains("refused") && ran.out.is_empty(), "{} {}", ran.out, ran.err);
}

#[tokio::test]
async fn secrets_of_the_host_are_not_there() {
    let stage = Stage::new();
    let Some(sandbox) = sandbox(&stage, "secrets_of_the_host_are_not_there", Level::Walled).await else {
        return;
    };
    write(&stage.path("tools/bin/tool"), "tool");
    write(&stage.path("tools/secret/key"), "hunter2");
    let mut spec = stage.spec(
        "cat /opt/tools/bin/tool; cat /opt/tools/secret/key; cat /etc/shadow; ls -A /home /root /var /tmp /sys /proc/1/root; cat /proc/1/cmdline | tr '\\0' ' '",
    );
    spec.read_only = vec![(stage.path("tools"), "/opt/tools".into())];
    spec.hide = vec![stage.path("tools/secret"), stage.dir.path().to_owned()];
    let ran = run(&sandbox, &spec).await;
    assert!(ran.out.starts_with("tool/home:\nagent\n"), "{} {}", ran.out, ran.err);
    let host = stage.dir.path().to_str().unwrap();
    assert!(
        !ran.out.contains("hunter2") && !ran.out.contains(host) && !ran.out.contains("root:x"),
        "{}",
        ran.out
    );
    for path in ["/opt/tools/secret/key", "/etc/shadow", "/root", "/sys"] {
        assert!(
            ran.err.contains(&format!("{path}'")) || ran.err.contains(&format!("{path}:")),
            "{path}: {}",
            ran.err
        );
    }
}

#[tokio::test]
async fn the_workspace_is_writable_and_all_else_is_not() {
    let stage = Stage::new();
    let Some(sandbox) = sandbox(&stage, "the_workspace_is_writable_and_all_else_is_not", Level::Walled).await
    else {
        return;
    };
    write(&stage.path("workspace/src/old"), "old");
    let script = "pwd; echo new > src/old; echo new > made; echo x > $HOME/note; \
        for p in .git/HEAD .git/new /usr/new /etc/new /new /run/seawall/new /dev/new; do (echo x > $p) 2>/dev/null && echo wrote $p; done; \
        cat .git/HEAD";
    let ran = run(&sandbox, &stage.spec(script)).await;
    assert_eq!(ran.out, "/workspace\nref: refs/heads/main\n", "{}", ran.err);
    assert_eq!(std::fs::read_to_string(stage.path("workspace/src/old")).unwrap(), "new\n");
    let made = std::fs::metadata(stage.path("workspace/made")).unwrap();
    let expect = sandbox.identity().map_or(rustix::process::geteuid().as_raw(), |(uid, _)| uid);
    assert_eq!(made.uid(), expect);
    assert!(expect != 0 || sandbox.level() == Level::Walled);
}

#[tokio::test]
async fn the_inside_has_the_uid_it_was_given() {
    let (test, uid) = ("the_inside_has_the_uid_it_was_given", 4242);
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: {test}: not root, so the inside has our own uid");
        return;
    }
    let stage = Stage::new();
    let Some(_) = sandbox(&stage, test, Level::Walled).await else { return };
    let given = Sandbox::discover(&Env::process(), stage.dir.path(), &launcher(), uid).await.unwrap();
    let ran = run(&given, &stage.spec("echo made > made")).await;
    let made = std::fs::metadata(stage.path("workspace/made")).unwrap();
    assert_eq!((given.identity(), made.uid(), made.gid()), (Some((uid, uid)), uid, uid), "{}", ran.err);
}

#[tokio::test]
async fn a_reviewers_workspace_cannot_be_written() {
    let stage = Stage::new();
    let Some(sandbox) = sandbox(&stage, "a_reviewers_workspace_cannot_be_written", Level::Walled).await
    else {
        return;
    };
    write(&stage.path("workspace/file"), "old");
    std::os::unix::fs::symlink("/tmp/elsewhere", stage.path("workspace/.git")).unwrap();
    let mut spec = stage.spec("cat file .git/HEAD; echo new > file; echo new > other; true");
    spec.read_only_workspace = true;
    let ran = run(&sandbox, &spec).await;
    assert_eq!((ran.out.as_str(), ran.exit.code), ("oldref: refs/heads/main\n", Some(0)), "{}", ran.err);
    assert_eq!(ran.err.matches("Read-only").count(), 2, "{}", ran.err);
}

#[tokio::test]
async fn only_own_processes_and_own_environment_show() {
    let stage = Stage::new();
    let Some(sandbox) = sandbox(&stage, "only_own_processes_and_own_environment_show", Level::Walled).await
    else {
        return;
    };
    let mut spec =
        stage.spec("ls /proc | grep -c '^[0-9]'; id -u; for n in {3..300}; do [ -e /proc/$$/fd/$n ] && echo open $n; done; echo fds; unshare -U true; env | sort");
    spec.env = vec![("GREETING".to_owned(), "hello world".to_owned())];
    let ran = run(&sandbox, &spec).await;
    let lines: Vec<_> = ran.out.lines().collect();
    assert!(lines[0].parse::<u32>().unwrap() <= 4 && lines[1] == "1000", "{}", ran.out);
    assert_eq!(lines[2], "fds", "inherited descriptors");
    assert!(ran.err.contains("unshare"), "a user namespace can be made inside: {}", ran.err);
    let names: Vec<_> = lines[3..].iter().map(|line| line.split('=').next().unwrap()).collect();
    let expect =
        ["GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0", "GIT_OPTIONAL_LOCKS", "GREETING"];
    let shells = ["HOME", "LANG", "PATH", "PWD", "SHLVL", "TMPDIR", "USER", "_"];
    assert_eq!(names, [&expect[..], &shells[..]].concat());
}

const DAEMON: &str =
    "(setsid bash -c 'bash -c \"exec -a MARKER sleep 1000\" & disown' &) ; echo up; sleep 1000";

#[tokio::test]
async fn a_daemon_that_left_its_session_dies_with_the_run() {
    let stage = Stage::new();
    let Some(sandbox) =
        sandbox(&stage, "a_daemon_that_left_its_session_dies_with_the_run", Level::Walled).await
    else {
        return;
    };
    let marker = format!("{}-daemon", stage.name);
    let mut running = sandbox.spawn(&stage.spec(&DAEMON.replace("MARKER", &marker))).await.unwrap();
    until("the daemon is up", || alive(&marker)).await;
    let exit = running.kill().await.unwrap();
    assert!(!alive(&marker) && exit.signal == Some(9), "{exit:?}");
    let left = running.group.as_ref().and_then(|group| group.kill_dir.clone());
    assert!(left.is_none_or(|dir| !dir.exists()));
}

#[tokio::test]
async fn dropping_a_run_kills_it() {
    let stage = Stage::new();
    let Some(sandbox) = sandbox(&stage, "dropping_a_run_kills_it", Level::Walled).await else { return };
    let marker = format!("{}-daemon", stage.name);
    let running = sandbox.spawn(&stage.spec(&DAEMON.replace("MARKER", &marker))).await.unwrap();
    until("the daemon is up", || alive(&marker)).await;
    drop(running);
    until("the daemon is gone", || !alive(&marker)).await;
    until("its group is gone", || no_group(&stage.name)).await;
}

#[tokio::test]
async fn without_walls_a_daemon_dies_with_the_run_all_the_same() {
    let stage = Stage::new();
    let sandbox = bare(&stage).await;
    assert_eq!(sandbox.level(), Level::Bare);
    assert!(sandbox.report().iter().any(|finding| !finding.ok && finding.mend.contains("bubblewrap")));
    let marker = format!("{}-daemon", stage.name);
    let script =
        format!("{}; exit 3", DAEMON.replace("MARKER", &marker).replace("; sleep 1000", "; read -t 1 x"));
    let ran = run(&sandbox, &stage.spec(&script)).await;
    assert_eq!((ran.exit.code, ran.out.as_str(), alive(&marker)), (Some(3), "up\n", false), "{}", ran.err);
}

#[tokio::test]
async fn memory_beyond_the_limit_is_reported_as_such() {
    let stage = Stage::new();
    let Some(sandbox) = sandbox(&stage, "memory_beyond_the_limit_is_reported_as_such", Level::Isolated).await
    else {
        return;
    };
    let mut spec = stage.spec("exec tail /dev/zero");
    spec.limits.memory_bytes = Some(64 << 20);
    let ran = run(&sandbox, &spec).await;
    assert!(ran.exit.oom && ran.exit.signal == Some(9), "{:?} {}", ran.exit, ran.err);
}

#[tokio::test]
async fn processes_files_and_tmp_are_limited() {
    let stage = Stage::new();
    let Some(sandbox) = sandbox(&stage, "processes_files_and_tmp_are_limited", Level::Isolated).await else {
        return;
    };
    let script = "(head -c 3000000 /dev/zero > /tmp/a) 2>&1 | grep -o 'No space' | head -1; \
        (head -c 9000000 /dev/zero > big) 2>/dev/null || stat -c %s big; \
        (for i in $(seq 60); do sleep 5 & done) 2>&1 | grep -o -m1 'Resource temporarily'; kill -9 -1";
    let mut spec = stage.spec(script);
    spec.limits =
        Limits { pids: Some(24), tmp_bytes: Some(1 << 20), file_bytes: Some(4 << 20), ..spec.limits };
    let ran = run(&sandbox, &spec).await;
    assert_eq!(ran.out, "No space\n4194304\nResource temporarily\n", "{}", ran.err);
}

#[tokio::test]
async fn the_tunnel_leads_to_the_gateway_and_closes_with_its_owner() {
    let stage = Stage::new();
    let Some(sandbox) =
        sandbox(&stage, "the_tunnel_leads_to_the_gateway_and_closes_with_its_owner", Level::Walled).await
    else {
        return;
    };
    let deep = stage.path(&"d/".repeat(60));
    std::fs::create_dir_all(&deep).unwrap();
    let host = tokio::net::UnixListener::bind(stage.path("gateway/up")).ok();
    let gateway = match &host {
        Some(_) => GatewayAddr::Unix(stage.path("gateway/up")),
        None => return eprintln!("SKIPPED: tunnel: the target directory's path is too long for a socket"),
    };
    let tunnel = Tunnel::open(&deep.join("gateway.sock"), gateway).unwrap();
    let mut spec = stage.spec("");
    spec.gateway_socket = tunnel.path().to_owned();
    let inner = "exec 3<>/dev/tcp/127.0.0.1/18080; echo hello >&3; head -c 16 <&3; echo got >&3; cat <&3";
    let forward = ["/run/seawall/seawall", "sandbox-forward", "--listen", "127.0.0.1:18080"];
    let rest = ["--socket", "/run/seawall/gateway.sock", "--", "/bin/bash", "-c", inner];
    spec.program = forward.iter().chain(&rest).map(|word| (*word).to_owned()).collect();
    let gateway = async {
        let (mut stream, _) = host.as_ref().unwrap().accept().await.unwrap();
        let mut got = [0; 6];
        stream.read_exact(&mut got).await.unwrap();
        stream.write_all(b"from the gateway").await.unwrap();
        let mut heard = [0; 4];
        stream.read_exact(&mut heard).await.unwrap();
        drop(tunnel);
        (got, stream)
    };
    let (ran, (got, _held_open)) = tokio::join!(run(&sandbox, &spec), gateway);
    assert_eq!(
        (&got, ran.out.as_str(), ran.exit.code),
        (b"hello\n", "from the gateway", Some(0)),
        "{}",
        ran.err
    );
    assert!(!deep.join("gateway.sock").exists());
}

#[tokio::test]
async fn a_program_that_is_not_there_says_so() {
    let stage = Stage::new();
    let Some(sandbox) = sandbox(&stage, "a_program_that_is_not_there_says_so", Level::Walled).await else {
        return;
    };
    let mut spec = stage.spec("");
    spec.program = vec!["no-such-agent".to_owned()];
    let ran = run(&sandbox, &spec).await;
    assert!(ran.exit.code == Some(1) && ran.err.contains("no-such-agent"), "{:?} {}", ran.exit, ran.err);
}

#[tokio::test]
async fn when_the_daemon_is_killed_its_sandboxes_die() {
    let stage = Stage::new();
    let test = "when_the_daemon_is_killed_its_sandboxes_die";
    let Some(_sandbox) = sandbox(&stage, test, Level::Walled).await else { return };
    let marker = format!("{}-orphan", stage.name);
    for path in ["/usr/bin:/bin", "/nonexistent"] {
        let mut daemon = tokio::process::Command::new(launcher());
        daemon.args(["hold", stage.dir.path().to_str().unwrap(), &marker]).env("PATH", path);
        let mut daemon = daemon.kill_on_drop(true).spawn().unwrap();
        let agent = format!("{marker}-agent\0");
        until("the agent runs", || alive(&agent)).await;
        daemon.kill().await.unwrap();
        until("the agent is gone", || !alive(&agent)).await;
        // Nobody was left to remove the group.
        until("its group is empty", || remove_group(&format!("{marker}-group"))).await;
    }
}

/// Symphony's agents work at the workspace's own path, which may be below the directory that is the inside's own.
#[tokio::test]
async fn the_workspace_and_the_home_can_be_at_their_own_paths() {
    let stage = Stage::new();
    let name = "the_workspace_and_the_home_can_be_at_their_own_paths";
    let Some(sandbox) = sandbox(&stage, name, Level::Walled).await else { return };
    let tree = tempfile::tempdir().unwrap();
    let mut spec = stage.spec("pwd; echo $HOME; touch made $HOME/made; echo x >/tmp/other && cat /named");
    spec.workspace_tree = tree.path().to_owned();
    spec.workspace_inside = Some(tree.path().to_owned());
    spec.home_inside = Some(stage.path("home"));
    spec.git_dir = None;
    spec.links = vec![("/named".into(), tree.path().join("file"))];
    write(&tree.path().join("file"), "linked\n");
    let ran = run(&sandbox, &spec).await;
    let expect = format!("{}\n{}\nlinked\n", tree.path().display(), stage.path("home").display());
    assert_eq!(ran.out, expect, "{}", ran.err);
    assert!(tree.path().join("made").exists() && stage.path("home/made").exists());
    assert!(!std::env::temp_dir().join("other").exists());
}

#[tokio::test]
async fn nothing_is_placed_over_the_system() {
    let stage = Stage::new();
    let name = "nothing_is_placed_over_the_system";
    let Some(sandbox) = sandbox(&stage, name, Level::Walled).await else { return };
    for place in ["/usr/share/x", "/etc", "/", "/proc/1", "/run/seawall", "relative", "/x/../usr"] {
        let mut spec = stage.spec("true");
        spec.workspace_inside = Some(place.into());
        assert!(sandbox.spawn(&spec).await.is_err(), "{place}");
    }
}
