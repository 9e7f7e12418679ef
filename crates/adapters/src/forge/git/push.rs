//! Pushes a commit for others to see: never onto a branch that changes land on, and never over what somebody else made.

use super::take::Taken;
use super::{Error, GitForge, Workspace, names};
use domain::Sha;
use std::path::Path;
use std::time::Duration;

/// Every rejected push means somebody else pushed; this many in a row is a queue nobody should stand in.
pub(super) const MAX_TRIES: u32 = 50;
/// Two that were rejected together should not come back together.
const FIRST_WAIT: Duration = Duration::from_millis(10);
const MAX_WAIT: Duration = Duration::from_millis(500);
/// Branches that are landed on, or deployed from, wherever they exist.
const LANDING_NAMES: [&str; 5] = ["main", "master", "trunk", "develop", "production"];

/// What a push may take off a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over<'a> {
    /// Nothing: the branch is made, or moved forward.
    Nothing,
    /// What was pushed before in the same name.
    Own {
        /// The branch's head as that push left it; `None`: there was no such push.
        last: Option<&'a Sha>,
        /// A commit of somebody else that it was pushed on, and that has to stay.
        keep: Option<&'a Sha>,
    },
}

/// What a push would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: the branch stands there.
    Nothing { at: Sha },
    /// Makes the branch.
    Make,
    /// Moves it forward.
    Forward { before: Sha },
    /// Moves it elsewhere.
    Away { before: Sha },
}

/// How a commit is pushed.
#[derive(Clone, Debug, Default)]
pub(super) struct Manner {
    /// Force it, but only over this.
    pub lease: Option<Sha>,
    /// What git calls itself to the other side, whatever the transport; nobody refuses a push for it.
    pub agent: Option<String>,
}

/// How a push ended.
pub(super) enum Push {
    Done,
    Rejected(Error),
}

impl Next {
    pub(super) fn before(&self) -> Option<&Sha> {
        match self {
            Self::Nothing { at } => Some(at),
            Self::Make => None,
            Self::Forward { before } | Self::Away { before } => Some(before),
        }
    }
}

impl GitForge {
    /// Pushes `head` to the branch `name` of `remote`, creating it or moving it forward; never forced. Doing it
    /// again is free. Errors with [`Error::LandingBranch`] for the branches that changes land on, and with
    /// [`Error::Diverged`] when the branch holds other work.
    pub async fn push_branch(
        &self,
        workspace: &Workspace,
        remote: &str,
        head: &Sha,
        name: &str,
    ) -> Result<(), Error> {
        let dir = workspace.git_dir();
        self.guard_landing(remote, name).await?;
        let _held = self.lock(&workspace.root).await;
        let mut last = String::new();
        for tries in 0..MAX_TRIES {
            wait_before(tries, head).await;
            if let Next::Nothing { .. } = self.next(&dir, remote, head, name, Over::Nothing).await? {
                return Ok(());
            }
            match self.push(&dir, remote, head, name, &Manner::default()).await? {
                Push::Done => return Ok(()),
                // An earlier call that was given up may still be pushing the same thing.
                Push::Rejected(error) if lost_race(&error) => last = error.to_string(),
                Push::Rejected(error) => return Err(error),
            }
        }
        Err(Error::Busy { branch: name.to_owned(), tries: MAX_TRIES, last })
    }

    /// Pushes what was taken, once, as it was found possible then. `bearer` is what the other side is told of who
    /// pushes. A push that was overtaken is an error: whoever asked has to look again.
    pub async fn push_taken(&self, taken: &Taken, bearer: &str) -> Result<(), Error> {
        let lease = match &taken.next {
            Next::Nothing { .. } => return Ok(()),
            Next::Make | Next::Forward { .. } => None,
            Next::Away { before } => Some(before.clone()),
        };
        let manner = Manner { lease, agent: Some(format!("git/2 {bearer}")) };
        let Taken { stage, remote, branch, commit, .. } = taken;
        match self.push(&stage.0, remote, commit, branch, &manner).await? {
            Push::Done => Ok(()),
            Push::Rejected(error) if lost_race(&error) => {
                Err(Error::Busy { branch: branch.clone(), tries: 1, last: error.to_string() })
            }
            Push::Rejected(error) => Err(error),
        }
    }

    /// Refuses a branch that is not an agent's to push to; `landing` is one more that is landed on.
    pub(super) async fn guard_branch(&self, remote: &str, name: &str, landing: &str) -> Result<(), Error> {
        let bad = |why| Err(Error::BadName { what: "branch", text: name.to_owned(), why });
        if names::branch(name)?.starts_with("refs/") {
            return bad("give the branch's short name, without refs/heads/");
        }
        if name.split('/').next().is_some_and(|first| first.eq_ignore_ascii_case("seawall")) {
            return bad("names below seawall/ are Seawall's own; choose another");
        }
        if name.eq_ignore_ascii_case(landing) {
            return Err(Error::LandingBranch(name.to_owned()));
        }
        self.guard_landing(remote, name).await
    }

    async fn guard_landing(&self, remote: &str, name: &str) -> Result<(), Error> {
        let name = names::branch(name)?;
        // Where the remote does not tell names by their case, neither may we.
        let known = LANDING_NAMES.iter().any(|known| name.eq_ignore_ascii_case(known));
        let default = |branch: String| branch.eq_ignore_ascii_case(name);
        if known || self.default_branch(remote).await?.is_some_and(default) {
            return Err(Error::LandingBranch(name.to_owned()));
        }
        Ok(())
    }

    /// What a push of `head` from `dir` would do.
    pub(super) async fn next(
        &self,
        dir: &Path,
        remote: &str,
        head: &Sha,
        name: &str,
        over: Over<'_>,
    ) -> Result<Next, Error> {
        let Some(have) = self.remote_head(remote, name).await? else { return Ok(Next::Make) };
        if have == *head {
            return Ok(Next::Nothing { at: have });
        }
        self.fetch(dir, remote, name).await?;
        if self.contains(dir, head, &have).await? {
            return Ok(Next::Forward { before: have });
        }
        let branch = name.to_owned();
        let Over::Own { last, keep } = over else {
            return Err(Error::Diverged { branch, have, head: head.clone() });
        };
        if last != Some(&have) {
            return Err(Error::NotOurs { branch, have });
        }
        if let Some(keep) = keep
            && !self.contains(dir, head, keep).await?
        {
            return Err(Error::NotOurs { branch, have: keep.clone() });
        }
        Ok(Next::Away { before: have })
    }

    pub(super) async fn push(
        &self,
        dir: &Path,
        remote: &str,
        sha: &Sha,
        branch: &str,
        manner: &Manner,
    ) -> Result<Push, Error> {
        let spec = format!("{}:refs/heads/{}", names::sha(sha)?, names::branch(branch)?);
        let lease = manner.lease.as_ref().map(|old| format!("--force-with-lease=refs/heads/{branch}:{old}"));
        let remote = names::remote(remote)?.to_owned();
        let agent = manner.agent.clone();
        let (git, dir) = (self.git.clone(), dir.to_owned());
        // A push that was begun is finished, also when nobody waits for it any more: ended half way it could
        // leave its lock on the remote's branch, and nobody would ever land there again.
        let pushing = tokio::spawn(async move {
            let mut call = git.bare(&dir).args(["push", "--quiet", "--no-verify", "--no-signed"]).args(lease);
            if let Some(agent) = agent {
                call = call.env("GIT_USER_AGENT", agent);
            }
            call.args(["--", &remote, &spec]).run().await
        });
        let lost =
            |_| Error::io("finish a push with", &self.git.program)(std::io::Error::other("shutting down"));
        let output = pushing.await.map_err(lost)??;
        Ok(if output.code == 0 { Push::Done } else { Push::Rejected(output.failure()) })
    }

    async fn default_branch(&self, remote: &str) -> Result<Option<String>, Error> {
        let args = ["ls-remote", "--symref", "--", names::remote(remote)?, "HEAD"];
        let stdout = self.git.call().args(args).ok().await?;
        let text = String::from_utf8_lossy(&stdout);
        let line = text.lines().find_map(|l| l.strip_prefix("ref: refs/heads/"));
        Ok(line.and_then(|l| l.split('\t').next()).map(str::to_owned))
    }
}

/// Whether git's words tell of another push at the same moment. Two pushes that meet at the reference's lock are
/// told so before either has moved it.
pub(super) fn lost_race(error: &Error) -> bool {
    let text = error.to_string();
    if ["Permission denied", "Read-only file system", "No space left"]
        .iter()
        .any(|words| text.contains(words))
    {
        return false;
    }
    [
        "cannot lock ref",
        "failed to update ref",
        "fetch first",
        "non-fast-forward",
        "stale info",
        "incorrect old value",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// Waits longer from try to try, by an amount that differs from commit to commit.
pub(super) async fn wait_before(tries: u32, head: &Sha) {
    if tries > 0 {
        let spread = head.as_str().bytes().take(8).fold(0_u64, |sum, b| sum * 31 + u64::from(b)) % 20;
        let wait = FIRST_WAIT.saturating_mul(tries).min(MAX_WAIT) + Duration::from_millis(spread);
        tokio::time::sleep(wait).await;
    }
}
