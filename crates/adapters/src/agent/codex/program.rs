//! Finds the native Codex program.
//!
//! npm installs a script `codex` (`@openai/codex/bin/codex.js`) and, beside that package or below it, one package per
//! platform with the program: `@openai/codex-linux-x64/vendor/<target>/bin/codex`.

use std::io::Read;
use std::path::{Path, PathBuf};

use base::env::Env;
use domain::failure::{Failure, FailureKind};

const MEND: &str = "install it with `npm install -g @openai/codex`, or name its path in the agent's command";

pub(super) fn find(env: &Env, command: &str) -> Result<PathBuf, Failure> {
    let missing = |what: &str| Failure::new(FailureKind::AgentMissing, format!("{what}; {MEND}"));
    let found = env.find_program(command).ok_or_else(|| missing(&format!("`{command}` was not found")))?;
    let found = std::fs::canonicalize(&found).unwrap_or(found);
    if is_native(&found) {
        return Ok(found);
    }
    native_behind(&found)
        .ok_or_else(|| missing(&format!("no native program lies behind {}", found.display())))
}

fn is_native(path: &Path) -> bool {
    let mut magic = [0; 4];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && magic == *b"\x7fELF"
}

fn native_behind(wrapper: &Path) -> Option<PathBuf> {
    // …/@openai/codex/bin/codex.js
    let package = wrapper.parent()?.parent()?;
    let scopes = [package.parent()?.to_owned(), package.join("node_modules/@openai")];
    let platforms = scopes.iter().flat_map(|scope| children(scope, "codex-linux-"));
    let targets = platforms.flat_map(|platform| children(&platform.join("vendor"), std::env::consts::ARCH));
    targets.map(|target| target.join("bin/codex")).find(|program| is_native(program))
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
        assert_eq!(find(&env, "codex").unwrap_err().kind, FailureKind::AgentMissing);
        write(&modules.join(&target), b"\x7fELF....");
        assert_eq!(find(&env, "codex").unwrap(), modules.join(&target));
        assert_eq!(find(&env, modules.join(&target).to_str().unwrap()).unwrap(), modules.join(&target));
        assert!(
            find(&Env::fixed([("PATH", "/nowhere")]), "codex").unwrap_err().detail.contains("npm install")
        );
    }
}
