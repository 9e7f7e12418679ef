//! Whether git is new enough, asked before anything depends on it.

use super::Error;
use std::path::Path;
use std::process::{Command, Stdio};

/// The first git with `merge-tree --write-tree`, which landing and rebasing use.
const OLDEST: (u32, u32) = (2, 38);

/// Asks `program` for its version.
pub(super) fn check(program: &Path) -> Result<(), Error> {
    let mut command = Command::new(program);
    command.arg("--version").env_clear().stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().map_err(Error::io("start", program))?;
    let said = String::from_utf8_lossy(&output.stdout);
    match parse(&said) {
        Some(version) if version >= OLDEST => Ok(()),
        Some((major, minor)) => Err(Error::GitOld { found: format!("{major}.{minor}") }),
        None => Err(Error::GitOld { found: super::command::printable(said.trim()) }),
    }
}

/// `git version 2.47.3`, `git version 2.39.5 (Apple Git-154)`, `git version 2.45.1.windows.1`.
fn parse(said: &str) -> Option<(u32, u32)> {
    let mut parts = said.trim().strip_prefix("git version ")?.split(['.', ' ']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn versions_are_read_as_vendors_write_them() {
        assert_eq!(parse("git version 2.47.3\n"), Some((2, 47)));
        assert_eq!(parse("git version 2.39.5 (Apple Git-154)"), Some((2, 39)));
        assert_eq!(parse("git version 2.45.1.windows.1"), Some((2, 45)));
        assert_eq!(parse("git version 3.0"), Some((3, 0)));
        assert_eq!(parse("hello"), None);
    }

    #[test]
    fn an_old_git_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let git = dir.path().join("git");
        let answer = |text: &str| {
            std::fs::write(&git, format!("#!/bin/sh\necho '{text}'\n")).unwrap();
            std::fs::set_permissions(&git, PermissionsExt::from_mode(0o755)).unwrap();
            let env = base::env::Env::fixed([("PATH", dir.path().to_str().unwrap())]);
            super::super::GitForge::open(dir.path().join("cache"), &env, super::super::Limits::default())
        };
        let old = answer("git version 2.37.9").unwrap_err().to_string();
        assert!(old.contains("2.37") && old.contains("install git 2.38"), "{old}");
        assert!(answer("something else").is_err());
        answer("git version 2.38.0").unwrap();
    }
}
