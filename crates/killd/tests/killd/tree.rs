//! Without control groups: a subreaper and its descendants.

use std::process::{Child, Command, Stdio};

use killd::protocol::{Proof, Registration};

use crate::house::{House, order, subreaper, until};

fn registration(pid: u32) -> Registration {
    Registration {
        run: "r".into(),
        fence: 1,
        labels: vec!["team/t".into()],
        kill_dir: None,
        pid: Some(pid),
        walled: false,
    }
}

/// Processes whose command line has `mark` as one argument.
fn marked(mark: &str) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.split(|byte| *byte == 0).any(|argument| argument == mark.as_bytes())).count()
}

/// Whether process `pid` is one whose shell has become, or has left, all sleepers: it has no other child.
fn only_sleepers_below(pid: u32) -> bool {
    let stats = std::fs::read_dir("/proc").unwrap().flatten();
    let stats = stats.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    let below = format!(" {pid} ");
    let mut children =
        stats.filter(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest[1..].starts_with(&below)));
    children.all(|stat| stat.contains("(sleep)"))
}

/// Sleepers in a pid namespace, below a parent outside it that dies without asking them. `None`, said aloud, where
/// no namespace can be made.
async fn namespace(test: &str, mark: &str) -> Option<Child> {
    let script = format!("for i in 1 2 3; do setsid sleep {mark} & done; wait");
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "sh", "-c", &script]);
    let mut parent = match command.stdin(Stdio::null()).stderr(Stdio::null()).spawn() {
        Ok(parent) => parent,
        Err(error) => {
            eprintln!("SKIPPED: {test}: unshare: {error}");
            return None;
        }
    };
    let mut ended = false;
    until("all sleep, or unshare gave up", || {
        ended = parent.try_wait().unwrap().is_some();
        ended || marked(mark) == 3
    })
    .await;
    if ended {
        eprintln!("SKIPPED: {test}: no user namespace can be made here");
        return None;
    }
    Some(parent)
}

fn walled(pid: u32) -> Registration {
    Registration { walled: true, ..registration(pid) }
}

/// Whether the kill plane holds a pidfd of a child of `parent`.
fn holds_child_of(kill_plane: u32, parent: u32) -> bool {
    let infos = std::fs::read_dir(format!("/proc/{kill_plane}/fdinfo")).unwrap().flatten();
    let infos = infos.filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
    let pids = infos
        .filter_map(|info| Some(info.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim().to_owned()));
    let parents = pids.filter_map(|pid| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok());
    let below = format!(" {parent} ");
    parents
        .into_iter()
        .any(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest[1..].starts_with(&below)))
}

#[tokio::test]
async fn a_first_process_killed_by_another_hand_takes_no_proof_away() {
    let mark = format!("7{}", std::process::id());
    let mut root = subreaper(&format!("for i in 1 2 3 4 5; do setsid sleep {mark} & done; exit 0"));
    until("all sleep", || marked(&mark) == 5 && only_sleepers_below(root.id())).await;
    let house = House::start().await;
    let supervisor = house.supervisor().await;
    supervisor.register(registration(root.id())).await.unwrap();
    // As a supervisor does that sees its agent gone.
    let watched = mark.clone();
    let supervising = std::thread::spawn(move || {
        while marked(&watched) == 5 {}
        root.kill().unwrap();
        root.wait().unwrap();
    });
    let receipt = supervisor.stop(order("o", "team/t", 1)).await.unwrap();
    assert_eq!(receipt.state, Proof::Verified, "{receipt:?}");
    assert_eq!((receipt.runs[0].processes_before, marked(&mark)), (6, 0));
    supervising.join().unwrap();
}

#[tokio::test]
async fn the_end_of_a_namespace_proves_the_end_of_everything_in_it() {
    let test = "the_end_of_a_namespace_proves_the_end_of_everything_in_it";
    let mark = format!("6{}", std::process::id());
    let Some(mut parent) = namespace(test, &mark).await else { return };
    let house = House::start().await;
    let supervisor = house.supervisor().await;
    supervisor.register(walled(parent.id())).await.unwrap();
    let kill_plane = supervisor.status().await.unwrap().pid;
    until("the init is held", || holds_child_of(kill_plane, parent.id())).await;
    // The first process dies before the stop, reaped by its supervisor, and tells nobody.
    parent.kill().unwrap();
    parent.wait().unwrap();
    let receipt = supervisor.stop(order("o", "team/t", 1)).await.unwrap();
    assert_eq!(receipt.state, Proof::Verified, "{receipt:?}");
    assert_eq!(marked(&mark), 0);
}

#[tokio::test]
async fn a_namespace_is_killed_and_counted() {
    let mark = format!("5{}", std::process::id());
    let Some(mut parent) = namespace("a_namespace_is_killed_and_counted", &mark).await else { return };
    let house = House::start().await;
    let supervisor = house.supervisor().await;
    supervisor.register(walled(parent.id())).await.unwrap();
    let receipt = supervisor.stop(order("o", "team/t", 1)).await.unwrap();
    assert_eq!(receipt.state, Proof::Verified, "{receipt:?}");
    // The parent, the init, three sleepers.
    assert_eq!((receipt.runs[0].processes_before, marked(&mark)), (5, 0));
    assert!(receipt.runs[0].dead_us.is_some());
    parent.wait().unwrap();
}

#[tokio::test]
async fn a_run_that_is_released_alive_is_killed_before_it_is_forgotten() {
    let mark = format!("4{}", std::process::id());
    let mut root = subreaper(&format!("setsid sleep {mark} & exit 0"));
    until("it sleeps", || marked(&mark) == 1).await;
    let house = House::start().await;
    let supervisor = house.supervisor().await;
    supervisor.register(registration(root.id())).await.unwrap();
    supervisor.release("r", 1).await.unwrap();
    // Whatever a stop meets, nothing is alive once it has answered.
    let receipt = supervisor.stop(order("o", "team/t", 1)).await.unwrap();
    assert_eq!((receipt.state, marked(&mark)), (Proof::Verified, 0), "{receipt:?}");
    root.wait().unwrap();
}

#[tokio::test]
async fn a_supervisor_s_word_is_waited_for_when_the_first_process_has_ended() {
    let mut root = subreaper("exit 0");
    let house = House::start().await;
    let supervisor = house.supervisor().await;
    supervisor.register(registration(root.id())).await.unwrap();
    root.kill().unwrap();
    root.wait().unwrap();
    let stop = supervisor.stop(order("o", "team/t", 1));
    let release = async {
        tokio::task::yield_now().await;
        supervisor.release("r", 1).await
    };
    let (receipt, released) = tokio::join!(stop, release);
    released.unwrap();
    let receipt = receipt.unwrap();
    assert_eq!(receipt.state, Proof::Verified, "{receipt:?}");
}

#[tokio::test]
async fn orphans_in_their_own_sessions_die_with_the_tree() {
    // A length of sleep nobody else uses tells our processes apart.
    let mark = format!("9{}", std::process::id());
    let script = format!(
        "for i in 1 2 3 4 5; do setsid sleep {mark} & done; (setsid sh -c 'sleep {mark} & exec sleep {mark}' &) ; exit 0"
    );
    let mut root = subreaper(&script);
    // The shells that start them end by themselves, but not at once.
    until("all sleep", || marked(&mark) == 7 && only_sleepers_below(root.id())).await;
    let house = House::start().await;
    let supervisor = house.supervisor().await;
    supervisor.register(registration(root.id())).await.unwrap();
    let receipt = supervisor.stop(order("o", "team/t", 1)).await.unwrap();
    assert_eq!(receipt.state, Proof::Verified, "{receipt:?}");
    assert_eq!((receipt.runs[0].processes_before, marked(&mark)), (8, 0));
    assert!(receipt.runs[0].frozen_us.is_some());
    root.wait().unwrap();
    let again = supervisor.stop(order("o", "team/t", 1)).await.unwrap();
    assert_eq!(again.state, Proof::Verified, "{again:?}");
}

#[tokio::test]
async fn a_tree_whose_root_is_gone_is_not_called_verified() {
    let mut root = subreaper("exit 0");
    let house = House::start().await;
    let supervisor = house.supervisor().await;
    supervisor.register(registration(root.id())).await.unwrap();
    root.kill().unwrap();
    root.wait().unwrap();
    let receipt = supervisor.stop(order("o", "team/t", 1)).await.unwrap();
    assert_eq!((receipt.state, receipt.tombstoned), (Proof::Unverified, true));
    assert!(receipt.runs[0].why.as_ref().unwrap().contains("already ended"));
}

#[tokio::test]
async fn init_the_kill_plane_and_its_ancestors_cannot_be_registered() {
    let house = House::start().await;
    let supervisor = house.supervisor().await;
    let kill_plane = supervisor.status().await.unwrap().pid;
    for pid in [0, 1, kill_plane, std::process::id()] {
        supervisor.register(registration(pid)).await.unwrap_err();
    }
    assert_eq!(supervisor.status().await.unwrap().runs, []);
}
