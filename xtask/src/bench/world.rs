//! A project of issues whose agents write one file each and whose reviewers find nothing.

use super::daemon::Doors;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A written project; its folder is removed with it.
pub(super) struct World {
    dir: PathBuf,
    pub(super) doors: Doors,
    pub(super) issues: Vec<String>,
    seed: String,
}

/// What landed.
pub(super) struct Landed {
    /// Files that agents added.
    pub(super) files: usize,
    /// Commits that are no merge, and how many issues and runs they name.
    pub(super) commits: usize,
    pub(super) issues: usize,
    pub(super) runs: usize,
}

impl World {
    /// Writes a project of `issues` issues of which `slots` attempts may live at once.
    pub(super) fn write(issues: u32, slots: u32) -> io::Result<Self> {
        let dir = std::env::temp_dir().join(format!("swb{}", std::process::id()));
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        fs::create_dir_all(dir.join("issues"))?;
        let doors = Doors::free()?;
        let issues: Vec<String> = (1..=issues).map(|n| format!("JOB-{n:04}")).collect();
        fs::write(dir.join("seawall.toml"), config(doors))?;
        fs::write(dir.join("WORKFLOW.md"), workflow(slots))?;
        fs::write(dir.join("rehearsal.toml"), SCENARIO)?;
        for issue in &issues {
            let text = format!("---\nid: {issue}\ntitle: A file for {issue}\nstate: Todo\n---\n\nAdd it.\n");
            fs::write(dir.join(format!("issues/{issue}.md")), text)?;
        }
        let seed = repository(&dir)?;
        Ok(Self { dir, doors, issues, seed })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// How many issues are done, by their files.
    pub(super) fn done(&self) -> usize {
        let is_done = |issue: &&String| {
            let text = fs::read_to_string(self.dir.join(format!("issues/{issue}.md"))).unwrap_or_default();
            text.contains("\nstate: Done\n")
        };
        self.issues.iter().filter(is_done).count()
    }

    /// What is on the remote's main.
    pub(super) fn landed(&self) -> io::Result<Landed> {
        let remote = self.dir.join("jobs.git");
        let tree = git(&remote, &["ls-tree", "-r", "--name-only", "main", "work/"])?;
        let files = tree.lines().count();
        let range = format!("{}..main", self.seed);
        let format = "--format=%s%x1f%(trailers:key=Seawall-Run,valueonly,separator=%x2c)";
        let log = git(&remote, &["log", "--no-merges", format, &range])?;
        let commits: Vec<(&str, &str)> = log.lines().filter_map(|line| line.split_once('\x1f')).collect();
        let issues: BTreeSet<_> = commits.iter().filter_map(|(subject, _)| subject.split_once(':')).collect();
        let runs: BTreeSet<&str> = commits.iter().map(|(_, run)| *run).collect();
        Ok(Landed { files, commits: commits.len(), issues: issues.len(), runs: runs.len() })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // What cannot be removed stays in the temporary directory.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn config(doors: Doors) -> String {
    let Doors { control, gateway } = doors;
    format!(
        r#"[control]
listen = "{control}"

[gateway]
listen = "{gateway}"

[sandbox]
require = "bare"

[providers.rehearsal]
kind = "rehearsal"
scenario = "rehearsal.toml"

[providers.rehearsal.prices."*"]
input = "1.25 USD"
cached = "0.125 USD"
output = "10 USD"
max_output_tokens = 8192

[models.large]
try = ["rehearsal/rehearsal-large"]

[teams.jobs]
budget = "100000 USD/day"
reviewer = "reviewer"

[agents.author]
team = "jobs"
driver = "builtin"
model = "large"
budget = "50 USD/run"

[agents.reviewer]
team = "jobs"
driver = "builtin"
model = "large"
budget = "50 USD/run"

[projects.jobs]
workflow = "WORKFLOW.md"
team = "jobs"
author = "author"
"#
    )
}

fn workflow(slots: u32) -> String {
    format!(
        "---\ntracker:\n  kind: files\n  provider:\n    path: issues\n  active_states: [Todo]\n  \
         terminal_states: [Done]\npolling:\n  interval_ms: 1000\nagent:\n  max_concurrent_agents: {slots}\n\
         seawall:\n  remote: jobs.git\n  branch: main\n---\nWork on {{{{ issue.identifier }}}}: {{{{ issue.title }}}}\n"
    )
}

/// Every author adds one file of a new name, so that no two changes meet; every reviewer finds nothing.
const SCENARIO: &str = r#"
[[script]]
name = "review"
when = { contains = ["for team jobs, round"] }

[[script.turn]]
[[script.turn.call]]
tool = "submit_review"
arguments = { findings = [] }

[[script.turn]]
text = "Clean."

[[script]]
name = "author"
when = { contains = ["Work on JOB-"] }

[[script.turn]]
[[script.turn.call]]
run = "mkdir -p work && date >$(mktemp work/XXXXXXXX)"

[[script.turn]]
text = "Added a file."
"#;

fn repository(dir: &Path) -> io::Result<String> {
    let (checkout, remote) = (dir.join("jobs"), dir.join("jobs.git"));
    fs::create_dir_all(&checkout)?;
    fs::write(checkout.join("README.md"), "Jobs.\n")?;
    let remote = remote.display().to_string();
    git(dir, &["init", "--quiet", "--bare", "--initial-branch=main", &remote])?;
    git(&checkout, &["init", "--quiet", "--initial-branch=main"])?;
    git(&checkout, &["add", "."])?;
    git(&checkout, &["commit", "--quiet", "--message=Where jobs are done"])?;
    git(&checkout, &["push", "--quiet", &remote, "main"])?;
    git(&checkout, &["rev-parse", "HEAD"])
}

/// Git without this machine's own configuration.
fn git(dir: &Path, args: &[&str]) -> io::Result<String> {
    let output = Command::new("git")
        .args(["-c", "user.name=Bench", "-c", "user.email=bench@example.com", "-c", "safe.directory=*"])
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("git {}: {}", args.join(" "), said.trim())))
}
