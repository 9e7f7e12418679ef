//! The files of a tree that git reads by itself, looked at before git does: one that is a pipe would hold git until
//! its time is over.

use super::{Error, Refusal, Workspace};
use std::path::Path;

/// Read wherever they lie, without being asked.
const NAMES: [&str; 3] = [".gitignore", ".gitattributes", ".gitmodules"];
/// Entries beyond which we stop looking: over any quota of a workspace.
const MAX_ENTRIES: usize = 4_000_000;

/// Refuses a tree in which one of them is no plain file. Walks the tree, off the runtime's threads.
pub(super) async fn guard_settings(workspace: &Workspace) -> Result<(), Error> {
    let (tree, root) = (workspace.tree(), workspace.tree());
    let walk = tokio::task::spawn_blocking(move || find_odd(&tree));
    match walk.await.map_err(|error| Error::io("look through", root)(std::io::Error::other(error)))? {
        Some(path) => Err(Refusal::OddFile { path }.into()),
        None => Ok(()),
    }
}

fn find_odd(tree: &Path) -> Option<String> {
    let mut open = vec![tree.to_owned()];
    let mut seen = 0_usize;
    while let Some(dir) = open.pop() {
        // What we cannot list (closed, or deeper than a path can name), git cannot read either.
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            seen += 1;
            if seen > MAX_ENTRIES {
                return None;
            }
            let Ok(kind) = entry.file_type() else { continue };
            let named = entry.file_name().to_str().is_some_and(|name| NAMES.contains(&name));
            if kind.is_dir() {
                open.push(entry.path());
            } else if named && !kind.is_file() && !kind.is_symlink() {
                let path = entry.path();
                return Some(path.strip_prefix(tree).unwrap_or(&path).display().to_string());
            }
        }
    }
    None
}
