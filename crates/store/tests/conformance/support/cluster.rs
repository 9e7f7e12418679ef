//! The PostgreSQL server of a test run: the one that `SEAWALL_TEST_POSTGRES` names, or a throwaway one.
//!
//! A throwaway server must not outlive the tests, however they end. So a shell script owns it, and waits
//! on a pipe whose other end this process holds: when the process is gone, the script stops the server and
//! removes its directory.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

const SCRIPT: &str = r#"
dir=$1 bin=$2; shift 2
as="$*"
cd "$dir" || exit 1
{
    $as "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync &&
    $as "$bin/pg_ctl" -D "$dir/data" -w -t 60 -l "$dir/server.log" start \
        -o "-k '$dir' -c listen_addresses='' -c max_connections=400"
} >"$dir/script.log" 2>&1 && echo ready || echo failed
cat >/dev/null
$as "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1
cd / && rm -rf "$dir"
"#;

struct Cluster {
    url: String,
    _owner: Child,
}

/// The address of a server on which schemas may be made, or why there is none.
pub fn url() -> Result<String, String> {
    if let Ok(url) = std::env::var("SEAWALL_TEST_POSTGRES") {
        return Ok(url);
    }
    static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();
    CLUSTER.get_or_init(start).as_ref().map(|cluster| cluster.url.clone()).map_err(Clone::clone)
}

fn start() -> Result<Cluster, String> {
    let bin = newest_binaries().ok_or("no PostgreSQL 15 or newer in /usr/lib/postgresql")?;
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    let dir = std::env::temp_dir().join(format!("seawall-pg-{}", std::process::id()));
    std::fs::create_dir_all(&dir).map_err(|e| e.to_string())?;
    // PostgreSQL refuses to run as root.
    let as_user: &[&str] = if is_root { &["runuser", "-u", "postgres", "--"] } else { &[] };
    if is_root && !Command::new("chown").arg("postgres").arg(&dir).status().is_ok_and(|s| s.success()) {
        return Err("running as root, and there is no user `postgres`".into());
    }
    let mut owner = Command::new("sh")
        .args(["-c", SCRIPT, "sh"])
        .args([&dir, &bin])
        .args(as_user)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|e| e.to_string())?;
    let mut answer = String::new();
    let stdout = owner.stdout.take().ok_or("no stdout")?;
    BufReader::new(stdout).read_line(&mut answer).map_err(|e| e.to_string())?;
    if answer.trim() != "ready" {
        let log = std::fs::read_to_string(dir.join("script.log")).unwrap_or_default();
        return Err(format!("the throwaway server did not start: {log}"));
    }
    let url = format!(
        "postgres://postgres@localhost/postgres?host={}",
        dir.display().to_string().replace('/', "%2F")
    );
    Ok(Cluster { url, _owner: owner })
}

fn newest_binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let major = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok().filter(|&v| v >= 15);
    let newest =
        versions.flatten().map(|e| e.path()).filter(|p| major(p).is_some()).max_by_key(|p| major(p))?;
    let bin = newest.join("bin");
    bin.join("initdb").exists().then_some(bin)
}
