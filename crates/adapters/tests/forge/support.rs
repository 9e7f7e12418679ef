//! A bare remote, a forge, and short words for both.

use adapters::forge::git::{Collected, Commit, Error, GitForge, Identity, Limits, Workspace};
use base::env::Env;
use domain::{Sha, Timestamp};
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct World {
    pub dir: tempfile::TempDir,
    pub forge: GitForge,
    pub remote: String,
}

impl World {
    /// A bare remote whose `main` holds `a.txt` (ten lines) and `src/b.txt`.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let remote = dir.path().join("remote.git");
        git(dir.path(), &["init", "-q", "--bare", "-b", "main", "remote.git"]);
        git(dir.path(), &["clone", "-q", "remote.git", "person"]);
        let person = dir.path().join("person");
        write(&person, "a.txt", &(1..=10).map(|n| format!("line {n}\n")).collect::<String>());
        write(&person, "src/b.txt", "b\n");
        write(&person, ".gitignore", "*.log\n");
        let forge = forge(dir.path().join("cache"));
        let world = Self { forge, remote: remote.display().to_string(), dir };
        world.person_pushes("first");
        world
    }

    pub fn person(&self) -> PathBuf {
        self.dir.path().join("person")
    }

    /// A person commits what is in their clone and pushes it to `main`.
    pub fn person_pushes(&self, message: &str) -> Sha {
        git(&self.person(), &["checkout", "-q", "-B", "main"]);
        git(&self.person(), &["add", "-A"]);
        git(&self.person(), &["commit", "-q", "--allow-empty", "-m", message]);
        git(&self.person(), &["push", "-q", "origin", "main"]);
        Sha::new(git(&self.person(), &["rev-parse", "HEAD"]))
    }

    pub fn workspace(&self, name: &str) -> Workspace {
        Workspace::at(self.dir.path().join("ws").join(name))
    }

    /// A prepared workspace and its base.
    pub async fn prepared(&self, name: &str) -> (Workspace, Sha) {
        let workspace = self.workspace(name);
        let base = self.forge.prepare(&workspace, &self.remote, "main", None).await.unwrap();
        (workspace, base)
    }

    pub async fn collect(&self, workspace: &Workspace, base: &Sha) -> Result<Collected, Error> {
        self.forge.collect(workspace, base, &commit("work")).await
    }

    /// A workspace with one more file, collected: workspace, base and head.
    pub async fn change(&self, name: &str, file: &str, text: &str) -> (Workspace, Sha, Sha) {
        let (workspace, base) = self.prepared(name).await;
        write(&workspace.tree(), file, text);
        let head = self.collect(&workspace, &base).await.unwrap().head.unwrap();
        (workspace, base, head)
    }

    /// What git says on the remote.
    pub fn remote_git(&self, args: &[&str]) -> String {
        git(Path::new(&self.remote), args)
    }
}

pub fn forge(cache: PathBuf) -> GitForge {
    GitForge::open(cache, &Env::process(), Limits { files: 50, bytes: 100_000 }).unwrap()
}

pub fn identity() -> Identity {
    Identity { agent: "author".into(), at: Timestamp(1_795_000_000_000_000) }
}

pub fn commit(message: &str) -> Commit {
    Commit { author: identity(), message: message.into() }
}

pub fn write(dir: &Path, file: &str, text: &str) {
    let path = dir.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

pub fn read(dir: &Path, file: &str) -> String {
    std::fs::read_to_string(dir.join(file)).unwrap()
}

/// Git as a person runs it.
pub fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "protocol.file.allow=always"])
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
