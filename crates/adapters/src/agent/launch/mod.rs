//! How an agent's program is found, and made visible inside the walls.

pub(in crate::agent) mod program;
mod shell;
mod words;

pub(in crate::agent) use shell::{Shell, quoted};

use crate::sandbox::Inside;
use std::path::{Path, PathBuf};

/// The port of the forwarder inside; nobody else is in that network namespace.
const INNER_PORT: u16 = 18080;

/// The port of the way to the gateway. Without walls it is one that is free now; whoever takes it first gets nothing
/// without the token.
pub(in crate::agent) fn forward_port(walls: bool) -> std::io::Result<u16> {
    if walls {
        return Ok(INNER_PORT);
    }
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The start of a command line that forwards `port` to the gateway beside the program that follows.
pub(in crate::agent) fn forwarded(inside: &Inside, port: u16) -> Vec<String> {
    let path = |path: &Path| path.display().to_string();
    let listen = format!("127.0.0.1:{port}");
    let (launcher, socket) = (path(&inside.launcher), path(&inside.gateway_socket));
    vec![launcher, "sandbox-forward".into(), "--listen".into(), listen, "--socket".into(), socket]
}

/// What to show so that the program at `path` works: the package it was installed with, or the file alone.
fn package_of(path: &Path) -> PathBuf {
    let named = |dir: Option<&Path>, name: &str| dir.is_some_and(|dir| dir.ends_with(name));
    let scoped = |dir: &Path| {
        dir.file_name().is_some_and(|name| name.to_string_lossy().starts_with('@'))
            && named(dir.parent(), "node_modules")
    };
    let package = path.ancestors().skip(1).find(|dir| {
        let npm = dir.parent().is_some_and(|parent| named(Some(parent), "node_modules") || scoped(parent));
        let scope = dir.file_name().is_some_and(|name| name.to_string_lossy().starts_with('@'));
        dir.join("codex-package.json").is_file() || (npm && !scope && !dir.ends_with(".bin"))
    });
    package.unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expect: &str) {
        assert_eq!(package_of(Path::new(path)), PathBuf::from(expect));
    }

    #[test]
    fn a_program_of_a_package_needs_the_package_and_no_more() {
        check("/x/bin/fake", "/x/bin/fake");
        check("/x/node_modules/@openai/codex/bin/codex.js", "/x/node_modules/@openai/codex");
        check("/x/node_modules/tool/cli.js", "/x/node_modules/tool");
        check("/x/node_modules/.bin/tool", "/x/node_modules/.bin/tool");
    }
}
