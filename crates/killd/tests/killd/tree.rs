//! Without control groups: a subreaper and its descendants.

use killd::protocol::{Proof, Registration};

use crate::house::{House, order, subreaper, until};

fn registration(pid: u32) -> Registration {
    Registration { run: "r".into(), fence: 1, labels: vec!["team/t".into()], kill_dir: None, pid: Some(pid) }
}

/// Processes whose command line has `mark` as one argument.
fn marked(mark: &str) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.split(|byte| *byte == 0).any(|argument| argument == mark.as_bytes())).count()
}

#[tokio::test]
async fn orphans_in_their_own_sessions_die_with_the_tree() {
    // A length of sleep nobody else uses tells our processes apart.
    let mark = format!("9{}", std::process::id());
    let script = format!(
        "for i in 1 2 3 4 5; do setsid sleep {mark} & done; (setsid sh -c 'sleep {mark} & exec sleep {mark}' &) ; exit 0"
    );
    let mut root = subreaper(&script);
    until("all sleep", || marked(&mark) == 7).await;
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
