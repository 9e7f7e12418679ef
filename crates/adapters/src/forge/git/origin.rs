//! Where a repository that somebody else's script made came from. Asked once, before an agent could write in it.

use super::{Error, GitForge, names};
use std::path::{Path, PathBuf};

/// A longer address is none.
const MAX_ORIGIN_BYTES: usize = 4 * 1024;

impl GitForge {
    /// The `remote.origin.url` of the repository at `folder`, a path made absolute; `None` when `folder` is no
    /// repository of its own, has no such remote, or has one below `folder`, where an agent will write: whoever
    /// pushes to a repository on the same machine runs its hooks. Nothing else of the configuration counts, nor
    /// what it includes.
    pub async fn origin_of(&self, folder: &Path) -> Result<Option<String>, Error> {
        let config = folder.join(".git/config");
        let is_own = folder.join(".git").symlink_metadata().is_ok_and(|meta| meta.is_dir());
        if !is_own || !config.symlink_metadata().is_ok_and(|meta| meta.is_file()) {
            return Ok(None);
        }
        let call = self.git.call().args(["config", "--no-includes", "--file"]).args([&config]);
        let call = call.args(["--null", "--get", "remote.origin.url"]).limit(MAX_ORIGIN_BYTES);
        let output = call.run().await?;
        match output.code {
            _ if output.cut => Ok(None),
            0 => {
                let text = String::from_utf8_lossy(&output.stdout);
                Ok(usable(text.trim_end_matches('\0'), folder))
            }
            // There is no such key.
            1 => Ok(None),
            _ => Err(output.failure()),
        }
    }
}

fn usable(origin: &str, folder: &Path) -> Option<String> {
    let path = match origin.strip_prefix("file://") {
        Some(path) => PathBuf::from(path),
        None if is_address(origin) => return names::remote(origin).ok().map(str::to_owned),
        None => folder.join(origin),
    };
    let (real, folder) = (path.canonicalize().ok()?, folder.canonicalize().ok()?);
    if real.starts_with(&folder) {
        return None;
    }
    names::remote(real.to_str()?).ok().map(str::to_owned)
}

/// As git tells an address from a path.
fn is_address(text: &str) -> bool {
    let scp_like = text.split_once(':').is_some_and(|(host, _)| !host.is_empty() && !host.contains('/'));
    text.contains("://") || scp_like
}
