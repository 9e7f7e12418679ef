//! Removes the branches that a run's commits were reviewed on, once nobody reviews them any more.

use super::push::lost_race;
use super::{Error, GitForge, names};
use std::path::Path;

/// Branches removed by one push: more would not fit into an argument list.
const BATCH: usize = 500;
/// Looks until none may be left: a run has some branches, not thousands.
const MAX_LOOKS: u32 = 10;

impl GitForge {
    /// Removes every branch of `remote` whose name begins with `prefix`, which must be `seawall/RUN/`, and no other.
    /// Doing it again is free. What was landed stays reachable from where it landed.
    pub async fn drop_branches(&self, remote: &str, prefix: &str) -> Result<(), Error> {
        let prefix = format!("refs/heads/{}", names::run_prefix(prefix)?);
        let mirror = self.mirror_dir(remote)?;
        let _held = self.lock(&mirror).await;
        // Git pushes from a repository only, even nothing.
        self.make_mirror(&mirror).await?;
        let mut last = String::from("branches keep appearing");
        for _ in 0..MAX_LOOKS {
            let heads = self.heads_below(remote, &prefix).await?;
            if heads.is_empty() {
                return Ok(());
            }
            match self.push_nothing(&mirror, remote, &heads).await {
                Ok(()) => {}
                // Somebody else removes or moves them at this moment.
                Err(error) if lost_race(&error) || error.to_string().contains("does not exist") => {
                    last = error.to_string();
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Busy { branch: prefix, tries: MAX_LOOKS, last })
    }

    /// Commit and full name of the branches that begin with `prefix`.
    async fn heads_below(&self, remote: &str, prefix: &str) -> Result<Vec<(String, String)>, Error> {
        let args = ["ls-remote", "--refs", "--", names::remote(remote)?, &format!("{prefix}*")];
        let stdout = self.git.call().args(args).ok().await?;
        let text = String::from_utf8_lossy(&stdout);
        let heads = text.lines().filter_map(|line| line.split_once('\t'));
        // Git matches the end of names: a person's `x/refs/heads/seawall/RUN/1` fits the pattern too.
        let ours = heads.filter(|(_, name)| name.starts_with(prefix)).take(BATCH);
        Ok(ours.map(|(sha, name)| (sha.to_owned(), name.to_owned())).collect())
    }

    async fn push_nothing(
        &self,
        mirror: &Path,
        remote: &str,
        heads: &[(String, String)],
    ) -> Result<(), Error> {
        // Only as they were seen: what was pushed meanwhile is looked at again.
        let leases = heads.iter().map(|(sha, name)| format!("--force-with-lease={name}:{sha}"));
        let call = self.git.bare(mirror).args(["push", "--quiet", "--no-verify", "--no-signed"]).args(leases);
        let specs = heads.iter().map(|(_, name)| format!(":{name}"));
        call.args(["--", names::remote(remote)?]).args(specs).ok().await.map(drop)
    }
}
