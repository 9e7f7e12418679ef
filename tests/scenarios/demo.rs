//! `seawall demo`, and its claims checked again from outside.

use crate::support::{daemon, git, process};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Output;

/// A demo that was played to its end.
struct Played {
    dir: tempfile::TempDir,
    output: Output,
    report: Value,
}

fn play(path: Option<&Path>) -> Played {
    let dir = tempfile::Builder::new().prefix("sw").tempdir().unwrap();
    let mut command = daemon::command(dir.path());
    command.args(["demo", "--json", "--dir"]).arg(dir.path().join("d"));
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let output = daemon::output(&mut command);
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    Played { dir, output, report }
}

impl Played {
    fn claims(&self) -> impl Iterator<Item = &Value> {
        let chapters = self.report["chapters"].as_array();
        let chapters = chapters.unwrap_or_else(|| panic!("not played: {}", self.report)).iter();
        chapters.flat_map(|chapter| chapter["claims"].as_array().unwrap())
    }

    /// The first proof that holds `key`, of any chapter.
    fn proof(&self, key: &str) -> &Value {
        let found = self.claims().map(|claim| &claim["proof"][key]).find(|value| !value.is_null());
        found.unwrap_or_else(|| panic!("no claim proves `{key}`: {}", self.report))
    }

    fn remote(&self) -> PathBuf {
        self.dir.path().join("d/shop.git")
    }

    fn unproved(&self) -> Vec<&Value> {
        self.claims().filter(|claim| claim["proved"] != true).collect()
    }
}

#[test]
fn the_demo_proves_every_chapter_and_says_so_in_one_document() {
    let played = play(None);
    assert_eq!(played.output.status.code(), Some(0), "{:?}", played.unproved());
    assert_eq!(played.report["chapters"].as_array().unwrap().len(), 7);
    assert_eq!((played.unproved(), &played.report["ok"]), (vec![], &true.into()));
    assert_eq!(played.report["rehearsal"], true);
}

#[test]
fn what_the_demo_landed_is_on_the_remote_and_what_it_cites_is_there() {
    let played = play(None);
    let reviewed = played.proof("reviewed").as_str().unwrap();
    assert_eq!(git::git(&played.remote(), &["rev-parse", "main"]), reviewed);
    let finding = played.proof("finding");
    let cite = &finding["cites"][0];
    let place = format!("{}:{}", cite["sha"].as_str().unwrap(), cite["file"].as_str().unwrap());
    let text = git::git(&played.remote(), &["show", &place]);
    let lines: Vec<&str> = text.lines().collect();
    let (start, end) =
        (cite["line_start"].as_u64().unwrap() as usize, cite["line_end"].as_u64().unwrap() as usize);
    assert!(lines[start - 1..end].join("\n").contains("One charge has one key."), "{lines:?}");
    assert_eq!(finding["disposition"]["head"], reviewed);
}

#[test]
fn nothing_of_the_demo_lives_on_and_its_issues_tell_how_it_went() {
    let played = play(None);
    let agent = played.proof("process");
    assert!(!process::alive(agent["pid"].as_u64().unwrap().try_into().unwrap()));
    if let Some(cgroup) = agent["cgroup"].as_str() {
        assert!(!Path::new(cgroup).exists(), "{cgroup} is left");
    }
    let stopped = played.proof("answers")[0]["run"].as_str().unwrap();
    assert_eq!(process::of_run(stopped), [] as [u32; 0]);
    let state =
        |issue: &str| std::fs::read_to_string(played.dir.path().join("d/issues").join(issue)).unwrap();
    assert!(state("SHOP-1.md").contains("\nstate: Done\n"));
    assert!(state("SHOP-2.md").contains("\nstate: Todo\n"));
    let door =
        played.report["dashboard"].as_str().unwrap().trim_start_matches("http://").trim_end_matches('/');
    assert!(std::net::TcpStream::connect(door).is_err(), "{door} still answers");
}

#[test]
fn every_look_that_the_demo_proposes_at_its_repository_shows_it() {
    let played = play(None);
    let looks: Vec<&str> = played
        .claims()
        .filter_map(|c| c["recheck"].as_str())
        .filter(|look| look.starts_with("git "))
        .collect();
    assert!(looks.len() >= 4, "{looks:?}");
    for look in looks {
        // The files are ours here; for another user git wants to be told so.
        let look = format!(
            "export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'; {look}"
        );
        let output = std::process::Command::new("sh").args(["-c", &look]).output().unwrap();
        assert!(output.status.success(), "{look}: {output:?}");
    }
}

#[test]
fn without_walls_the_demo_says_that_its_agents_ran_bare() {
    let Some(path) = without_bubblewrap() else { return };
    let played = play(Some(path.path()));
    assert_eq!(played.report["isolation"], "bare", "{}", played.report);
    assert_eq!(played.proof("process")["level"], "bare");
    assert_eq!(played.output.status.code(), Some(0), "{:?}", played.unproved());
}

/// A folder with every program of the PATH but bubblewrap.
pub fn without_bubblewrap() -> Option<tempfile::TempDir> {
    let dir = tempfile::tempdir().unwrap();
    for from in std::env::split_paths(&std::env::var_os("PATH")?) {
        for entry in std::fs::read_dir(from).into_iter().flatten().flatten() {
            if entry.file_name() != "bwrap" {
                // The first folder of the PATH wins, as always.
                let _ = std::os::unix::fs::symlink(entry.path(), dir.path().join(entry.file_name()));
            }
        }
    }
    Some(dir)
}
