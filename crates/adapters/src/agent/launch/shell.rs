//! A shell command as an agent's program: `bash -lc COMMAND`, and what the command names made visible.
//!
//! Invariants: nothing below a hidden path is shown because a command names it; the names of secrets are unset after
//! the login profile had its say; the command itself is passed on as it was written.

use std::io::Read;
use std::path::{Path, PathBuf};

use base::env::Env;

use super::words::{Named, named};
use super::{package_of, program};
use crate::sandbox::spec::DEFAULT_PATH;
use crate::sandbox::{Inside, Spec, is_shown_to_all};

/// Where the programs that the command names are linked inside.
const LINKS: &str = "/opt/seawall/bin";
/// Of a script, what is read to learn its interpreter, bytes: Linux reads no more.
const SHEBANG_BYTES: u64 = 256;

/// A command of a workflow or of the configuration.
#[derive(Clone, Debug)]
pub(in crate::agent) struct Shell {
    command: String,
    secrets: Vec<String>,
    env: Env,
}

impl Shell {
    /// `env`: where the host's programs are looked up; `secrets`: names that the command must not find in its
    /// environment, whatever a login profile sets.
    pub fn new(env: &Env, command: &str, secrets: Vec<String>) -> Shell {
        Shell { command: command.to_owned(), secrets, env: env.clone() }
    }

    /// The program to run in `spec`, which is given all that the command names. `prelude`: lines that run first.
    pub fn prepare(&self, walls: bool, spec: &mut Spec, inside: &Inside, prelude: &str) -> Vec<String> {
        let mut seen = Seen { env: &self.env, walls, inside, spec, dirs: Vec::new() };
        named(&self.command).iter().for_each(|named| seen.show(named));
        let dirs = seen.path();
        let script = [self.unset(), dirs, prelude.to_owned(), self.command.clone()];
        let script = script.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
        vec!["bash".to_owned(), "-lc".to_owned(), script]
    }

    fn unset(&self) -> String {
        let plain = |name: &&String| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let names: Vec<&str> = self.secrets.iter().filter(plain).map(String::as_str).collect();
        if names.is_empty() { String::new() } else { format!("unset -v {}", names.join(" ")) }
    }
}

/// What has been shown so far.
struct Seen<'a> {
    env: &'a Env,
    walls: bool,
    inside: &'a Inside,
    spec: &'a mut Spec,
    dirs: Vec<PathBuf>,
}

impl Seen<'_> {
    fn show(&mut self, named: &Named) {
        match named {
            Named::Path(path) if self.walls => self.show_file(path),
            // Without walls the host's own paths are all there.
            Named::Path(_) => {}
            Named::Program(name) => self.show_program(name),
        }
    }

    /// A file at the same path inside.
    fn show_file(&mut self, path: &Path) {
        let Ok(real) = std::fs::canonicalize(path) else { return };
        let in_workspace =
            self.inside.workspace == self.spec.workspace_tree && real.starts_with(&self.inside.workspace);
        if !real.is_file() || is_shown_to_all(path) || in_workspace {
            return;
        }
        let native = program::native(&real);
        if self.mount(&native) {
            self.interpreter(&native);
            if path != native {
                self.link(path, &native);
            }
        }
    }

    /// A program of the host's `PATH` that is not among the system's, under its name.
    fn show_program(&mut self, name: &str) {
        let Some(found) = self.env.find_program(name) else { return };
        let real = std::fs::canonicalize(&found).unwrap_or_else(|_| found.clone());
        let native = program::native(&real);
        if native == real && is_shown_to_all(&found) && is_shown_to_all(&real) {
            return;
        }
        if !self.walls {
            let dir = if native.ends_with(name) { native.parent() } else { found.parent() };
            self.dirs.extend(dir.map(Path::to_owned));
        } else if self.mount(&native) {
            self.interpreter(&native);
            self.link(&Path::new(LINKS).join(name), &native);
        }
    }

    /// Whether `program` can be seen inside now.
    fn mount(&mut self, program: &Path) -> bool {
        let hidden = |dir: &PathBuf| std::fs::canonicalize(dir).is_ok_and(|dir| program.starts_with(dir));
        if self.spec.hide.iter().any(hidden) {
            return false;
        }
        let package = package_of(program);
        if !is_shown_to_all(program) && !self.is_mounted(&package) {
            self.spec.read_only.push((package.clone(), package));
        }
        true
    }

    fn is_mounted(&self, path: &Path) -> bool {
        self.spec.read_only.iter().any(|(host, inside)| host == inside && path.starts_with(inside))
    }

    /// A name that lies in something that is mounted is there already, or cannot be made.
    fn link(&mut self, name: &Path, target: &Path) {
        let known = self.spec.links.iter().any(|(known, _)| known == name);
        if !known && !self.spec.read_only.iter().any(|(_, inside)| name.starts_with(inside)) {
            self.spec.links.push((name.to_owned(), target.to_owned()));
        }
    }

    /// What a script says it is run by.
    fn interpreter(&mut self, script: &Path) {
        let mut start = Vec::new();
        let read = std::fs::File::open(script).map(|file| file.take(SHEBANG_BYTES).read_to_end(&mut start));
        let text = String::from_utf8_lossy(&start);
        let Some(line) =
            text.strip_prefix("#!").and_then(|rest| rest.lines().next()).filter(|_| read.is_ok())
        else {
            return;
        };
        let mut words = line.split_whitespace();
        let first = words.next().map(Path::new);
        match first {
            Some(env) if env.ends_with("env") => {
                if let Some(name) = words.find(|word| !word.starts_with('-') && !word.contains('=')) {
                    self.show_binary(name);
                }
            }
            Some(path) if path.is_absolute() && !is_shown_to_all(path) => {
                self.show_binary(&path.display().to_string());
            }
            Some(_) | None => {}
        }
    }

    /// An interpreter; one that is itself a script is its own affair.
    fn show_binary(&mut self, name: &str) {
        let Some(found) = self.env.find_program(name) else { return };
        let real = std::fs::canonicalize(&found).unwrap_or_else(|_| found.clone());
        if is_shown_to_all(&found) || !self.mount(&real) {
            return;
        }
        let link = if name.contains('/') { PathBuf::from(name) } else { Path::new(LINKS).join(name) };
        if link != real {
            self.link(&link, &real);
        }
    }

    /// A login profile sets the search path anew, so what is ours comes after it.
    fn path(&self) -> String {
        let linked = self.spec.links.iter().any(|(name, _)| name.starts_with(LINKS));
        let set = self.spec.env.iter().find(|(key, _)| key == "PATH").map(|(_, value)| value.as_str());
        let usual: Vec<&str> = DEFAULT_PATH.split(':').collect();
        let given = set.into_iter().flat_map(|path| path.split(':')).filter(|dir| !usual.contains(dir));
        let mut dirs: Vec<String> = linked.then(|| LINKS.to_owned()).into_iter().collect();
        dirs.extend(self.dirs.iter().map(|dir| dir.display().to_string()));
        dirs.extend(given.map(str::to_owned));
        if dirs.is_empty() {
            return String::new();
        }
        format!("export PATH={}:\"$PATH\"", quoted(&dirs.join(":")))
    }
}

/// `text` as one word of a shell.
pub(in crate::agent) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn program(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn spec(root: &Path) -> Spec {
        Spec {
            name: "x".to_owned(),
            workspace_tree: root.join("workspace"),
            workspace_inside: None,
            git_dir: None,
            read_only: Vec::new(),
            links: Vec::new(),
            home: root.join("home"),
            home_inside: None,
            gateway_socket: root.join("socket"),
            env: Vec::new(),
            program: Vec::new(),
            limits: crate::sandbox::Limits::default(),
            hide: vec![root.join("state")],
            read_only_workspace: false,
            nested_walls: false,
        }
    }

    /// (what is mounted, what is linked), relative to `root`.
    fn shown(root: &Path, command: &str) -> (Vec<String>, Vec<String>) {
        let env = Env::fixed([("PATH", format!("{}:/usr/bin:/bin", root.join("bin").display()))]);
        let mut spec = spec(root);
        let inside = Inside::of(&spec, true, Path::new("/launcher"));
        Shell::new(&env, command, vec![]).prepare(true, &mut spec, &inside, "");
        let short = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
        let mounts = spec.read_only.iter().map(|(host, inside)| {
            assert_eq!(host, inside);
            short(host)
        });
        let links = spec.links.iter().map(|(name, target)| format!("{} -> {}", short(name), short(target)));
        (mounts.collect(), links.collect())
    }

    #[test]
    fn what_a_command_names_is_shown_at_its_own_path_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        program(&root.join("bin/tool"), "#!/bin/sh\n");
        program(&root.join("own/fake"), "#!/usr/bin/env tool\n");
        program(&root.join("state/secret"), "");
        let at = |name: &str| root.join(name).display().to_string();
        let list = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let tool = list(&["/opt/seawall/bin/tool -> bin/tool"]);
        assert_eq!(shown(&root, "A=1 tool x && ls"), (list(&["bin/tool"]), tool.clone()));
        assert_eq!(
            shown(&root, &format!("python3 {}", at("own/fake"))),
            (list(&["own/fake", "bin/tool"]), tool)
        );
        assert_eq!(shown(&root, &format!("cat {} /usr/bin/env", at("state/secret"))), (vec![], vec![]));
        assert_eq!(shown(&root, &format!("cat {}", at("own"))), (vec![], vec![]));
    }

    #[test]
    fn the_npm_wrapper_of_codex_leads_to_the_native_program() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let wrapper = root.join("node_modules/@openai/codex/bin/codex.js");
        program(&wrapper, "#!/usr/bin/env node\n");
        let vendor = format!("node_modules/@openai/codex-linux-x64/vendor/{}-x", std::env::consts::ARCH);
        program(&root.join(&vendor).join("bin/codex"), "\x7fELF...");
        program(&root.join(&vendor).join("codex-package.json"), "{}");
        std::fs::create_dir(root.join("bin")).unwrap();
        symlink(&wrapper, root.join("bin/codex")).unwrap();
        let (mounts, links) = shown(&root, "codex app-server");
        assert_eq!(mounts, std::slice::from_ref(&vendor));
        assert_eq!(links, [format!("/opt/seawall/bin/codex -> {vendor}/bin/codex")]);
        let by_path = format!("{} app-server", root.join("bin/codex").display());
        assert_eq!(shown(&root, &by_path).1, [format!("bin/codex -> {vendor}/bin/codex")]);
    }

    #[test]
    fn secrets_are_unset_and_the_command_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let mut spec = spec(dir.path());
        spec.env.push(("PATH".to_owned(), format!("/x y:{DEFAULT_PATH}")));
        let inside = Inside::of(&spec, true, Path::new("/launcher"));
        let secrets = ["LINEAR_API_KEY", "a; rm", ""].map(str::to_owned).to_vec();
        let shell = Shell::new(&Env::fixed([("PATH", "/usr/bin")]), "a 'b' && c # d", secrets);
        let words = shell.prepare(true, &mut spec, &inside, "first");
        assert_eq!(words[..2], ["bash", "-lc"]);
        let script = "unset -v LINEAR_API_KEY\nexport PATH='/x y':\"$PATH\"\nfirst\na 'b' && c # d";
        assert_eq!(words[2], script);
    }
}
