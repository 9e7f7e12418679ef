//! Finds the native program behind what npm installs.
//!
//! npm installs a script (`@openai/codex/bin/codex.js`) and, beside that package or below it, one package per platform
//! with the program: `@openai/codex-linux-x64/vendor/<target>/bin/codex`. A killed script leaves the program running.

use std::io::Read;
use std::path::{Path, PathBuf};

use base::env::Env;
use domain::failure::{Failure, FailureKind};

/// An agent that is installed by npm.
#[derive(Debug)]
pub(in crate::agent) struct Packaged {
    /// Its command.
    pub name: &'static str,
    /// What the platforms' packages begin with.
    platform: &'static str,
    /// The directories in a platform's package that may hold the program: what their names begin with.
    target: Option<&'static str>,
    /// The program, from there.
    program: &'static str,
    /// How to install it.
    mend: &'static str,
}

/// The Codex CLI.
pub(in crate::agent) const CODEX: Packaged = Packaged {
    name: "codex",
    platform: "codex-linux-",
    target: Some(std::env::consts::ARCH),
    program: "bin/codex",
    mend: "install it with `npm install -g @openai/codex`, or name its path in the agent's command",
};
/// The Claude Code CLI.
pub(in crate::agent) const CLAUDE: Packaged = Packaged {
    name: "claude",
    platform: "claude-code-linux-",
    target: None,
    program: "claude",
    mend: "install it with `npm install -g @anthropic-ai/claude-code`, or name its path in the agent's command",
};

/// The native program of `command`, a name or a path. Fails with `agent_missing`.
pub(in crate::agent) fn find(env: &Env, command: &str, kind: &Packaged) -> Result<PathBuf, Failure> {
    let missing = |what: &str| Failure::new(FailureKind::AgentMissing, format!("{what}; {}", kind.mend));
    let found = env.find_program(command).ok_or_else(|| missing(&format!("`{command}` was not found")))?;
    let found = std::fs::canonicalize(&found).unwrap_or(found);
    if is_native(&found) {
        return Ok(found);
    }
    native_behind(&found, kind)
        .ok_or_else(|| missing(&format!("no native program lies behind {}", found.display())))
}

/// What to start in place of `program`, which may be the script of an agent that is known here.
pub(super) fn native(program: &Path) -> PathBuf {
    if is_native(program) {
        return program.to_owned();
    }
    let behind = [CODEX, CLAUDE].iter().find_map(|kind| native_behind(program, kind));
    behind.unwrap_or_else(|| program.to_owned())
}

fn is_native(path: &Path) -> bool {
    let mut magic = [0; 4];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && magic == *b"\x7fELF"
}

fn native_behind(wrapper: &Path, kind: &Packaged) -> Option<PathBuf> {
    // …/@openai/codex/bin/codex.js
    let package = wrapper.parent()?.parent()?;
    let scope = package.parent()?;
    let scopes = [scope.to_owned(), package.join("node_modules").join(scope.file_name()?)];
    let platforms = scopes.iter().flat_map(|scope| children(scope, kind.platform));
    let targets = platforms.flat_map(|platform| match kind.target {
        Some(target) => children(&platform.join("vendor"), target),
        None => vec![platform],
    });
    targets.map(|target| target.join(kind.program)).find(|program| is_native(program))
}

/// The entries of `dir` whose names start with `prefix`, sorted.
fn children(dir: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    let mut all: Vec<PathBuf> = named.map(|entry| entry.path()).collect();
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn write(path: &Path, bytes: &[u8]) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn the_native_program_is_found_behind_the_npm_wrapper() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let modules = root.join("node_modules");
        let target =
            format!("@openai/codex-linux-x64/vendor/{}-unknown-linux-musl/bin/codex", std::env::consts::ARCH);
        let wrapper = modules.join("@openai/codex/bin/codex.js");
        write(&wrapper, b"#!/usr/bin/env node\n");
        std::fs::create_dir_all(modules.join(".bin")).unwrap();
        symlink(&wrapper, modules.join(".bin/codex")).unwrap();
        let env = Env::fixed([("PATH", modules.join(".bin").to_str().unwrap())]);
        assert_eq!(find(&env, "codex", &CODEX).unwrap_err().kind, FailureKind::AgentMissing);
        write(&modules.join(&target), b"\x7fELF....");
        assert_eq!(find(&env, "codex", &CODEX).unwrap(), modules.join(&target));
        assert_eq!(
            find(&env, modules.join(&target).to_str().unwrap(), &CODEX).unwrap(),
            modules.join(&target)
        );
        assert!(
            find(&Env::fixed([("PATH", "/nowhere")]), "codex", &CODEX)
                .unwrap_err()
                .detail
                .contains("npm install")
        );
    }

    #[test]
    fn a_claude_whose_install_script_never_ran_is_seen_through() {
        let dir = tempfile::tempdir().unwrap();
        let scope = dir.path().canonicalize().unwrap().join("node_modules/@anthropic-ai");
        let stub = scope.join("claude-code/bin/claude.exe");
        write(&stub, b"echo run the install script");
        write(&scope.join("claude-code-linux-x64/claude"), b"\x7fELF....");
        assert_eq!(native(&stub), scope.join("claude-code-linux-x64/claude"));
        assert_eq!(native(Path::new("/bin/sh")), PathBuf::from("/bin/sh"));
    }
}
