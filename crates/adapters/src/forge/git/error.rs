//! What can go wrong between us and git, by what a caller can do about it.

use domain::Sha;
use std::io;
use std::path::PathBuf;

/// Why a forge operation failed. Nothing was pushed unless the operation says so in its answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Git is not installed.
    #[error("git not found on PATH; install git 2.38 or newer")]
    GitMissing,
    /// Git is too old to merge without a work tree.
    #[error("git {found} is too old; install git 2.38 or newer (`merge-tree --write-tree` lands changes)")]
    GitOld {
        /// What `git --version` says.
        found: String,
    },
    /// Git ran and refused.
    #[error("git {what} failed ({code}): {stderr}")]
    Git {
        /// The subcommand.
        what: String,
        /// How it ended.
        code: String,
        /// What it wrote, cut to a few lines.
        stderr: String,
    },
    /// Git ran longer than its limit and was ended, with its children.
    #[error("git {what} took longer than {seconds} s and was ended; check that the remote answers")]
    Timeout {
        /// The subcommand.
        what: String,
        /// The limit.
        seconds: u64,
    },
    /// Git wrote more than we are willing to hold.
    #[error("git {what} wrote more than {limit} bytes; the change or file is too large to handle")]
    TooMuchOutput {
        /// The subcommand.
        what: String,
        /// The limit.
        limit: usize,
    },
    /// A file operation of our own failed.
    #[error("cannot {what} {}; check space and permissions", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A remote, branch or commit name that we do not hand to git.
    #[error("{what} {text:?} is not usable: {why}")]
    BadName {
        /// `remote`, `branch` or `commit`.
        what: &'static str,
        /// The name.
        text: String,
        /// Why not.
        why: &'static str,
    },
    /// The remote has no such branch.
    #[error("{remote} has no branch {branch}; create it or correct the project's branch")]
    NoBranch {
        /// The remote.
        remote: String,
        /// The branch.
        branch: String,
    },
    /// The commit is in neither the workspace nor the remote.
    #[error("commit {0} is not known here; push its branch first")]
    NoCommit(Sha),
    /// The workspace was prepared at another commit.
    #[error("the workspace stands on {have}, not on {want}; use a workspace of its own for each commit")]
    OtherBase {
        /// What it stands on.
        have: Sha,
        /// What was asked for.
        want: Sha,
    },
    /// The workspace was never prepared, or its git directory is damaged.
    #[error("{} is not a prepared workspace; prepare it again", .0.display())]
    NotPrepared(PathBuf),
    /// The agent's tree holds something that must not become a commit.
    #[error("the change is refused: {0}")]
    Refused(Refusal),
    /// The remote's branch holds commits that the pushed head does not; we never force.
    #[error("branch {branch} already holds {have}, which {head} does not contain; push to a new branch name")]
    Diverged {
        /// The branch.
        branch: String,
        /// Its head.
        have: Sha,
        /// What was to be pushed.
        head: Sha,
    },
    /// A push to a branch that people land on.
    #[error("{0} is a branch that changes land on, and is not pushed to; choose another name")]
    LandingBranch(String),
    /// A forced push would take off the branch what somebody else made.
    #[error(
        "branch {branch} holds {have}, which no run of this issue pushed, and is not forced; push to a new branch name"
    )]
    NotOurs {
        /// The branch.
        branch: String,
        /// What would be lost.
        have: Sha,
    },
    /// The agent's folder holds no repository of its own.
    #[error("{} is not a git repository (a folder `.git` of its own is needed); nothing can be pushed from it", .0.display())]
    NotARepository(PathBuf),
    /// The agent's repository is not one that is taken from.
    #[error("the repository {} {why}", path.display())]
    Unfit {
        /// Its `.git`.
        path: PathBuf,
        /// Why not, and what to do.
        why: String,
    },
    /// No commit is checked out.
    #[error("no commit is checked out; commit first, or name the commit by its full id")]
    NoHead,
    /// Objects are missing.
    #[error(
        "commit {0}, or something that it needs, is neither in the workspace's repository nor on the remote; name a commit that `git log` shows, by its full id"
    )]
    Incomplete(Sha),
    /// Others landed faster than we could merge, many times in a row.
    #[error("{branch} was taken {tries} times while pushing; try again later. The last answer was: {last}")]
    Busy {
        /// The branch.
        branch: String,
        /// How often.
        tries: u32,
        /// What git said last; a lock file that stays must be removed from the remote by a person.
        last: String,
    },
}

/// What in the agent's tree must not become a commit. The text can be shown to the agent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A symbolic link that leads out of the repository.
    #[error("{path} is a symbolic link to {target:?}, outside the repository; remove it or make it relative")]
    LinkOutside {
        /// The link.
        path: String,
        /// Where it leads.
        target: String,
    },
    /// A git repository inside the tree.
    #[error("{path} is a git repository inside the repository; remove its .git")]
    NestedRepository {
        /// Its directory.
        path: String,
    },
    /// A path that cannot be shown, owned or cited safely.
    #[error("the path {path} is not UTF-8 or has control characters; rename it")]
    OddPath {
        /// The path, escaped.
        path: String,
    },
    /// A pipe, socket or device.
    #[error("{path} is neither a file nor a link nor a directory; remove it")]
    OddFile {
        /// The path.
        path: String,
    },
    /// A file that its owner may not read.
    #[error("{path} cannot be read; allow its owner to read it (chmod u+r), or remove it")]
    Unreadable {
        /// The path.
        path: String,
    },
    /// More files than the limit.
    #[error(
        "the change touches {count} files, more than {limit}; split it, or add build output to .gitignore"
    )]
    TooManyFiles {
        /// How many.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// More bytes than the limit.
    #[error("the changed files hold {bytes} bytes, more than {limit}; leave large files out")]
    TooLarge {
        /// How many.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Conflict markers of a rebase are still there.
    #[error("{path} still has conflict markers; resolve them")]
    Unresolved {
        /// The file.
        path: String,
    },
}

impl Error {
    pub(super) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
