//! The repository's own text files, read once.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Every file that git tracks, or would track if it were added.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Where the repository lies.
    pub(super) root: PathBuf,
    /// By path.
    pub(super) files: Vec<File>,
    /// Paths of files that are not text.
    pub(super) binary: Vec<String>,
}

/// One text file.
#[derive(Debug)]
pub(super) struct File {
    /// Relative to the repository, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl Tree {
    /// Reads the repository that this program was built in.
    pub(super) fn of_repository() -> Result<Self, String> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").ok_or("run it as `cargo xtask house`")?;
        let root = Path::new(&manifest).parent().ok_or("the repository has no root")?.to_owned();
        let listed = Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
            .current_dir(&root)
            .output()
            .map_err(|error| format!("cannot run git ({error}); install it"))?;
        if !listed.status.success() {
            return Err("git does not list the files of this folder; run it in a clone".to_owned());
        }
        let mut tree = Self { root, ..Self::default() };
        for path in String::from_utf8_lossy(&listed.stdout).split('\0').filter(|path| !path.is_empty()) {
            match std::fs::read(tree.root.join(path)).map(String::from_utf8) {
                Ok(Ok(text)) => tree.files.push(File { path: path.to_owned(), text }),
                Ok(Err(_)) => tree.binary.push(path.to_owned()),
                // Removed, and the removal not committed yet; or a link that leads nowhere.
                Err(_) => {}
            }
        }
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    /// A tree made of texts.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let file = |&(path, text): &(&str, &str)| File { path: path.to_owned(), text: text.to_owned() };
        Self { files: files.iter().map(file).collect(), ..Self::default() }
    }

    /// Rust files.
    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// Whether `path` names a file, or a folder that holds one.
    pub(super) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let known = self.files.iter().map(|file| &file.path).chain(&self.binary);
        let folder = format!("{path}/");
        known.into_iter().any(|known| known == path || known.starts_with(&folder))
    }
}

impl File {
    /// The crate it belongs to, for files below `crates/`.
    pub(super) fn krate(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// Lines of code with their numbers from 1; comments that fill a line are left out.
    pub(super) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// Whether `word` stands in `line` by itself, not as a part of a longer name.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_not_a_part_of_another() {
        assert!(has_word("let at = Instant::now();", "Instant"));
        assert!(!has_word("let instantly = Instantly;", "Instant"));
        assert!(has_word("async fn x()", "async"));
        assert!(!has_word("my_async_thing", "async"));
    }

    #[test]
    fn a_folder_is_there_when_it_holds_a_file() {
        let tree = Tree::of(&[("crates/store/src/lib.rs", "")]);
        assert!(tree.has("crates/store/") && tree.has("crates/store/src/lib.rs"));
        assert!(!tree.has("crates/sto"));
    }

    #[test]
    fn comments_are_not_code() {
        let tree = Tree::of(&[("a.rs", "// one\nlet two = 2; // three\n")]);
        assert_eq!(tree.files[0].code().collect::<Vec<_>>(), [(2, "let two = 2; // three")]);
    }
}
