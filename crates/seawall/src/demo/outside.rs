//! The demo's own eyes: git, processes and HTTP as anybody on this machine sees them.

use super::Error;
use base::secret::Secret;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The most of an answer that is read.
const MAX_ANSWER: u64 = 64 * 1024;
const HTTP_PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn io(what: String) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Outside { what, source }
}

/// What `git ARGS` in `dir` prints, without the last line end. The user's own git settings play no part.
pub(super) fn git(dir: &Path, args: &[&str]) -> Result<String, Error> {
    let what = || format!("git {} in {} failed; is git installed?", args.join(" "), dir.display());
    let output = Command::new("git")
        .args(["-c", "user.name=Demo", "-c", "user.email=demo@seawall.invalid", "-c", "commit.gpgsign=false"])
        .args(["-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*"])
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::null())
        .output()
        .map_err(io(what()))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::Outside { what: what(), source: std::io::Error::other(said) })
    }
}

/// Exit code and output of the project's tests at `sha`, in a checkout of its own.
pub(super) fn tests_at(remote: &Path, sha: &str, scratch: &Path) -> Result<(i32, String), Error> {
    git(scratch, &["clone", "--quiet", "--no-checkout", &remote.display().to_string(), "checkout"])?;
    let checkout = scratch.join("checkout");
    git(&checkout, &["checkout", "--quiet", sha])?;
    let output = Command::new("sh")
        .arg("tests/run.sh")
        .current_dir(&checkout)
        .stdin(Stdio::null())
        .output()
        .map_err(io("cannot run the project's tests".to_owned()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    std::fs::remove_dir_all(&checkout).map_err(io("cannot remove a checkout".to_owned()))?;
    Ok((output.status.code().unwrap_or(-1), text))
}

/// Processes that live in the control group `dir`, or the process `pid` and what it started.
pub(super) fn living(cgroup: Option<&Path>, pid: u32) -> Vec<u32> {
    match cgroup {
        Some(dir) => std::fs::read_to_string(dir.join("cgroup.procs"))
            .map(|text| text.lines().filter_map(|line| line.parse().ok()).collect())
            .unwrap_or_default(),
        None => tree(pid),
    }
}

/// `root` and its descendants, as /proc shows them.
fn tree(root: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return vec![] };
    let all: Vec<(u32, u32)> = entries
        .flatten()
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name may hold blanks and brackets; what follows its last bracket does not.
            let (_, rest) = stat.rsplit_once(')')?;
            let mut fields = rest.split_whitespace();
            let state = fields.next()?;
            let parent = fields.next()?.parse().ok()?;
            (state != "Z").then_some((pid, parent))
        })
        .collect();
    let mut found: Vec<u32> = all.iter().filter(|(pid, _)| *pid == root).map(|(pid, _)| *pid).collect();
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(all.iter().filter(|(_, p)| *p == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found
}

/// What the gateway answers to a model call with `token`: status and body.
pub(super) async fn call_with(gateway: SocketAddr, token: &Secret) -> Result<(u16, String), Error> {
    let failed = || io("the gateway did not answer".to_owned());
    let exchange = async {
        let mut stream = tokio::net::TcpStream::connect(gateway).await?;
        let body = r#"{"model":"large","stream":false,"input":"is anybody there?"}"#;
        let head = format!(
            "POST /v1/responses HTTP/1.1\r\nhost: {gateway}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            token.expose(),
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        let mut answer = vec![];
        stream.take(MAX_ANSWER).read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = tokio::time::timeout(HTTP_PATIENCE, exchange)
        .await
        .map_err(|elapsed| failed()(elapsed.into()))?
        .map_err(failed())?;
    let status = answer.split_whitespace().nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned();
    Ok((status, body))
}
