//! The small project that the demo works on, written to disk as a person would have it.

use super::Error;
use super::outside::{git, io};
use std::path::{Path, PathBuf};

/// Every file of the project, by its path in the repository.
const FILES: [(&str, &str); 9] = [
    ("README.md", include_str!("project/README.md")),
    ("CODEOWNERS", include_str!("project/CODEOWNERS")),
    ("payments/charge.sh", include_str!("project/payments/charge.sh")),
    ("web/receipt.sh", include_str!("project/web/receipt.sh")),
    ("tests/bank.sh", include_str!("project/tests/bank.sh")),
    ("tests/run.sh", include_str!("project/tests/run.sh")),
    (
        "teams/payments/incidents/2026-03-double-charge.md",
        include_str!("project/teams/payments/incidents/2026-03-double-charge.md"),
    ),
    (
        "teams/web/incidents/2026-05-receipt-cents.md",
        include_str!("project/teams/web/incidents/2026-05-receipt-cents.md"),
    ),
    (".gitignore", "*.tmp\n"),
];
const PROGRAMS: [&str; 2] = ["tests/bank.sh", "tests/run.sh"];
const CONFIG: [(&str, &str); 3] = [
    ("seawall.toml", include_str!("seawall.toml")),
    ("WORKFLOW.md", include_str!("WORKFLOW.md")),
    ("rehearsal.toml", include_str!("rehearsal.toml")),
];
const FIRST_ISSUE: &str = include_str!("issues/SHOP-1.md");
const SECOND_ISSUE: &str = include_str!("issues/SHOP-2.md");

/// Where everything of the demo lies.
pub(super) struct Project {
    pub(super) dir: PathBuf,
    /// The commit that the project starts with.
    pub(super) seed: String,
}

impl Project {
    /// Writes repository, remote, configuration and the first issue into `dir`.
    pub(super) fn write(dir: &Path) -> Result<Self, Error> {
        let checkout = dir.join("shop");
        for (path, text) in FILES {
            write(&checkout.join(path), text)?;
        }
        for program in PROGRAMS {
            executable(&checkout.join(program))?;
        }
        for (path, text) in CONFIG {
            write(&dir.join(path), text)?;
        }
        write(&dir.join("issues/SHOP-1.md"), FIRST_ISSUE)?;
        let remote = dir.join("shop.git");
        git(dir, &["init", "--quiet", "--bare", "--initial-branch=main", &text_of(&remote)])?;
        git(&checkout, &["init", "--quiet", "--initial-branch=main"])?;
        git(&checkout, &["add", "."])?;
        git(&checkout, &["commit", "--quiet", "--message=A shop small enough to read in a minute"])?;
        git(&checkout, &["push", "--quiet", &text_of(&remote), "main"])?;
        let seed = git(&checkout, &["rev-parse", "HEAD"])?;
        Ok(Self { dir: dir.to_owned(), seed })
    }

    /// Files the issue whose agent never comes to an end.
    pub(super) fn second_issue(&self) -> Result<(), Error> {
        write(&self.dir.join("issues/SHOP-2.md"), SECOND_ISSUE)
    }

    pub(super) fn remote(&self) -> PathBuf {
        self.dir.join("shop.git")
    }
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(io(format!("cannot make {}", parent.display())))?;
    }
    std::fs::write(path, text).map_err(io(format!("cannot write {}", path.display())))
}

fn executable(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, mode).map_err(io(format!("cannot make {} executable", path.display())))
}

fn text_of(path: &Path) -> String {
    path.display().to_string()
}
