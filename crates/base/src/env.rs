//! The process environment, injected so that a test can say what it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::Access;

/// Environment variables: those of this process, or a fixed set.
#[derive(Clone, Debug)]
pub struct Env(Source);

#[derive(Clone, Debug)]
enum Source {
    Process,
    Fixed(Arc<BTreeMap<String, String>>),
}

impl Env {
    /// The environment this process was started with.
    pub fn process() -> Env {
        Env(Source::Process)
    }

    /// Exactly these variables. Tests, and children whose environment is composed.
    pub fn fixed<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Env {
        let map = pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        Env(Source::Fixed(Arc::new(map)))
    }

    /// The value of `name`; `None` when unset or not UTF-8.
    pub fn get(&self, name: &str) -> Option<String> {
        match &self.0 {
            Source::Process => std::env::var(name).ok(),
            Source::Fixed(map) => map.get(name).cloned(),
        }
    }

    /// Every variable that is UTF-8.
    pub fn vars(&self) -> impl Iterator<Item = (String, String)> + use<> {
        let all: Vec<(String, String)> = match &self.0 {
            Source::Process => {
                let text = |text: std::ffi::OsString| text.into_string().ok();
                std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect()
            }
            Source::Fixed(map) => map.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        };
        all.into_iter()
    }

    /// The first executable file called `name` on this environment's `PATH`; a `name` with a slash is taken as
    /// a path. Empty and relative entries of `PATH` are skipped: they would depend on the working directory.
    pub fn find_program(&self, name: &str) -> Option<PathBuf> {
        if name.is_empty() {
            return None;
        }
        if name.contains('/') {
            return Some(PathBuf::from(name)).filter(|path| is_executable_file(path));
        }
        let path = self.get("PATH")?;
        std::env::split_paths(&path)
            .filter(|dir| dir.is_absolute())
            .map(|dir| dir.join(name))
            .find(|candidate| is_executable_file(candidate))
    }
}

fn is_executable_file(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn fixed_environment_knows_only_its_pairs() {
        let env = Env::fixed([("A", "1")]);
        assert_eq!((env.get("A").as_deref(), env.get("PATH")), (Some("1"), None));
        assert_eq!(env.find_program("sh"), None);
    }

    #[test]
    fn finds_the_first_executable_file_and_skips_others() {
        let root = tempfile::tempdir().unwrap();
        for (dir, mode) in [("plain", 0o644), ("good", 0o755), ("late", 0o755)] {
            fs::create_dir(root.path().join(dir)).unwrap();
            let file = root.path().join(dir).join("tool");
            fs::write(&file, "").unwrap();
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        }
        fs::create_dir_all(root.path().join("folder/tool")).unwrap();
        let at = |dir: &str| root.path().join(dir);
        let path = std::env::join_paths([at("folder"), at("plain"), at("good"), at("late")]).unwrap();
        let env = Env::fixed([("PATH", path.into_string().unwrap())]);
        assert_eq!(env.find_program("tool"), Some(at("good/tool")));
        assert_eq!(env.find_program("other"), None);
        assert_eq!(env.find_program(at("plain/tool").to_str().unwrap()), None);
    }

    #[test]
    fn process_environment_finds_a_shell() {
        assert!(Env::process().find_program("sh").is_some());
    }
}
